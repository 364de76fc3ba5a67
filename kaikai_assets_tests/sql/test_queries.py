"""The queries of readings in ``sql/`` on a small warehouse that the product built, each against its whole result."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.product import build, drop
from kaikai_assets_tests.sql.engines import INDEXES, SQL, Ask

SENSORS = """sensor_id,location_name,location_type,latitude,longitude,installation_date,valid_from,status
SENS001,Dakar - Plateau,Urban,14.6937,-17.4441,2024-01-15,,
SENS002,Dakar - Almadies,Residential,14.7481,-17.4738,2024-02-01,,
SENS002,Saint-Louis - Sor,Urban,16.0194,-16.4896,2025-03-02,2025-03-02,
SENS003,Saint-Louis - Centre Ville,Urban,16.0267,-16.4969,2024-02-15,,active
SENS004,Dakar - Médina,Commercial,14.6953,-17.4439,2024-03-01,,
SENS008,Laboratory,Urban,14.6953,-17.4439,2024-03-01,,test
"""
# SENS004 sends nothing, SENS009 is not registered; 11:00 of the first day is 24 hours before the newest hour.
READINGS = """sensor_id,timestamp,pm25,temperature,humidity,co2
SENS001,2025-03-01T10:00:00Z,10,20,50,400
SENS001,2025-03-01T10:05:00Z,20,22,50,410
SENS001,2025-03-02T10:00:00Z,40,24,56,430
SENS002,2025-03-01T11:30:00Z,11,24,55,420
SENS002,2025-03-01T12:00:00Z,12,25,55,420
SENS002,2025-03-02T09:00:00Z,13,26,60,450
SENS003,2025-03-02T11:00:00Z,130,28,70,500
SENS003,2025-03-02T11:05:00Z,,30,70,500
SENS008,2025-03-01T10:00:00Z,900,20,50,400
SENS009,2025-03-02T11:00:00Z,5,20,50,400
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = Settings(data=tmp_path_factory.mktemp("data"), settle_s=0)
    platform = build_platform(settings)
    drop(platform, "sensors.csv", SENSORS)
    drop(platform, "readings.csv", READINGS)
    assert not build(platform).failed
    platform.publish(AIR)
    return settings.warehouse


def hour(day: int, of_day: int) -> datetime:
    return datetime(2025, 3, day, of_day, tzinfo=UTC)


def test_sensors_in_dakar_are_those_that_stand_there_now_the_newest_first(ask: Ask) -> None:
    assert ask("air_sensors_in_dakar") == [
        ("SENS004", "Dakar - Médina", "Commercial", date(2024, 3, 1)),
        ("SENS001", "Dakar - Plateau", "Urban", date(2024, 1, 15)),
    ]


def test_every_sensor_is_listed_without_data_and_without_registry_entry_too(ask: Ask) -> None:
    assert ask("air_sensor_activity") == [
        ("SENS001", "Dakar - Plateau", 3, hour(2, 10), Decimal("23.33"), 0),
        ("SENS002", "Saint-Louis - Sor", 3, hour(2, 9), Decimal("12.00"), 0),
        ("SENS003", "Saint-Louis - Centre Ville", 1, hour(2, 11), Decimal("130.00"), 0),
        ("SENS008", "Laboratory", 1, hour(1, 10), Decimal("900.00"), 0),
        ("SENS009", None, 1, hour(2, 11), Decimal("5.00"), 0),
        ("SENS004", "Dakar - Médina", 0, None, None, 0),
    ]


def test_the_last_24_hours_keep_equal_hours_of_two_days_apart(ask: Ask) -> None:
    assert ask("air_last_24_hours") == [
        ("SENS001", hour(2, 10), Decimal("40.00"), 1),
        ("SENS002", hour(1, 12), Decimal("12.00"), 1),
        ("SENS002", hour(2, 9), Decimal("13.00"), 1),
        ("SENS003", hour(2, 11), Decimal("130.00"), 1),
        ("SENS009", hour(2, 11), Decimal("5.00"), 1),
    ]


def test_zones_are_means_of_their_sensors_and_a_sensor_counts_where_it_stood(ask: Ask) -> None:
    residential = (Decimal("11.50"), Decimal("24.5"), Decimal("55.0"), Decimal("420"))
    urban = (Decimal("55.44"), Decimal("25.7"), Decimal("60.7"), Decimal("454"))
    assert ask("air_zones_ranked") == [
        ("Residential", 1, 2, *residential, 1, "excellent"),
        ("Urban", 3, 5, *urban, 2, "critical"),
    ]


def test_each_query_has_a_test() -> None:
    here = Path(__file__).parent
    tested = "".join(path.read_text(encoding="utf-8") for path in here.glob("test_*.py"))
    names = {path.stem for path in SQL.glob("*.sql")} - {INDEXES}
    assert {name for name in names if f'ask("{name}")' not in tested} == set()
