"""Simulated files with known defects: silver must hold exactly the readings that the truth says."""

from datetime import date
from typing import Literal

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kaikai_assets.orchestration.platform import Platform
from kaikai_assets.simulation.air import AirDefects, simulate_air
from kaikai_assets_tests.end_to_end.product import build, table

REJECTING = {"bad_time": "no_time", "no_sensor": "no_entity", "ragged": "damaged_record"}
CELLS = {"unparseable": "not_a_number", "impossible": "impossible"}


@pytest.mark.parametrize("source", ["kaikai_csv", "airgradient_export_5min"])
def test_silver_holds_the_true_readings_and_quarantine_every_injected_defect(
    platform: Platform, source: Literal["kaikai_csv", "airgradient_export_5min"]
) -> None:
    many = AirDefects(unparseable=0.01, impossible=0.01, bad_time=0.01, no_sensor=0.01, ragged=0.01, correction=0.02)
    truth = simulate_air(platform.settings.inbox, start=date(2025, 3, 1), days=4, defects=many, source=source, seed=7)
    build(platform)
    silver = table(platform, "silver/air_measurements")
    assert_frame_equal(
        silver.select(truth.readings.columns).sort("sensor_id", "time"),
        truth.readings.sort("sensor_id", "time"),
        check_exact=True,
        check_dtypes=False,
    )
    aside = table(platform, "silver/air_quarantine")
    for kinds, kind in ((REJECTING, "record"), (CELLS, "cell")):
        for defect, rule in kinds.items():
            injected = truth.defects.filter(kind=defect)
            # A suspect PM2.5 can come with an impossible PM10; the truth is about the four metrics.
            told = pl.col("column").is_null() | pl.col("column").is_in(["pm25", "temperature", "humidity", "co2"])
            found = aside.filter(told, kind=kind, rule=rule)
            assert injected.height > 0
            lines = {(file.split("/")[-1], line) for file, line in injected.select("file", "line").iter_rows()}
            assert {(f.split("/")[-1], n) for f, n in found.select("raw_file", "record").iter_rows()} == lines
    suspect = truth.defects.filter(kind="suspect").select("sensor_id", "time")
    flags = silver.join(suspect, on=["sensor_id", "time"], how="semi")["pm25_flag"]
    assert suspect.height > 0
    assert set(flags) == {3}


def test_the_dust_episode_is_one_alert_across_midnight(platform: Platform) -> None:
    truth = simulate_air(
        platform.settings.inbox, start=date(2025, 3, 1), days=8, defects=AirDefects.none(), sensors=3, seed=1
    )
    build(platform)
    assert truth.dust is not None
    alerts = table(platform, "gold/air_alerts")
    in_dust = alerts.filter(pl.col("opened_at") < truth.dust.end, pl.col("last_violation_end") > truth.dust.start)
    long = in_dust.filter(pl.col("n") >= 6)
    assert long["sensor_id"].n_unique() == 3
    assert (long["opened_at"].dt.date() < long["last_violation_end"].dt.date()).all()
