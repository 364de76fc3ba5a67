"""How long files took from landing to the warehouse, as the warehouse says it."""

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import duckdb
import polars as pl
import pytest

from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.landing.raw import Landed, Removed
from kaikai_assets.ledger.targets import Built
from kaikai_assets.platform import Platform
from kaikai_assets.quality.contracts import schema
from kaikai_assets.warehouse.latency import Latency, latency, served
from kaikai_assets_tests.end_to_end.product import build, drop

HEADER = "sensor_id,timestamp,pm25,temperature,humidity,co2\n"
SENSORS = """sensor_id,location_name,location_type,latitude,longitude,installation_date
SENS001,Dakar - Plateau,Urban,14.6937,-17.4441,2024-01-15
"""


def published(platform: Platform) -> list[tuple[int, bool]]:
    with duckdb.connect(str(platform.settings.warehouse), read_only=True) as connection:
        query = "SELECT files, latency_p50_s >= 0 AND latency_max_s >= latency_p95_s FROM gold.air_latency ORDER BY day"
        return connection.execute(query).fetchall()


def times(platform: Platform) -> list[tuple[datetime, datetime]]:
    return platform.ledger.served.times("air", platform.ledger.served.days("air"))


def landed(platform: Platform, seq: int, at: datetime, *days: date) -> None:
    file = Landed(
        domain="air",
        source="kaikai_csv",
        kind="readings",
        identity=f"{seq:032x}",
        sha256="0" * 64,
        name=f"{seq}.csv",
        bytes=1,
        records=len(days),
        arrival_seq=seq,
        arrived_at=at,
        counted="",
        days=dict.fromkeys(days, 1),
    )
    assert platform.ledger.landed.register(file)


def test_each_file_of_readings_counts_once_from_its_first_publication_on(platform: Platform) -> None:
    drop(platform, "sensors.csv", SENSORS)
    drop(platform, "one.csv", HEADER + "SENS001,2025-03-01T10:00:00Z,10,20,50,400\n")
    drop(platform, "two.csv", HEADER + "SENS001,2025-03-02T10:00:00Z,10,20,50,400\n")
    assert not build(platform).failed
    platform.publish(AIR)
    assert published(platform) == [(2, True)]
    first = times(platform)
    assert platform.publish(AIR) == {}
    drop(platform, "again.csv", HEADER + "SENS001,2025-03-01T10:00:00Z,10.0,20,50,400\n")
    assert not build(platform).failed
    platform.publish(AIR)
    assert published(platform) == [(3, True)]
    assert times(platform)[:2] == first


def test_a_file_is_not_served_while_one_of_its_days_waits() -> None:
    at = datetime(2025, 3, 2, tzinfo=UTC)
    waiting = {1: (at, {"2025-03-01"}), 2: (at, {"2025-03-01", "2025-03-02"}), 3: (at, {"2025-03-01"})}
    built = {("bronze", "2025-03-01"): Built("d", "o", 1, 2), ("bronze", "2025-03-02"): Built("d", "o", 1, 2)}
    assert served(waiting, "bronze", built, ()) == [1, 2]
    assert served(waiting, "bronze", built, {("gold", "2025-03-02")}) == [1]
    assert served(waiting, "bronze", {}, ()) == []


def test_latency_is_told_by_day_of_arrival() -> None:
    day = datetime(2025, 3, 1, 23, tzinfo=UTC)
    times = [(day, day + timedelta(seconds=s)) for s in (1, 2, 3)] + [
        (day + timedelta(hours=1), day + timedelta(hours=2))
    ]
    assert latency(times).rows() == [
        (day.date(), 3, 2.0, pytest.approx(2.9), 3.0),
        (day.date() + timedelta(days=1), 1, 3600.0, 3600.0, 3600.0),
    ]
    assert latency([]).is_empty()


