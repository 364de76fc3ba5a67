"""Hours of sensors: statistics, scores, corrections, NowCast and neighbours, on readings made by hand."""

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from kaikai_assets_tests.domains.air.frames import (
    DAY,
    START,
    failed,
    flags,
    hourly,
    readings,
    registry,
    silver,
)
from kaikai_assets_tests.vectors import AIR

NOBODY = registry()
PLACE = {"location_type": "Urban", "latitude": 14.7, "longitude": -17.4}


def only(rows: pl.DataFrame) -> dict[str, Any]:
    (row,) = rows.to_dicts()
    return row


def test_statistics_of_an_hour_equal_numpys() -> None:
    values = [3.0, 8.0, 1.0, 21.0, 13.0, 5.0, 2.0]
    row = only(hourly(silver(*readings(values)), NOBODY))
    assert [row[f"pm25_{name}"] for name in ("p05", "p50", "p95")] == pytest.approx(np.percentile(values, [5, 50, 95]))
    assert row["pm25_std"] == pytest.approx(np.std(values, ddof=1), abs=1e-6)
    assert (row["pm25_n"], row["expected"], row["completeness"]) == (7, 12, pytest.approx(7 / 12, abs=1e-6))


def test_one_reading_has_percentiles_and_no_standard_deviation() -> None:
    row = only(hourly(silver(*readings([7.0])), NOBODY))
    assert [row[f"pm25_{name}"] for name in ("min", "p05", "p50", "p95", "max")] == [7.0] * 5
    assert row["pm25_std"] is None


def test_the_score_weighs_what_came_what_could_be_used_and_what_is_good() -> None:
    rows = silver(
        *readings([10.0] * 9), failed(START + timedelta(minutes=45)), *readings([None], START + timedelta(minutes=50))
    )
    marks = flags(rows, {START: 3, START + timedelta(minutes=5): 2, START + timedelta(minutes=10): 4})
    row = only(hourly(rows, NOBODY, marks=marks))
    assert (row["pm25_n"], row["pm25_failed_n"], row["pm25_good_n"]) == (9, 1, 7)
    assert (row["pm25_mean"], row["pm25_good_mean"]) == (10.0, 10.0)
    parts = [50 * 9 / 12, 30 * 9 / 10, 20 * 7 / 9]
    assert [row[f"score_{name}"] for name in ("completeness", "validity", "plausibility")] == pytest.approx(parts)
    assert row["quality_score"] == pytest.approx(sum(parts))


def test_the_mean_of_good_readings_leaves_out_what_a_test_holds_against() -> None:
    rows = silver(*readings([4.0, 6.0, 900.0]))
    marks = flags(rows, {START + timedelta(minutes=10): 4})
    row = only(hourly(rows, NOBODY, marks=marks))
    assert (row["pm25_mean"], row["pm25_good_mean"], row["pm25_good_n"]) == (pytest.approx(910 / 3), 5.0, 2)
    alone = only(hourly(rows.tail(1), NOBODY, marks=marks))
    assert (alone["pm25_mean"], alone["pm25_good_mean"], alone["pm25_good_n"]) == (900.0, None, 0)


def test_flags_count_for_the_grain_and_sensor_they_stand_for() -> None:
    rows = silver(*readings([10.0] * 12, grain="PT5M"), *readings([30.0], grain="PT1H"), *readings([20.0], sensor="S2"))
    marks = flags(rows).with_columns(pm25_qc=pl.when(pl.col("grain") == "PT5M").then(3).otherwise(1).cast(pl.UInt8))
    found = hourly(rows, NOBODY, marks=marks).select("sensor_id", "pm25_mean", "pm25_good_mean", "pm25_good_n")
    assert found.rows() == [("S1", 10.0, None, 0), ("S2", 20.0, 20.0, 1)]


def test_an_hour_without_any_pm25_has_no_points() -> None:
    row = only(hourly(silver(*readings([None] * 12, temperature=20.0)), NOBODY))
    assert (row["pm25_n"], row["quality_score"], row["pm25_mean"], row["pm25_neighbours_flag"]) == (0, 0, None, 9)


def test_a_make_with_a_correction_is_corrected_reading_by_reading() -> None:
    rows = silver(*readings([10.0, 40.0], humidity=50.0), *readings([30.0], START + timedelta(minutes=10)))
    row = only(hourly(rows, registry({"sensor_id": "S1", "sensor_type": "airgradient"})))
    by_hand = 0.655 * 40 - 0.0862 * 50 + 5.75
    # The third reading came without humidity.
    assert (row["pm25_corrected_n"], row["pm25_n"]) == (2, 3)
    assert row["pm25_corrected_mean"] == pytest.approx((6.68 + by_hand) / 2, abs=1e-6)
    assert row["correction_version"] == "epa-2021"


def test_what_the_source_corrected_is_never_corrected_again() -> None:
    rows = silver(*readings([10.0], humidity=50.0, pm25_corrected=8.0), *readings([20.0], START + timedelta(minutes=5)))
    row = only(hourly(rows, registry({"sensor_id": "S1", "sensor_type": "airgradient"})))
    assert (row["pm25_corrected_mean"], row["pm25_corrected_n"], row["correction_version"]) == (8.0, 1, "source")


@pytest.mark.parametrize("known", [NOBODY, registry({"sensor_id": "S1", "sensor_type": "other"})])
def test_an_unknown_make_is_not_corrected(known: pl.DataFrame) -> None:
    row = only(hourly(silver(*readings([10.0], humidity=50.0)), known))
    assert (row["pm25_corrected_mean"], row["pm25_corrected_n"], row["correction_version"]) == (None, 0, None)


