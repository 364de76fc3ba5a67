"""Simulated files with known defects: silver must hold exactly the readings that the truth says."""

from dataclasses import replace
from datetime import date
from typing import Literal

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kaikai_assets.platform import Platform
from kaikai_assets.simulation.air import AirDefects, AirFaults, simulate_air
from kaikai_assets_tests.end_to_end.product import build, table

RECORDS = {
    "no_time": ["bad_time"],
    "no_entity": ["no_sensor"],
    "damaged_record": ["ragged"],
    "time_out_of_range": ["clock_reset", "clock_ahead"],
}
CELLS = {"not_a_number": ["unparseable"], "impossible": ["impossible", "fahrenheit"]}


@pytest.mark.parametrize("source", ["kaikai_csv", "airgradient_export_5min"])
def test_silver_holds_the_true_readings_and_quarantine_every_injected_defect(
    platform: Platform, source: Literal["kaikai_csv", "airgradient_export_5min"]
) -> None:
    many = AirDefects(unparseable=0.01, impossible=0.01, bad_time=0.01, no_sensor=0.01, ragged=0.01, correction=0.02)
    truth = simulate_air(
        platform.settings.inbox,
        start=date(2025, 3, 1),
        days=4,
        defects=many,
        faults=replace(AirFaults(), drift=0),
        source=source,
        seed=7,
    )
    build(platform)
    silver = table(platform, "silver/air_measurements")
    assert_frame_equal(
        silver.select(truth.readings.columns).sort("sensor_id", "time"),
        truth.readings.sort("sensor_id", "time"),
        check_exact=True,
        check_dtypes=False,
    )
    aside = table(platform, "silver/air_quarantine")
    for rules, kind in ((RECORDS, "record"), (CELLS, "cell")):
        for rule, defects in rules.items():
            injected = truth.defects.filter(pl.col("kind").is_in(defects))
            # A suspect PM2.5 can come with an impossible PM10; the truth is about the four metrics.
            told = pl.col("column").is_null() | pl.col("column").is_in(["pm25", "temperature", "humidity", "co2"])
            found = aside.filter(told, kind=kind, rule=rule)
            assert set(injected["kind"]) == set(defects)
            lines = {(file.split("/")[-1], line) for file, line in injected.select("file", "line").iter_rows()}
            assert {(f.split("/")[-1], n) for f, n in found.select("raw_file", "record").iter_rows()} == lines
    suspect = truth.readings.filter(pl.col("pm25") > 500).select("sensor_id", "time")
    flags = silver.join(suspect, on=["sensor_id", "time"], how="semi")["pm25_flag"]
    assert suspect.height >= truth.defects.filter(kind="suspect").height > 0
    assert set(flags) == {3}


def test_the_dust_episode_is_one_alert_across_midnight(platform: Platform) -> None:
    truth = simulate_air(
        platform.settings.inbox, start=date(2025, 3, 1), days=8, defects=AirDefects.none(), sensors=3, seed=1
    )
    build(platform)
    assert truth.dust is not None
    alerts = table(platform, "gold/air_alerts").filter(rule="pm25_hourly_above_35")
    in_dust = alerts.filter(pl.col("opened_at") < truth.dust.end, pl.col("last_violation_end") > truth.dust.start)
    long = in_dust.filter(pl.col("n") >= 6)
    assert long["sensor_id"].n_unique() == 3
    assert (long["opened_at"].dt.date() < long["last_violation_end"].dt.date()).all()
