"""Local days of sensors: from hours and readings made by hand."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaikai_assets.domains.air.transforms.local_days import hours_of_day, local_day
from kaikai_assets_tests.domains.air.frames import DAY, START, daily, flags, hourly, readings, registry, silver
from kaikai_assets_tests.vectors import AIR

NOBODY = registry()


def only(rows: pl.DataFrame) -> dict[str, Any]:
    (row,) = rows.to_dicts()
    return row


def whole_hours(means: list[float], start: datetime = START, **columns: Any) -> list[dict[str, Any]]:
    """Complete hours, one after the other."""
    return [row for n, mean in enumerate(means) for row in readings([mean] * 12, start + timedelta(hours=n), **columns)]


@pytest.mark.parametrize(("zone", "day", "length", "start"), AIR["local_day_hours"])
def test_a_local_day_has_the_published_length_and_start(zone: str, day: str, length: int, start: str) -> None:
    assert hours_of_day(zone, date.fromisoformat(day)) == length
    assert local_day(zone, date.fromisoformat(day))[0] == datetime.fromisoformat(start)


@pytest.mark.parametrize(("zone", "day", "length", "start"), AIR["local_day_hours"])
def test_all_hours_of_a_local_day_are_in_it_and_no_other(zone: str, day: str, length: int, start: str) -> None:
    begin = datetime.fromisoformat(start)
    # An hour more on both sides.
    rows = silver(*whole_hours([500.0, *[10.0] * length, 500.0], begin - timedelta(hours=1)))
    row = only(daily(rows, registry({"sensor_id": "S1", "timezone": zone}), [date.fromisoformat(day)]))
    assert (row["hours_valid"], row["hours_expected"], row["pm25_n"]) == (length, length, 12 * length)
    assert (row["pm25_min"], row["pm25_max"], row["pm25_p95"], row["pm25_std"]) == (10.0, 10.0, 10.0, 0.0)
    assert row["quality_score"] == pytest.approx(100)


_ZONES = {23: ("Europe/Paris", date(2025, 3, 30)), 24: ("Africa/Dakar", DAY), 25: ("Europe/Paris", date(2025, 10, 26))}


@pytest.mark.parametrize(("length", "valid", "complete"), AIR["completeness_75"])
def test_a_day_is_complete_from_75_percent_of_its_hours(length: int, valid: int, complete: bool) -> None:
    zone, day = _ZONES[length]
    rows = silver(*whole_hours([40.0] * valid, local_day(zone, day)[0]))
    row = only(daily(rows, registry({"sensor_id": "S1", "timezone": zone}), [day]))
    assert (row["hours_valid"], row["hours_expected"], row["is_complete"]) == (valid, length, complete)
    assert row["pm25_mean"] == 40.0
    judged = [row[name] for name in ("pm25_aqi", "pm25_aqi_uncapped", "pm25_aqi_category", "exceeds_who_24h")]
    assert judged == ([112, 112, "Unhealthy for Sensitive Groups", True] if complete else [None] * 4)
    assert row["hours_above_35"] == valid
    assert row["quality_score"] == pytest.approx(100 * valid / length)


def test_the_index_of_a_day_ends_at_500_and_goes_on_uncapped() -> None:
    row = only(daily(silver(*whole_hours([500.0] * 24)), NOBODY))
    assert (row["pm25_aqi"], row["pm25_aqi_uncapped"], row["pm25_aqi_category"]) == (500, 848, "Hazardous")


def test_hours_above_35_are_valid_ones_whose_mean_is_above() -> None:
    rows = whole_hours([35.0, 35.1, 60.0]) + readings([99.0] * 8, START + timedelta(hours=3))
    assert only(daily(silver(*rows), NOBODY))["hours_above_35"] == 2


def test_the_corrected_index_is_of_the_corrected_mean() -> None:
    known = registry({"sensor_id": "S1", "sensor_type": "airgradient"})
    row = only(daily(silver(*whole_hours([40.0] * 24, humidity=60.0)), known))
    assert (row["pm25_corrected_mean"], row["correction_version"]) == (pytest.approx(26.778), "epa-2021")
    assert (row["pm25_corrected_aqi"], row["pm25_aqi"]) == (84, 112)


def test_a_corrected_mean_of_few_readings_has_no_index() -> None:
    known = registry({"sensor_id": "S1", "sensor_type": "airgradient"})
    rows = whole_hours([40.0] * 7) + whole_hours([40.0] * 17, START + timedelta(hours=7), humidity=60.0)
    row = only(daily(silver(*rows), known))
    assert (row["pm25_corrected_mean"], row["pm25_corrected_aqi"], row["pm25_aqi"]) == (26.778, None, 112)


def test_corrections_by_the_source_and_by_us_are_not_mixed_in_a_day() -> None:
    known = registry({"sensor_id": "S1", "sensor_type": "airgradient"})
    rows = whole_hours([40.0] * 12, humidity=60.0) + whole_hours(
        [40.0] * 12, START + timedelta(hours=12), humidity=60.0, pm25_corrected=30.0
    )
    row = only(daily(silver(*rows), known))
    assert [row[name] for name in ("pm25_corrected_mean", "correction_version", "pm25_corrected_aqi")] == [None] * 3


@pytest.mark.parametrize(
    ("corrected", "mean", "version"), [(None, 6.68, "epa-2021"), (8.0, 8.0, "source")], ids=["by us", "by the source"]
)
def test_a_day_as_delivered_has_its_mean_and_nothing_of_hours(
    corrected: float | None, mean: float, version: str
) -> None:
    delivered = readings([10.0], grain="P1D", humidity=50.0, pm25_corrected=corrected)
    row = only(daily(silver(*delivered), registry({"sensor_id": "S1", "sensor_type": "airgradient"})))
    assert (row["grain"], row["pm25_mean"], row["pm25_n"], row["pm25_aqi"], row["is_complete"]) == (
        "P1D", 10.0, 1, 53, True,
    )  # fmt: skip
    assert (row["pm25_corrected_mean"], row["correction_version"]) == (pytest.approx(mean), version)
    names = ["pm25_min", "pm25_p50", "pm25_std", "hours_above_35", "quality_score", "temperature_min"]
    assert [row[name] for name in names] == [None] * 6


@pytest.mark.parametrize(
    ("covered", "zone", "hours", "completeness"),
    [
        (None, "Africa/Dakar", 24, 1.0),
        (1, "Africa/Dakar", 0, 1 / 1440),
        (184, "Africa/Dakar", 3, 184 / 1440),
        (1079, "Africa/Dakar", 17, 1079 / 1440),
        (1080, "Africa/Dakar", 18, 0.75),
        (1402, "Africa/Dakar", 23, 1402 / 1440),
        (1500, "Africa/Dakar", 24, 1.0),
        (1080, "Europe/Paris", 18, 1080 / 1380),
    ],
)
def test_a_day_as_delivered_is_as_complete_as_its_records_cover_it(
    covered: int | None, zone: str, hours: int, completeness: float
) -> None:
    # On this day clocks change in Paris: it is 23 hours long.
    day = date(2025, 3, 30)
    start = local_day(zone, day)[0]
    rows = silver(*readings([40.0], start, grain="P1D", covered_min=None if covered is None else float(covered)))
    row = only(daily(rows, registry({"sensor_id": "S1", "timezone": zone}), [day]))
    assert (row["hours_valid"], row["completeness"]) == (hours, pytest.approx(completeness, abs=1e-6))
    assert row["is_complete"] is (completeness >= 0.75)
    judged = [row[name] for name in ("pm25_aqi", "exceeds_who_24h")]
    assert judged == ([112, True] if row["is_complete"] else [None, None])
    assert (row["pm25_mean"], row["pm25_n"], row["pm25_good_n"], row["pm25_good_mean"]) == (40.0, 1, None, None)


def test_a_day_as_delivered_without_pm25_has_no_valid_hour() -> None:
    row = only(daily(silver(*readings([None], grain="P1D", covered_min=1400.0, temperature=20.0)), NOBODY))
    assert (row["hours_valid"], row["completeness"], row["is_complete"]) == (0, 0.0, False)


def test_hours_of_a_finer_grain_weigh_no_more_than_others() -> None:
    fine = [row for hour in range(6) for row in readings([100.0] * 12, START + timedelta(hours=hour), humidity=50.0)]
    coarse = readings([10.0] * 18, START + timedelta(hours=6), minutes=60, grain="PT1H", humidity=50.0)
    row = only(daily(silver(*fine, *coarse), registry({"sensor_id": "S1", "sensor_type": "airgradient"})))
    assert row["pm25_mean"] == row["pm25_good_mean"] == (6 * 100 + 18 * 10) / 24
    assert row["pm25_corrected_mean"] == pytest.approx((6 * (0.786 * 100 - 0.0862 * 50 + 5.75) + 18 * 6.68) / 24)
    assert row["humidity_mean"] == 50.0
    # Percentiles and counts are of the readings.
    assert (row["pm25_n"], row["pm25_good_n"], row["pm25_corrected_n"], row["pm25_p50"]) == (90, 90, 90, 100.0)


def test_a_day_tells_the_mean_of_its_good_readings_beside_that_of_all() -> None:
    rows = silver(*whole_hours([10.0] * 24), *readings([400.0], START + timedelta(minutes=2)))
    bad = flags(rows, {START + timedelta(minutes=2): 4, START + timedelta(hours=3): 3})
    row = only(daily(rows, NOBODY, marks=bad))
    assert (row["pm25_good_mean"], row["pm25_good_n"], row["pm25_n"]) == (10.0, 287, 289)
    assert row["pm25_mean"] == pytest.approx((288 * 10 + 400) / 289, abs=1e-6)


def test_a_day_without_a_good_reading_has_no_mean_of_them() -> None:
    rows = silver(*readings([10.0, 12.0]))
    row = only(daily(rows, NOBODY, marks=flags(rows, {START: 3, START + timedelta(minutes=5): 4})))
    assert (row["pm25_mean"], row["pm25_good_mean"], row["pm25_good_n"]) == (11.0, None, 0)


@pytest.mark.parametrize(("day", "length"), [(date(2025, 4, 6), 25), (date(2025, 10, 5), 23), (DAY, 24)])
def test_a_day_whose_clocks_change_by_half_an_hour_has_the_hours_that_start_in_it(day: date, length: int) -> None:
    zone = "Australia/Lord_Howe"
    # Two days of hours around it: those of other local days are none of it.
    rows = silver(*whole_hours([10.0] * 72, datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)))
    row = only(daily(rows, registry({"sensor_id": "S1", "timezone": zone}), [day]))
    assert (row["hours_valid"], row["hours_expected"], row["completeness"]) == (length, length, 1.0)
    assert (row["pm25_n"], row["quality_score"]) == (12 * length, pytest.approx(100))


@pytest.mark.parametrize(
    ("hours", "kept"), [((9, 5), "Asia/Tokyo"), ((5, 9), "Africa/Dakar"), ((7, 7), "Africa/Dakar")]
)
def test_of_two_time_zones_of_one_date_the_fuller_is_kept(hours: tuple[int, int], kept: str) -> None:
    before, after = hours
    moved = registry(
        {"sensor_id": "S1", "timezone": "Asia/Tokyo", "valid_to": DAY},
        {"sensor_id": "S1", "timezone": "Africa/Dakar", "valid_from": DAY},
    )
    # By UTC, the date begins at 15 h of the day before in Tokyo, and at midnight in Dakar.
    rows = silver(*whole_hours([10.0] * before, START - timedelta(hours=9)), *whole_hours([20.0] * after, START))
    row = only(daily(rows, moved))
    assert (row["timezone"], row["hours_valid"]) == (kept, max(hours))
    assert row["pm25_mean"] == {"Asia/Tokyo": 10.0, "Africa/Dakar": 20.0}[kept]


@pytest.mark.parametrize("status", ["active", "test", "retired", None])
def test_a_day_tells_the_part_of_its_sensor_in_the_network(status: str | None) -> None:
    rows = silver(*whole_hours([10.0] * 24))
    known = registry({"sensor_id": "S1", "status": status})
    assert only(daily(rows, known))["sensor_status"] == (status or "active")
    assert only(daily(rows, NOBODY))["sensor_status"] == "unknown"


@st.composite
def days_of_readings(draw: st.DrawFn) -> list[float | None]:
    value = st.one_of(st.none(), st.floats(0, 1000).map(lambda x: round(x, 2)))
    return draw(st.lists(value, min_size=1, max_size=288).filter(lambda rows: any(x is not None for x in rows)))


@settings(max_examples=60, deadline=None)
@given(days_of_readings())
def test_days_follow_from_their_hours_and_equal_numpy_on_the_readings(values: list[float | None]) -> None:
    rows = silver(*readings(values, minutes=5))
    hours, day = hourly(rows, NOBODY), only(daily(rows, NOBODY))
    known = np.array([value for value in values if value is not None])
    assert day["pm25_n"] == hours["pm25_n"].sum() == len(known)
    assert (day["pm25_min"], day["pm25_max"]) == (hours["pm25_min"].min(), hours["pm25_max"].max())
    weighted = sum(n * mean for n, mean in hours.select("pm25_n", "pm25_mean").drop_nulls().iter_rows())
    assert day["pm25_mean"] == pytest.approx(weighted / len(known), abs=1e-5) == pytest.approx(known.mean(), abs=1e-5)
    percentiles = [day[f"pm25_{name}"] for name in ("p05", "p50", "p95")]
    assert percentiles == pytest.approx(np.percentile(known, [5, 50, 95]), abs=1e-6)
    if len(known) > 1:
        assert day["pm25_std"] == pytest.approx(pooled(hours, day["pm25_mean"]), abs=1e-3)
        assert day["pm25_std"] == pytest.approx(known.std(ddof=1), abs=1e-6)


def pooled(hours: pl.DataFrame, mean: float) -> float:
    """Standard deviation of a day from the means and standard deviations of its hours."""
    filled = hours.drop_nulls("pm25_mean").select("pm25_n", "pm25_mean", pl.col("pm25_std").fill_null(0.0))
    total = sum((n - 1) * std**2 + n * (of_hour - mean) ** 2 for n, of_hour, std in filled.iter_rows())
    return float((total / (filled["pm25_n"].sum() - 1)) ** 0.5)