def test_a_ledger_made_anew_does_not_know_and_does_not_guess(platform: Platform) -> None:
    drop(platform, "one.csv", HEADER + "SENS001,2025-03-01T10:00:00Z,10,20,50,400\n")
    build(platform)
    platform.publish(AIR)
    platform.ledger.close()
    for path in platform.settings.data.glob("ledger.sqlite*"):
        path.unlink()
    anew = Platform(platform.settings, platform.domains)
    assert not build(anew).failed
    anew.publish(AIR)
    assert anew.ledger.served.days("air") == set()
    platform.settings.warehouse.unlink()
    anew.publish(AIR)
    assert anew.warehouse.read("gold/air_latency").schema == schema(Latency)


def test_of_files_of_an_older_ledger_nobody_knows_when_they_were_served(platform: Platform) -> None:
    drop(platform, "one.csv", HEADER + "SENS001,2025-03-01T10:00:00Z,10,20,50,400\n")
    assert not build(platform).failed
    platform.ledger.close()
    with closing(sqlite3.connect(platform.settings.data / "ledger.sqlite")) as connection:
        connection.execute("DROP TABLE served")
    newer = Platform(platform.settings, platform.domains)
    newer.publish(AIR)
    assert newer.ledger.served.days("air") == set()
    assert newer.ledger.served.waiting("air") == {}


def test_a_file_late_for_sealed_days_is_not_waited_for_but_one_with_another_day_is(platform: Platform) -> None:
    at, sealed, another = datetime(2025, 6, 1, tzinfo=UTC), date(2025, 3, 1), date(2025, 3, 2)
    landed(platform, 1, at, sealed)
    landed(platform, 2, at, sealed)
    platform.ledger.landed.note_removals({1: Removed(at=at, seen=2)})
    landed(platform, 3, at, sealed)
    landed(platform, 4, at, sealed, another)
    waiting = platform.ledger.served.waiting("air")
    assert waiting == {1: (at, {"2025-03-01"}), 2: (at, {"2025-03-01"}), 4: (at, {"2025-03-02"})}


def test_of_many_files_the_first_note_counts(platform: Platform) -> None:
    day = datetime(2025, 3, 1, tzinfo=UTC)
    for seq in range(1, 5):
        landed(platform, seq, day + timedelta(days=seq), day.date())
    first, second = day + timedelta(days=9), day + timedelta(days=10)
    # More numbers than are asked for at a time.
    platform.ledger.served.note(range(3, 1200), first)
    platform.ledger.served.note(range(1, 1200), second)
    assert platform.ledger.served.days("air") == {date(2025, 3, d) for d in (2, 3, 4, 5)}
    assert [at for _, at in times(platform)] == [second, second, first, first]
    found = platform.ledger.served.times("air", {date(2025, 3, 2), date(2025, 3, 4)})
    assert found == [(day + timedelta(days=1), second), (day + timedelta(days=3), first)]


def test_other_days_of_arrival_stay_as_published_and_come_back_with_a_new_file(platform: Platform) -> None:
    old = datetime(2025, 3, 1, 12, tzinfo=UTC)
    for seq in (1, 2):
        landed(platform, seq, old + timedelta(days=seq), old.date())
    platform.ledger.served.note([1, 2], old + timedelta(days=3))
    platform.publish(AIR)
    assert published(platform) == [(1, True), (1, True)]
    landed(platform, 3, old + timedelta(days=2), date(2025, 3, 4))
    platform.ledger.targets.record_built({(AIR.bronze, "2025-03-04"): Built("d", "o", 1, 3)}, old)
    assert platform.publish(AIR) == {"gold/air_latency": 1}
    assert published(platform) == [(1, True), (2, True)]
    platform.settings.warehouse.unlink()
    assert platform.publish(AIR) == {"gold/air_latency": 2}
    assert published(platform) == [(1, True), (2, True)]


def test_a_table_of_another_shape_is_published_whole(platform: Platform) -> None:
    at = datetime(2025, 3, 1, 12, tzinfo=UTC)
    landed(platform, 1, at, at.date())
    platform.ledger.served.note([1], at)
    with platform.warehouse.publication() as publication:
        old = pl.DataFrame({"day": [at.date()], "files": [1]})
        publication.replace("gold/air_latency", {"2025-03-01": "of another contract"}, old, {})
    platform.publish(AIR)
    assert published(platform) == [(1, True)]
