"""Faults are found by comparing with the same simulation without them: nothing else may differ."""

import csv
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kaikai_assets.simulation.air import AirDefects, AirFaults, Truth, simulate_air
from kaikai_assets.simulation.air_formats import AirSource
from kaikai_assets_tests.simulation.test_air import COLUMNS, SOURCES, digest

START = date(2025, 3, 1)
SOME = AirFaults(2, 6, 2, 9, 3, 2, 2, 2, 2)
CLOCKS = ("clock_reset", "clock_ahead")


def simulated(out: Path, source: AirSource = "kaikai_csv", **others: object) -> Truth:
    arguments = {"start": START, "days": 12, "sensors": 9, "seed": 3, "defects": AirDefects.none()} | others
    return simulate_air(out, source=source, **arguments)  # type: ignore[arg-type]


def within(rows: pl.DataFrame, fault: dict[str, Any]) -> pl.DataFrame:
    of_time = pl.col("time").is_between(fault["start"], fault["end"], closed="left")
    return rows.filter(of_time, sensor_id=fault["sensor_id"])


@pytest.mark.parametrize("source", SOURCES)
def test_readings_differ_from_sound_ones_in_the_episodes_of_the_truth_as_their_kind_says_and_nowhere_else(
    tmp_path: Path, source: AirSource
) -> None:
    truth = simulated(tmp_path / "faulty", source, faults=SOME)
    sound = simulated(tmp_path / "sound", source).readings
    assert sound.height == 12 * 288 * 9
    assert truth.faults["kind"].value_counts().sort("kind").rows() == sorted(asdict(SOME).items())
    digits = {"pm25": 2, "temperature": 1, "humidity": 1, "co2": 1}
    if source == "airgradient_export_5min":
        digits = {"pm25": 1, "temperature": 1, "humidity": 0, "co2": 0}
    for fault in truth.faults.iter_rows(named=True):
        kind, metric, size = fault["kind"], fault["metric"], fault["size"]
        before, after = within(sound, fault), within(truth.readings, fault)
        assert before.height == max(1, (fault["end"] - fault["start"]) // timedelta(minutes=5))
        if kind in ("gap", *CLOCKS):
            assert after.is_empty()
            continue
        assert_frame_equal(after.drop(metric), before.drop(metric))
        written = []
        for time, value in before.select("time", metric).iter_rows():
            share = (time - fault["start"]) / (fault["end"] - fault["start"])
            exact = {
                "drift": value * (1 + 2 * share),
                "flat_line": size,
                "saturated_humidity": 99.9,
                "spike": value + size,
                "fahrenheit": value * 9 / 5 + 32,
                "milligram": value / 1000,
            }[kind]
            written.append(None if kind == "fahrenheit" and round(exact, 1) > 70 else exact)
        # Half a unit of the last digit, where a tie rounds to either side.
        assert after[metric].to_list() == pytest.approx(written, abs=0.5001 * 10.0 ** -digits[metric])
    elsewhere = [sound, truth.readings]
    for fault in truth.faults.iter_rows(named=True):
        elsewhere = [rows.join(within(rows, fault), on=["sensor_id", "time"], how="anti") for rows in elsewhere]
    assert_frame_equal(*elsewhere)


@pytest.mark.parametrize("source", SOURCES)
def test_truth_lists_each_record_of_a_wrong_clock_and_each_impossible_cell_in_fahrenheit(
    tmp_path: Path, source: AirSource
) -> None:
    truth = simulated(tmp_path, source, faults=SOME, defects=AirDefects())
    listed = truth.defects.filter(pl.col("kind").is_in([*CLOCKS, "fahrenheit"]))
    rows: dict[str, list[list[str]]] = {}
    checked = set()
    for fault in truth.faults.filter(pl.col("kind").is_in([*CLOCKS, "fahrenheit"])).iter_rows(named=True):
        defects = within(listed.filter(kind=fault["kind"]), fault)
        if fault["kind"] in CLOCKS:
            assert defects.height == (fault["end"] - fault["start"]) // timedelta(minutes=5)
        else:
            lost = within(truth.readings, fault).filter(pl.col("temperature").is_null())
            assert defects["time"].sort().to_list() == lost["time"].sort().to_list()
        for defect in defects.iter_rows(named=True):
            file = rows.setdefault(defect["file"], read(tmp_path / "air" / source / defect["file"]))
            cell = file[defect["line"] - 1][file[0].index(COLUMNS[source][defect["column"]])]
            assert cell == defect["raw_value"]
            if fault["kind"] == "fahrenheit":
                assert 70 < float(cell) < 120
            else:
                offset = datetime(2000, 1, 1, tzinfo=UTC) - fault["start"]
                if fault["kind"] == "clock_ahead":
                    offset = timedelta(days=fault["size"])
                assert datetime.fromisoformat(cell) == defect["time"] + offset
            checked.add(fault["kind"])
    assert checked == {*CLOCKS, "fahrenheit"}
    assert listed.height == sum(within(listed, fault).height for fault in truth.faults.iter_rows(named=True))


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.reader(text))