def of_hours(recent_first: list[float | None], last_hour: int) -> pl.DataFrame:
    """Twelve hours of readings, up to an hour of the day."""
    rows = []
    for ago, mean in enumerate(recent_first):
        begin = START + timedelta(hours=last_hour - ago)
        rows += readings([mean] * 12, begin, temperature=20.0)
    return silver(*rows)


@pytest.mark.parametrize("case", AIR["nowcast_pm25"], ids=lambda case: str(case["id"]))
@pytest.mark.parametrize("last_hour", [0, 5, 11])
def test_the_nowcast_of_an_hour_is_the_published_one_across_midnight(case: dict[str, Any], last_hour: int) -> None:
    rows = hourly(of_hours(case["hours_recent_first"], last_hour), NOBODY)
    row = rows.filter(pl.col("hour") == START + timedelta(hours=last_hour)).row(0, named=True)
    conc = case["conc"]
    assert row["pm25_nowcast"] == (None if conc is None else pytest.approx(conc, abs=1e-6))
    assert row["pm25_nowcast_aqi"] == case["aqi"]


def test_an_hour_that_is_not_complete_takes_no_part_in_a_nowcast() -> None:
    full = [row for hour in (9, 10) for row in readings([10.0] * 9, START + timedelta(hours=hour))]
    short = readings([99.0] * 8, START + timedelta(hours=11))
    rows = hourly(silver(*full, *short), NOBODY)
    assert rows["completeness"].to_list() == [0.75, 0.75, pytest.approx(8 / 12, abs=1e-6)]
    assert rows["pm25_nowcast"].to_list() == [None, 10.0, 10.0]


def test_hours_older_than_twelve_are_not_looked_at() -> None:
    hours = [(11, 10.0), (10, 10.0), (-1, 50.0), (0, 20.0)]
    rows = silver(*(row for hour, mean in hours for row in readings([mean] * 12, START + timedelta(hours=hour))))
    last = hourly(rows, NOBODY).row(-1, named=True)
    weights = [1, 0.5, 0.5**11]
    by_hand = (10 * weights[0] + 10 * weights[1] + 20 * weights[2]) / sum(weights)
    assert last["pm25_nowcast"] == pytest.approx(by_hand, abs=1e-6)


def test_hours_of_two_days_are_the_same_made_alone_or_together() -> None:
    values = [float(n % 37) for n in range(2 * 288)]
    rows = silver(*readings(values, START - timedelta(days=1)))
    together = hourly(rows, NOBODY, [DAY - timedelta(days=1), DAY])
    assert together.filter(pl.col("day") == DAY).equals(hourly(rows, NOBODY))


def network(**means: float) -> pl.DataFrame:
    return silver(*(row for sensor, mean in means.items() for row in readings([mean] * 12, sensor=sensor)))


def beside(of: pl.DataFrame, *known: dict[str, Any]) -> dict[str, tuple[float | None, int, int]]:
    names = ["sensor_id", "pm25_neighbours_nearest", "pm25_neighbours_n", "pm25_neighbours_flag"]
    return {sensor: tuple(row) for sensor, *row in hourly(of, registry(*known)).select(names).iter_rows()}


def test_a_sensor_far_from_its_neighbours_is_suspect() -> None:
    found = beside(network(S1=80, S2=10, S3=20, S4=25), *({"sensor_id": f"S{n}"} | PLACE for n in (1, 2, 3, 4)))
    assert found["S1"] == (20.0, 3, 3)
    # Both the difference and the ratio must be beyond their limits.
    assert found["S2"] == (25.0, 3, 1)
    assert found["S3"] == (25.0, 3, 1)


def test_difference_and_ratio_include_their_limits_and_zero_has_a_ratio() -> None:
    known = [{"sensor_id": sensor} | PLACE for sensor in ("S1", "S2", "S3")]
    for mean, median, flag in [(22.5, 7.5, 1), (22.6, 7.5, 3), (7.5, 22.6, 3), (0, 15, 1), (0, 15.1, 3), (90, 31, 1)]:
        assert beside(network(S1=mean, S2=median, S3=median), *known)["S1"] == (median, 2, flag)


def test_of_two_neighbours_one_that_fails_does_not_make_the_other_sensors_suspect() -> None:
    known = [{"sensor_id": f"S{n}"} | PLACE for n in (1, 2, 3)]
    found = beside(network(S1=10, S2=12, S3=800), *known)
    medians = hourly(network(S1=10, S2=12, S3=800), registry(*known)).select("sensor_id", "pm25_neighbours_median")
    assert dict(medians.iter_rows()) == {"S1": 406.0, "S2": 405.0, "S3": 11.0}
    assert found == {"S1": (12.0, 2, 1), "S2": (10.0, 2, 1), "S3": (12.0, 2, 3)}


def test_neighbours_are_near_of_the_same_kind_and_neither_test_nor_retired() -> None:
    known = [
        {"sensor_id": "S1"} | PLACE,
        {"sensor_id": "S2"} | PLACE,
        {"sensor_id": "far"} | PLACE | {"latitude": 15.0},
        {"sensor_id": "other"} | PLACE | {"location_type": "Residential"},
        {"sensor_id": "test", "status": "test"} | PLACE,
        {"sensor_id": "old", "status": "retired"} | PLACE,
    ]
    found = beside(network(S1=10, S2=20, far=30, other=40, test=70, old=60, nobody=70), *known)
    assert found["S1"] == (20.0, 1, 2)
    assert found["test"] == (20.0, 2, 3)
    assert found["nobody"] == found["far"] == found["other"] == (None, 0, 2)
