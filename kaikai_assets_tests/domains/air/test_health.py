"""Health of sensors and the network's days, from frames small enough to count by hand."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from kaikai_assets.domains.air.configuration import health_limits
from kaikai_assets.domains.air.contracts import Sensors
from kaikai_assets.domains.air.transforms.health import sensor_health
from kaikai_assets.domains.air.transforms.network import network_daily
from kaikai_assets.quality.contracts import schema

DAY = date(2025, 3, 20)
MIDNIGHT = datetime(2025, 3, 20, tzinfo=UTC)
LIMITS = health_limits()
INSTANT = pl.Datetime("us", "UTC")
READINGS: dict[str, Any] = {
    "day": pl.Date,
    "grain": pl.String,
    "sensor_id": pl.String,
    "time": INSTANT,
    "pm25_flag": pl.UInt8,
}
FLAGS: dict[str, Any] = {name: READINGS[name] for name in ("day", "grain", "sensor_id", "time")}
FLAGS |= {"pm25_qc": pl.UInt8, "pm25_flat_line": pl.UInt8}
HOURS: dict[str, Any] = {
    "day": pl.Date,
    "sensor_id": pl.String,
    "hour": INSTANT,
    "pm25_mean": pl.Float64,
    "pm25_neighbours_nearest": pl.Float64,
    "pm25_neighbours_flag": pl.UInt8,
}


def registry(**sensors: dict[str, Any]) -> pl.DataFrame:
    rows = [{"sensor_id": name, "source": "kaikai_sensors", **row} for name, row in sensors.items()]
    return pl.DataFrame(rows, schema=schema(Sensors))


def readings(sensor: str, minutes: list[int], grain: str = "instant") -> pl.DataFrame:
    rows = [(DAY, grain, sensor, MIDNIGHT + timedelta(minutes=m), 1) for m in minutes]
    return pl.DataFrame(rows, schema=READINGS, orient="row")


def flags_of(silver: pl.DataFrame, qc: int = 1, flat: int = 1) -> pl.DataFrame:
    key = silver.select("day", "grain", "sensor_id", "time")
    return key.with_columns(pm25_qc=pl.lit(qc, pl.UInt8), pm25_flat_line=pl.lit(flat, pl.UInt8))


def no_hours() -> pl.DataFrame:
    return pl.DataFrame(schema=HOURS)


def one(health: pl.DataFrame, sensor: str) -> dict[str, Any]:
    return health.filter(pl.col("sensor_id") == sensor).row(0, named=True)


def test_a_sensor_that_sends_all_day_is_well() -> None:
    silver = readings("S1", list(range(0, 1440, 5)))
    made = one(sensor_health(silver, flags_of(silver), no_hours(), registry(S1={}), [DAY], LIMITS), "S1")
    assert (made["status"], made["readings"], made["expected"], made["share_received"]) == ("active", 288, 288, 1.0)
    assert (made["is_degraded"], made["is_offline"], made["share_valid"]) == (False, False, 1.0)
    assert made["last_seen"] == MIDNIGHT + timedelta(minutes=1435)
    assert made["longest_silence_min"] == 5.0


@pytest.mark.parametrize(("last", "offline"), [(1410, False), (1409, True)])
def test_half_an_hour_of_silence_at_the_end_is_allowed_and_no_more(last: int, offline: bool) -> None:
    silver = readings("S1", [*range(0, 1400, 5), last])
    made = one(sensor_health(silver, flags_of(silver), no_hours(), registry(S1={}), [DAY], LIMITS), "S1")
    assert made["is_offline"] is offline


@pytest.mark.parametrize(("readings_n", "degraded"), [(144, False), (143, True)])
def test_under_half_of_the_readings_is_degraded(readings_n: int, degraded: bool) -> None:
    silver = readings("S1", [5 * n for n in range(readings_n)])
    made = one(sensor_health(silver, flags_of(silver), no_hours(), registry(S1={}), [DAY], LIMITS), "S1")
    assert made["is_degraded"] is degraded


def test_a_burst_of_readings_does_not_make_up_for_a_silent_day() -> None:
    silver = pl.concat([readings("S1", [0]), readings("S1", [1]), readings("S1", [2])])
    made = one(sensor_health(silver, flags_of(silver), no_hours(), registry(S1={}), [DAY], LIMITS), "S1")
    assert made["readings"] == 3
    assert made["share_received"] == pytest.approx(1 / 288, abs=1e-6)
    assert made["longest_silence_min"] == 1438.0


def test_an_hourly_mean_stands_for_its_hour_and_a_day_for_its_day() -> None:
    hourly = readings("S1", list(range(0, 1440, 60)), "PT1H")
    whole = readings("S2", [0], "P1D")
    silver = pl.concat([hourly, whole])
    made = sensor_health(silver, flags_of(hourly), no_hours(), registry(S1={}), [DAY], LIMITS)
    for sensor, expected in (("S1", 24), ("S2", 1)):
        row = one(made, sensor)
        assert (row["expected"], row["share_received"], row["is_offline"], row["longest_silence_min"]) == (
            expected,
            1.0,
            False,
            0.0,
        )
    assert one(made, "S2")["status"] == "unknown"
    assert one(made, "S2")["share_valid"] == 1.0


def test_a_registered_sensor_that_is_silent_has_a_row_and_tells_when_it_was_last_heard() -> None:
    hour = MIDNIGHT - timedelta(days=2, hours=-9)
    hours = pl.DataFrame([(hour.date(), "S1", hour, 5.0, None, 2)], schema=HOURS, orient="row")
    known = registry(
        S1={},
        S2={"status": "test", "installation_date": DAY},
        S3={"status": "retired", "installation_date": DAY},
        S4={"installation_date": DAY + timedelta(days=1)},
        S5={"valid_to": DAY, "installation_date": DAY - timedelta(days=9)},
        S6={"valid_from": DAY, "expected_interval_s": 60.0},
    )
    heard = readings("S9", [0])
    silent = sensor_health(heard, flags_of(heard), hours, known, [DAY], LIMITS)
    assert silent["sensor_id"].sort().to_list() == ["S1", "S6", "S9"]
    row = one(silent, "S1")
    assert (row["last_seen"], row["readings"], row["is_offline"], row["is_degraded"]) == (hour, 0, True, True)
    assert row["share_valid"] is None
    assert row["longest_silence_min"] == 1440.0
    assert one(silent, "S6")["expected"] == 1440


def test_a_sensor_of_which_nobody_knows_since_when_it_is_there_is_missed_once_it_was_heard() -> None:
    heard = readings("S9", [0])
    hour = MIDNIGHT - timedelta(days=13)
    hours = pl.DataFrame([(hour.date(), "S1", hour, 5.0, None, 2)], schema=HOURS, orient="row")
    known = registry(S1={}, S2={}, S3={"installation_date": DAY}, S4={"valid_from": DAY})
    made = sensor_health(heard, flags_of(heard), hours, known, [DAY], LIMITS)
    assert made["sensor_id"].sort().to_list() == ["S1", "S3", "S4", "S9"]


def test_a_sensor_whose_next_reading_is_not_due_is_not_offline() -> None:
    silver = readings("S1", list(range(0, 1440, 60)))
    known = registry(S1={"expected_interval_s": 3600.0})
    made = one(sensor_health(silver, flags_of(silver), no_hours(), known, [DAY], LIMITS), "S1")
    assert (made["share_received"], made["is_offline"]) == (1.0, False)


def test_a_few_readings_of_a_finer_grain_do_not_stand_for_the_day() -> None:
    hourly, stray = readings("S1", list(range(360, 1440, 60)), "PT1H"), readings("S1", list(range(0, 360, 5)))
    silver = pl.concat([hourly, stray])
    made = one(sensor_health(silver, flags_of(silver), no_hours(), registry(S1={}), [DAY], LIMITS), "S1")
    assert (made["grain"], made["share_received"], made["is_offline"]) == ("PT1H", 0.75, False)


def test_a_day_of_which_no_reading_came_has_no_rows() -> None:
    none = readings("S9", [])
    assert sensor_health(none, flags_of(none), no_hours(), registry(S1={}), [DAY], LIMITS).is_empty()


def test_flags_count_against_a_sensor_and_flat_lines_are_counted_in_hours() -> None:
    silver = readings("S1", list(range(0, 1440, 5)))
    flags = flags_of(silver).with_columns(
        pm25_qc=pl.when(pl.int_range(pl.len()) < 72).then(3).otherwise(1).cast(pl.UInt8),
        pm25_flat_line=pl.when(pl.int_range(pl.len()) < 24).then(4).otherwise(1).cast(pl.UInt8),
    )
    made = one(sensor_health(silver, flags, no_hours(), registry(S1={}), [DAY], LIMITS), "S1")
    assert (made["valid_n"], made["share_valid"], made["flat_line_h"]) == (216, 0.75, 2.0)


def two_weeks(before: float, now: float, hours_a_day: int = 4) -> pl.DataFrame:
    rows = []
    for age in range(14):
        day = DAY - timedelta(days=age)
        ratio = now if age < 7 else before
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        rows += [(day, "S1", start + timedelta(hours=h), 20.0 * ratio, 20.0, 1) for h in range(hours_a_day)]
    return pl.DataFrame(rows, schema=HOURS, orient="row")


@pytest.mark.parametrize(
    ("hours", "drift", "drifting"),
    [
        (two_weeks(1.0, 1.3), 30.0, False),
        (two_weeks(1.0, 1.31), 31.0, True),
        (two_weeks(2.0, 1.0), -50.0, True),
        (two_weeks(1.0, 3.0, hours_a_day=3), None, None),
    ],
)
def test_drift_compares_two_weeks_with_the_neighbours(
    hours: pl.DataFrame, drift: float | None, drifting: bool | None
) -> None:
    silver = readings("S1", [0])
    made = one(sensor_health(silver, flags_of(silver), hours, registry(S1={}), [DAY], LIMITS), "S1")
    assert (made["drift_pct"], made["is_drifting"]) == (drift, drifting)


def test_several_days_are_the_days_one_by_one() -> None:
    hours = two_weeks(1.0, 2.0)
    other = DAY - timedelta(days=1)
    silver = pl.concat([readings("S1", [0, 5]), readings("S1", [7]).with_columns(day=pl.lit(other))])
    silver = silver.with_columns(
        time=pl.when(pl.col("day") == other).then(pl.col("time").dt.offset_by("-1d")).otherwise("time")
    )
    known = registry(S1={}, S2={})
    together = sensor_health(silver, flags_of(silver), hours, known, [other, DAY], LIMITS)
    alone = pl.concat(
        [
            sensor_health(of, flags_of(of), hours, known, [day], LIMITS)
            for day in (other, DAY)
            for of in [silver.filter(pl.col("day") == day)]
        ]
    )
    by = ["day", "sensor_id"]
    assert together.sort(by).equals(alone.select(together.columns).sort(by))


def health_rows(*rows: tuple[str, str, int, int, float, bool]) -> pl.DataFrame:
    names = ["sensor_id", "status", "readings", "valid_n", "share_received", "is_offline"]
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(
        day=pl.lit(DAY), is_degraded=pl.col("share_received") < 0.5, is_drifting=pl.lit(None, pl.Boolean)
    )


def runs(*rows: tuple[int, int, int, bool]) -> pl.DataFrame:
    """``(days before, start hour, end hour, violating)`` of S1."""
    made = []
    for age, start, end, violating in rows:
        midnight = MIDNIGHT - timedelta(days=age)
        span = (midnight + timedelta(hours=start), midnight + timedelta(hours=end))
        made.append((midnight.date(), "r", "S1", *span, "violating" if violating else "clear"))
    names: dict[str, Any] = {
        "day": pl.Date,
        "rule": pl.String,
        "sensor_id": pl.String,
        "start": INSTANT,
        "end": INSTANT,
    }
    return pl.DataFrame(made, schema={**names, "state": pl.String}, orient="row")


def test_the_network_counts_its_sensors_and_leaves_tests_out() -> None:
    health = health_rows(
        ("S1", "active", 200, 150, 0.75, False),
        ("S2", "active", 0, 0, 0.0, True),
        ("S3", "unknown", 100, 100, 0.25, True),
        ("S4", "test", 999, 999, 1.0, False),
    )
    row = network_daily(health, runs(), [DAY]).row(0, named=True)
    assert (row["sensors_registered"], row["sensors_active"]) == (2, 2)
    assert (row["sensors_offline"], row["sensors_degraded"], row["sensors_drifting"]) == (2, 2, 0)
    assert (row["measurements"], row["share_valid"]) == (300, 250 / 300)
    assert row["completeness"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("of_runs", "crossings"),
    [
        (runs((0, 8, 10, True)), 1),
        (runs((0, 8, 10, True), (0, 10, 12, False), (0, 12, 13, True)), 2),
        (runs((1, 20, 24, True), (0, 0, 3, True)), 0),
        (runs((1, 20, 22, True), (0, 3, 5, True)), 0),
        (runs((1, 20, 22, False), (0, 3, 5, True)), 1),
        (runs((2, 20, 24, True), (0, 3, 5, True)), 1),
        (runs((1, 20, 24, True)), 0),
    ],
)
def test_a_crossing_is_counted_where_it_begins(of_runs: pl.DataFrame, crossings: int) -> None:
    health = health_rows(("S1", "active", 1, 1, 1.0, False))
    assert network_daily(health, of_runs, [DAY])["threshold_crossings"].to_list() == [crossings]
