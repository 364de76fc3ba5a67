"""Flags of readings against their neighbours in time: as ioos_qc gives them, whatever days are made together."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from kaikai_assets.domains.air.configuration import limits
from kaikai_assets.domains.air.contracts import Flags, Measurements, Sensors
from kaikai_assets.domains.air.limits import FLAGGED
from kaikai_assets.domains.air.transforms.flags import flags
from kaikai_assets.lake.content import canonical
from kaikai_assets.platform import Platform
from kaikai_assets.quality.contracts import schema
from kaikai_assets_tests.domains.air import by_ioos_qc
from kaikai_assets_tests.end_to_end.product import build, drop_tree, table

START = datetime(2025, 3, 1, 20, tzinfo=UTC)
EVERY = {"PT1H": 3600.0, "PT30M": 1800.0, "instant": 1200.0}
MAKES = {"S0": "airgradient"}

Reading = tuple[float | None, ...]


def silver(readings: Sequence[tuple[str, str, datetime, Reading]]) -> pl.DataFrame:
    """Silver rows of (sensor, grain, time, values of the tested metrics)."""
    rows = [
        {
            "day": time.date(),
            "sensor_id": sensor,
            "grain": grain,
            "time": time,
            **dict(zip(FLAGGED, values, strict=True)),
            # Every third value is doubtful already, every other missing one could not be read.
            **{
                f"{name}_flag": ([9, 4][n % 2] if value is None else [1, 1, 3][n % 3])
                for name, value in zip(FLAGGED, values, strict=True)
            },
        }
        for n, (sensor, grain, time, values) in enumerate(readings)
    ]
    return canonical(Measurements, pl.DataFrame(rows, schema_overrides=schema(Measurements), infer_schema_length=None))


def registry(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=schema(Sensors))


REGISTRY = registry(
    *(
        {"sensor_id": f"S{n}", "expected_interval_s": EVERY["instant"], "sensor_type": MAKES.get(f"S{n}")}
        for n in range(3)
    )
)

value = st.one_of(
    st.none(), st.sampled_from([0.0, 0.005, 5.0, 99.9, 100.0, 350.0, 500.1, 7000.0, 12_000.0]), st.floats(0, 700)
)
# Some readings, over and over, after a pause of some intervals.
passage = st.tuples(
    st.integers(1, 5), st.lists(st.tuples(value, value, value, value), min_size=1, max_size=4), st.integers(1, 25)
)


@st.composite
def several_sensors(draw: st.DrawFn) -> pl.DataFrame:
    readings = []
    for n in range(draw(st.integers(1, 3))):
        grain = draw(st.sampled_from(sorted(EVERY)))
        time = START
        for pause, values, times in draw(st.lists(passage, min_size=1, max_size=5)):
            time += timedelta(seconds=EVERY[grain] * (pause - 1))
            for reading in values * times:
                readings.append((f"S{n}", grain, time, reading))
                time += timedelta(seconds=EVERY[grain])
    return silver(readings)


@settings(max_examples=60, deadline=None)
@given(several_sensors(), st.randoms(use_true_random=False))
def test_flags_are_those_of_ioos_qc_for_each_stretch_made_at_once_or_day_by_day(
    rows: pl.DataFrame, random: Any
) -> None:
    days = sorted(rows["day"].unique())
    expected = by_ioos_qc.flags(rows, limits(), EVERY, MAKES)
    shuffled = rows.sample(fraction=1, shuffle=True, seed=random.randint(0, 99))
    at_once = flags(shuffled, REGISTRY, limits(), days)
    by_day = [flags(around(shuffled, day), REGISTRY, limits(), [day]) for day in days]
    assert_frame_equal(canonical(Flags, at_once), canonical(Flags, expected))
    assert_frame_equal(canonical(Flags, pl.concat(by_day)), canonical(Flags, expected))


def around(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    return rows.filter(pl.col("day").is_between(day - timedelta(days=1), day + timedelta(days=1)))


def test_the_longest_flat_line_with_the_longest_pauses_is_seen_over_midnight() -> None:
    # Eight hours on end at three intervals a step: the first reading of the window lies a whole day back.
    times = [datetime(2025, 3, 2, tzinfo=UTC) + timedelta(hours=3 * n) for n in range(-8, 1)]
    rows = silver([("S1", "PT1H", time, (1.0, 20.0, 50.0, 400.0)) for time in times])
    found = flags(rows, REGISTRY, limits(), [date(2025, 3, 2)])
    assert found.select("time", "temperature_flat_line").rows() == [(times[-1], 4)]
    without = flags(rows.filter(pl.col("time") > times[0]), REGISTRY, limits(), [date(2025, 3, 2)])
    assert without["temperature_flat_line"].to_list() == [3]


def test_flags_of_the_real_five_minute_files_are_those_of_ioos_qc(platform: Platform, real_files: Path) -> None:
    drop_tree(platform, real_files / "airgradient-5min")
    assert build(platform).failed == {}
    rows = table(platform, "silver/air_measurements")
    found = table(platform, "silver/air_flags")
    assert rows["grain"].unique().to_list() == ["PT5M"]
    assert found.height == rows.height > 15_000
    expected = by_ioos_qc.flags(rows, limits(), {"PT5M": 300.0}, {})
    assert_frame_equal(canonical(Flags, found), canonical(Flags, expected))
    # Sensors that show 0 in clean air for hours.
    assert set(found["pm25_flat_line"]) == {1, 3}


def one(value: float, metric: str = "co2", registered: pl.DataFrame = REGISTRY, sensor: str = "S1") -> dict[str, Any]:
    """Flags of the second of two readings."""
    usual = dict(zip(FLAGGED, (1.0, 20.0, 50.0, 400.0), strict=True))
    later = {**usual, metric: value}
    rows = [
        (sensor, "instant", START, tuple(usual.values())),
        (sensor, "instant", START + timedelta(seconds=60), tuple(later.values())),
    ]
    return flags(silver(rows), registered, limits(), [START.date()]).sort("time").row(1, named=True)


def test_a_make_with_its_own_limits_goes_by_them_and_any_other_by_those_of_all() -> None:
    known = registry({"sensor_id": "S1", "sensor_type": "airgradient"}, {"sensor_id": "S2", "sensor_type": "another"})
    assert [one(10_001.0, registered=known, sensor=sensor)["co2_gross_range"] for sensor in ("S1", "S2", "S3")] == [
        3,
        1,
        1,
    ]
    # A test that the make has no limits of its own for.
    assert {one(10_001.0, registered=known, sensor=sensor)["co2_rate_of_change"] for sensor in ("S1", "S2", "S3")} == {
        4
    }


def test_what_the_registry_expects_decides_what_is_a_gap() -> None:
    often = registry({"sensor_id": "S1", "expected_interval_s": 10.0})
    assert (one(9000.0)["co2_rate_of_change"], one(9000.0, registered=often)["co2_rate_of_change"]) == (4, 1)


def test_where_the_registry_expects_another_interval_another_series_begins() -> None:
    changed = registry(
        {"sensor_id": "S1", "valid_to": date(2025, 3, 2), "expected_interval_s": 60.0},
        {"sensor_id": "S1", "valid_from": date(2025, 3, 2), "expected_interval_s": 120.0},
    )
    midnight = datetime(2025, 3, 2, tzinfo=UTC)
    rows = silver(
        [
            ("S1", "instant", midnight + timedelta(minutes=n), (400.0 * (n >= 0), 20.0, 50.0, 400.0))
            for n in (-2, -1, 0, 1)
        ]
    )
    days = [date(2025, 3, 1), date(2025, 3, 2)]
    assert flags(rows, changed, limits(), days).sort("time")["pm25_rate_of_change"].to_list() == [1, 1, 1, 1]
    assert flags(rows, REGISTRY, limits(), days).sort("time")["pm25_rate_of_change"].to_list() == [1, 1, 3, 1]


def test_days_delivered_as_days_have_no_flags() -> None:
    rows = silver([("S1", "P1D", datetime(2025, 3, 1, tzinfo=UTC), (1.0, 20.0, 50.0, 400.0))])
    assert canonical(Flags, flags(rows, REGISTRY, limits(), [date(2025, 3, 1)])).height == 0


def test_humidity_at_saturation_for_an_hour_is_suspect() -> None:
    readings = [
        ("S1", "PT30M", START + timedelta(minutes=30 * n), (1.0 + n, 20.0 + n, wet, 400.0 + n))
        for n, wet in enumerate([99.9, 100.0, 99.95, 99.89, 100.0])
    ]
    found = flags(silver(readings), REGISTRY, limits(), [START.date()]).sort("time")
    assert found["humidity_saturated"].to_list() == [1, 1, 3, 1, 1]
    assert found["humidity_qc"].to_list()[2] == 3


@pytest.mark.parametrize("flagged", [3, 4])
def test_what_silver_says_of_a_cell_is_part_of_the_verdict(flagged: int) -> None:
    rows = silver([("S1", "PT1H", START + timedelta(hours=n), (1.0 + n, 20.0, 50.0, 400.0)) for n in range(3)])
    marked = rows.with_columns(pm25_flag=pl.lit(flagged, pl.UInt8))
    assert set(flags(marked, REGISTRY, limits(), [START.date()])["pm25_qc"]) == {flagged}
