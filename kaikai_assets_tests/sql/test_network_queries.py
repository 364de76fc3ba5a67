"""The queries of ``sql/`` on gold written by hand, each against its whole result."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from kaikai_assets.quality.contracts import schema
from kaikai_assets.warehouse.duckdb_file import DuckDBFile
from kaikai_assets.warehouse.latency import Latency
from kaikai_assets_tests.domains.air.gold import frame
from kaikai_assets_tests.sql.engines import Ask


def march(day: int) -> date:
    return date(2025, 3, day)


def hour(day: int, of_day: int) -> datetime:
    return datetime(2025, 3, day, of_day, tzinfo=UTC)


def _daily(sensor: str, day: date, aqi: int | None, category: str | None, above: bool | None) -> dict[str, object]:
    named: dict[str, object] = {"pm25_aqi": aqi, "pm25_aqi_category": category, "exceeds_who_24h": above}
    named |= {"is_complete": aqi is not None, "pm25_mean": None if aqi is None else aqi / 10}
    return {"sensor_id": sensor, "day": day, **named}


def _zone(zone: str, day: date, mean: float | None, rank: int | None) -> dict[str, object]:
    return {"zone": zone, "day": day, "pm25_mean": mean, "rank": rank}


def _health(sensor: str, day: int, status: str, share: float, *, offline: bool, degraded: bool) -> dict[str, object]:
    return {
        "sensor_id": sensor,
        "day": march(day),
        "status": status,
        "last_seen": hour(day, 9),
        "share_received": share,
        "is_offline": offline,
        "is_degraded": degraded,
        "longest_silence_min": 60.0,
    }


GOLD = {
    "silver/air_sensors": frame(
        "silver/air_sensors",
        {"sensor_id": "S1", "location_name": "Dakar - Médina", "valid_to": march(10)},
        {"sensor_id": "S1", "location_name": "Dakar - Plateau", "valid_from": march(10)},
        {"sensor_id": "S3", "location_name": "Thiès", "status": "test"},
    ),
    "gold/air_daily": frame(
        "gold/air_daily",
        _daily("S1", date(2025, 2, 27), 63, "Moderate", True),
        _daily("S1", date(2025, 2, 28), 44, "Good", False),
        _daily("S1", march(1), 103, "Unhealthy for Sensitive Groups", True),
        _daily("S1", march(2), None, None, None),
        _daily("S2", march(2), 44, "Good", False),
        *(
            {"sensor_id": "S7", "day": date(2024, 1, 1) + timedelta(days=n), "is_complete": True, "pm25_mean": 5.1}
            for n in range(275)
        ),
    ),
    "gold/air_zone_daily": frame(
        "gold/air_zone_daily",
        _zone("Urban", date(2025, 2, 28), 99.0, 1),
        _zone("Urban", march(7), 30.0, 1),
        _zone("Urban", march(8), 10.0, 1),
        _zone("Urban", march(14), 20.0, 1),
        _zone("Urban", march(15), None, None),
        _zone("Residential", march(9), 12.0, 2),
        _zone("Commercial", march(1), 12.0, 2),
        _zone("Unknown", march(14), 5.0, None),
    ),
    "gold/air_sensor_health": frame(
        "gold/air_sensor_health",
        _health("S1", 13, "active", 0.1, offline=True, degraded=True),
        _health("S1", 14, "active", 0.45, offline=False, degraded=True),
        _health("S2", 14, "unknown", 0.25, offline=True, degraded=True),
        _health("S3", 14, "test", 0.0, offline=True, degraded=True),
        _health("S4", 14, "active", 1.0, offline=False, degraded=False),
        # Not today, which is over when midnight passes before the query is asked.
        _health("S4", 14, "active", 0.2, offline=True, degraded=True)
        | {"day": datetime.now(UTC).date() + timedelta(days=1)},
    ),
    "gold/air_hourly": frame(
        "gold/air_hourly",
        *(
            {
                "sensor_id": "S1",
                "day": march(1),
                "hour": hour(1, n),
                "pm25_mean": float(n),
                "completeness": 0.75,
                "quality_score": 87.5,
                "pm25_nowcast": n - 0.5,
                "pm25_nowcast_aqi": 50,
                "pm25_neighbours_flag": 1,
                "pm25_corrected_mean": 5.0 if n in (10, 20) else None,
                "pm25_corrected_n": {10: 1, 20: 3}.get(n, 0),
                "correction_version": "epa-2021",
            }
            for n in range(24)
        ),
        {"sensor_id": "S2", "day": march(1), "hour": hour(1, 5), "pm25_mean": 23.0, "completeness": 1.0},
        {"sensor_id": "S2", "day": march(1), "hour": hour(1, 6)},
        {"sensor_id": "S2", "day": march(1), "hour": hour(1, 7), "pm25_mean": 99.0, "completeness": 0.74},
        {"sensor_id": "S3", "day": march(1), "hour": hour(1, 5), "pm25_mean": 99.0, "completeness": 1.0},
    ),
    "gold/air_network_daily": frame(
        "gold/air_network_daily",
        {"day": march(2), "sensors_active": 4, "measurements": 100, "share_valid": 0.5, "threshold_crossings": 1},
        {"day": march(3), "sensors_active": 3, "measurements": 100, "share_valid": 1.0, "threshold_crossings": 2},
        {"day": march(9), "sensors_active": 5, "measurements": 300, "share_valid": 0.9, "threshold_crossings": 0},
    ),
    "gold/air_latency": pl.DataFrame(
        [(march(3), 1, 10.0, 11.0, 12.0), (march(9), 3, 20.0, 21.0, 22.0), (march(10), 1, 5.0, 5.0, 5.0)],
        schema=schema(Latency),
        orient="row",
    ),
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("warehouse") / "kaikai.duckdb"
    with DuckDBFile(path).publication() as publication:
        for table, rows in GOLD.items():
            publication.replace(table, {"": "by hand"}, rows, {})
    return path


def test_days_above_the_guideline_stand_beside_the_coverage_that_they_rest_on(ask: Ask) -> None:
    february, half, whole = Decimal("7.1"), Decimal("50.0"), Decimal("100.0")
    assert [row for row in ask("air_who_exceedances") if row[0] != "S7"] == [
        ("S1", date(2025, 2, 1), 2, 28, february, 1, half),
        ("S1", march(1), 1, 2, half, 1, whole),
        ("S2", march(1), 1, 2, half, 0, Decimal("0.0")),
    ]


def test_a_year_is_judged_from_three_quarters_of_its_days_on(ask: Ask) -> None:
    few = ("S1", date(2025, 1, 1), 3, Decimal("0.8"), Decimal("7.0"), None)
    many = ("S7", date(2024, 1, 1), 275, Decimal("75.1"), Decimal("5.1"), True)
    assert ask("air_who_year") == [many, few, ("S2", date(2025, 1, 1), 1, Decimal("0.3"), Decimal("4.4"), None)]


def test_days_are_counted_by_category_and_those_without_an_index_apart(ask: Ask) -> None:
    assert [row for row in ask("air_aqi_days") if row[0] != "S7"] == [
        ("S1", 1, 1, 1, 0, 0, 0, 1, 103),
        ("S2", 1, 0, 0, 0, 0, 0, 0, 44),
    ]


def test_sensors_in_trouble_are_those_of_the_newest_day_that_is_over_without_test_sensors(ask: Ask) -> None:
    assert ask("air_sensors_in_trouble") == [
        ("S2", None, march(14), True, True, hour(14, 9), Decimal("25.0"), 60.0),
        ("S1", "Dakar - Plateau", march(14), False, True, hour(14, 9), Decimal("45.0"), 60.0),
    ]


def test_zones_are_compared_with_the_seven_days_before_where_these_have_a_mean(ask: Ask) -> None:
    assert ask("air_zones_week") == [
        ("Residential", 1, 0, Decimal("12.00"), None, None, 1),
        ("Urban", 2, 1, Decimal("15.00"), Decimal("30.00"), Decimal("-15.00"), 2),
    ]


def test_the_twenty_worst_complete_hours_of_the_network_tell_what_they_are_worth(ask: Ask) -> None:
    rows = ask("air_worst_hours")
    assert len(rows) == 20
    worth = (Decimal("75.0"), Decimal("88"), Decimal("22.5"), 50, 1)
    assert rows[0] == ("S1", hour(1, 23), Decimal("23.0"), *worth)
    assert rows[1] == ("S2", hour(1, 5), Decimal("23.0"), Decimal("100.0"), None, None, None, None)
    assert [row[2] for row in rows[2:]] == list(range(22, 4, -1))


def test_raw_and_corrected_means_are_of_the_same_readings(ask: Ask) -> None:
    assert ask("air_raw_and_corrected") == [("S1", "epa-2021", 2, Decimal("17.50"), Decimal("5.00"), Decimal("0.286"))]


def test_weeks_begin_on_monday_and_measurements_weigh_their_shares(ask: Ask) -> None:
    assert ask("air_weeks") == [
        (date(2025, 2, 24), 4, 100, Decimal("50.0"), 1, None, None, None),
        (march(3), 5, 400, Decimal("92.5"), 2, 4, Decimal("17.5"), Decimal("22.0")),
        (march(10), None, None, None, None, 1, Decimal("5.0"), Decimal("5.0")),
    ]