def test_readings_of_a_faulty_device_have_no_defect_of_their_own(tmp_path: Path) -> None:
    truth = simulated(tmp_path, faults=SOME, defects=AirDefects(missing=0.3, late=0.2))
    struck = [set(within(truth.defects, fault)["kind"]) for fault in truth.faults.iter_rows(named=True)]
    assert set[str]().union(*struck) == {*CLOCKS, "fahrenheit"}
    assert truth.defects.height > 10_000


def test_episodes_of_a_sensor_lie_in_the_period_and_six_hours_apart_and_spare_test_sensors(tmp_path: Path) -> None:
    truth = simulated(tmp_path, faults=SOME)
    assert "SENS006" in truth.readings["sensor_id"]
    assert "SENS006" not in truth.faults["sensor_id"]
    assert truth.faults["start"].min() >= datetime(2025, 3, 1, tzinfo=UTC)  # type: ignore[operator]
    assert truth.faults["end"].max() <= datetime(2025, 3, 13, tzinfo=UTC)  # type: ignore[operator]
    apart = [
        after - before
        for _, of_sensor in truth.faults.sort("start").group_by("sensor_id")
        for before, after in zip(of_sensor["end"], of_sensor["start"][1:], strict=False)
    ]
    assert min(apart) >= timedelta(hours=6)


@pytest.mark.parametrize(
    ("faults", "days", "sensors"),
    [(AirFaults(), 6, 9), (replace(AirFaults.none(), drift=2), 8, 1), (replace(AirFaults.none(), gap=90), 2, 2)],
    ids=["shorter than a drift", "two drifts of one sensor", "too many"],
)
def test_faults_that_do_not_fit_are_refused_before_anything_is_written(
    tmp_path: Path, faults: AirFaults, days: int, sensors: int
) -> None:
    with pytest.raises(ValueError, match="no room"):
        simulated(tmp_path, faults=faults, days=days, sensors=sensors)
    assert list(tmp_path.iterdir()) == []


def test_faults_are_off_unless_asked_for(tmp_path: Path) -> None:
    usual = simulated(tmp_path / "usual", days=3)
    simulated(tmp_path / "none", days=3, faults=AirFaults.none())
    assert usual.faults.is_empty()
    assert digest(tmp_path / "usual") == digest(tmp_path / "none")


def test_bytes_with_faults_are_the_same_on_every_machine(tmp_path: Path) -> None:
    simulated(tmp_path, faults=SOME, defects=AirDefects(), truth=tmp_path / "truth" / "air.csv")
    assert digest(tmp_path) == "a71e261188f5435f"


def test_the_episodes_are_written_beside_the_defects(tmp_path: Path) -> None:
    truth = simulated(tmp_path / "in", faults=SOME, truth=tmp_path / "air.csv")
    written = pl.read_csv(tmp_path / "air_faults.csv", schema=truth.faults.schema)
    assert_frame_equal(written, truth.faults)
    simulated(tmp_path / "in", days=1, truth=tmp_path / "sound.csv")
    assert not (tmp_path / "sound_faults.csv").exists()
