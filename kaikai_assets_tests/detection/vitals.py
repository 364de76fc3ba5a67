"""The command that makes the figures of ``docs/vitals.md``: how many injected crises the active rule set told."""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl

from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.vitals.domain import VITALS
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.vault import Vault
from kaikai_assets.settings import Settings
from kaikai_assets.simulation.vitals import Profile, Truth, simulate_vitals
from kaikai_assets_tests.detection.score import Share
from kaikai_assets_tests.end_to_end.product import build, table

# kidjamo-v1 as published, written down a second time.
CROSSES = (
    (pl.col("spo2_pct") < 88)
    | (pl.col("temp_corp") >= 38.0)
    | (pl.col("freq_card") < 40)
    | (pl.col("freq_card") > 180)
    | ((pl.col("temp_corp") >= 38.0) & (pl.col("spo2_pct") <= 92))
)


@dataclass(frozen=True)
class Told:
    """``recall`` of crises that cross the active set; ``false`` critical alerts that overlap no crisis, ``by_fault``
    of them while the device was faulty; ``patient_days``; ``alerts`` in all, and ``faults`` of sensors that were told.
    """

    crises: int
    recall: Share
    alerts: int
    false: int
    by_fault: int
    faults: int
    patient_days: int


def built(platform: Platform, *, profile: Profile, days: int, patients: int, interval_s: int, seed: int) -> Truth:
    """Simulate with the usual defects and faults, and build. The platform must be new."""
    truth = simulate_vitals(
        platform.settings.inbox,
        profile=profile,
        start=date(2025, 3, 1),
        days=days,
        patients=patients,
        interval_s=interval_s,
        seed=seed,
    )
    if failed := build(platform, domain=VITALS).failed:
        raise RuntimeError(f"not built: {failed}")
    return truth


def named(platform: Platform, frame: pl.DataFrame) -> pl.DataFrame:
    """A frame of the truth with pseudonyms for the ids of patients and devices, where it has them."""
    vault = Vault.opened(platform.settings, VITALS.name)
    hidden: dict[str, Callable[[str], str]] = {
        "patient_id": vault.pseudonym,
        "device_id": partial(vault.attribute, "device_id"),
    }
    return frame.with_columns(
        pl.col(name).replace_strict(
            {text: of(text) for text in frame[name].drop_nulls().unique()}, default=None, return_dtype=pl.String
        )
        for name, of in hidden.items()
        if name in frame.columns
    )


def compared(platform: Platform, truth: Truth) -> Told:
    """What the tables tell beside the truth."""
    alerts = table(platform, "gold/vitals_critical_alerts", VITALS)
    crises = named(platform, truth.crises).with_row_index("crisis")
    readings = named(platform, truth.readings)
    crossing = _within(readings.filter(CROSSES), "time", crises)["crisis"].unique()
    expected = crises.filter(pl.col("crisis").is_in(crossing.implode()))
    met = _overlapping(alerts, crises)
    false = alerts.join(met.select("alert_id").unique(), on="alert_id", how="anti")
    wearers = readings.select("patient_id", "device_id").unique()
    faulty = _overlapping(false, named(platform, truth.faults).join(wearers, on="device_id"))
    every = table(platform, "gold/vitals_alerts", VITALS)
    return Told(
        crises=crises.height,
        recall=Share(expected.join(met.select("crisis").unique(), on="crisis", how="semi").height, expected.height),
        alerts=alerts.height,
        false=false.height,
        by_fault=faulty["alert_id"].n_unique(),
        faults=every.filter(pl.col("rule").str.starts_with("sensor_fault")).height,
        patient_days=readings.select("patient_id", pl.col("time").dt.date()).unique().height,
    )


def _within(rows: pl.DataFrame, time: str, spans: pl.DataFrame) -> pl.DataFrame:
    pairs = rows.join(spans, on="patient_id", suffix="_of_span")
    return pairs.filter(pl.col(time) >= pl.col("start"), pl.col(time) < pl.col("end"))


def _overlapping(alerts: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    pairs = alerts.join(spans, on="patient_id")
    return pairs.filter(pl.col("opened_at") < pl.col("end"), pl.col("last_violation_end") >= pl.col("start"))


def main() -> None:
    """Simulate, build, compare, and print."""
    parser = argparse.ArgumentParser(prog="python -m kaikai_assets_tests.detection.vitals", description=__doc__)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        platform = build_platform(Settings(data=Path(folder), settle_s=0))
        truth = built(platform, profile="medical", interval_s=60, **vars(arguments))
        told = compared(platform, truth)
    print(f"readings in silver: {truth.readings.height}")
    print(f"crises: {told.crises}; crossing kidjamo-v1 and told: {told.recall}")
    print(f"critical alerts: {told.alerts}; sensor faults told: {told.faults}")
    print(f"critical alerts outside every crisis: {told.false} in {told.patient_days} patient-days, ", end="")
    print(f"{told.false / told.patient_days:.3f} a patient and day; while a device was faulty: {told.by_fault}")


if __name__ == "__main__":
    main()
