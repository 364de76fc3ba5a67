"""Readers of the published file are never locked out and never see a publication in part."""

import stat
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kaikai_assets.warehouse.duckdb_file import DuckDBFile
from kaikai_assets_tests.ledger.processes import at_once
from kaikai_assets_tests.warehouse.reader import Reader, rows
from kaikai_assets_tests.warehouse.writers import (
    DAILY,
    SENSORS,
    daily,
    day,
    die_while_publishing,
    look_or_replace,
    replace_both,
    sensors,
)

VALUES = "SELECT DISTINCT day, value FROM gold.daily ORDER BY ALL"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


@pytest.fixture
def file(path: Path) -> DuckDBFile:
    return DuckDBFile(path)


def put(file: DuckDBFile, value: float, *numbers: int) -> None:
    """Publish days with one value."""
    with file.publication() as publication:
        publication.replace(DAILY, {day(n): f"{value}" for n in numbers}, daily(value, *numbers), {})


def read(path: Path, sql: str) -> pl.DataFrame:
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found: pl.DataFrame = connection.sql(sql).pl()
        return found


def wal(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


# what is published -----------------------------------------------------------------------------------------------


def test_a_published_table_holds_the_rows_in_their_types(file: DuckDBFile, path: Path) -> None:
    put(file, 1.5, 0, 1)
    found = read(path, "SELECT * FROM gold.daily")
    assert_frame_equal(found, daily(1.5, 0, 1), check_row_order=False)
    described = read(path, "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'daily'")
    assert dict(described.rows()) == {
        "day": "DATE",
        "sensor": "VARCHAR",
        "start": "TIMESTAMP WITH TIME ZONE",
        "value": "DOUBLE",
        "flag": "UTINYINT",
    }


def test_instants_are_the_same_whatever_zone_the_publisher_and_the_reader_live_in(
    file: DuckDBFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    put(file, 1.5, 0)
    at = datetime(2025, 1, 1, 23, 30, tzinfo=UTC)
    assert rows(path, "SELECT DISTINCT epoch_us(start) FROM gold.daily") == [[int(at.timestamp()) * 1_000_000]]
    local = "SELECT DISTINCT (start AT TIME ZONE 'America/New_York')::VARCHAR FROM gold.daily"
    assert rows(path, local) == [["2025-01-01 18:30:00"]]
    assert rows(path, "SELECT count(*) FROM gold.daily WHERE start = TIMESTAMPTZ '2025-01-01 23:30:00+00'") == [[2]]


def test_only_the_given_days_are_replaced_and_a_day_without_rows_is_emptied(file: DuckDBFile, path: Path) -> None:
    put(file, 1.0, 0, 1, 2)
    with file.publication() as publication:
        publication.replace(DAILY, {day(0): "b", day(1): "b"}, daily(2.0, 0), {})
    assert rows(path, VALUES) == [[day(0), 2.0], [day(2), 1.0]]
    assert file.published() == {(DAILY, day(0)): "b", (DAILY, day(1)): "b", (DAILY, day(2)): "1.0"}


def test_a_table_without_days_is_replaced_as_a_whole(file: DuckDBFile, path: Path) -> None:
    for value in (1.0, 2.0):
        with file.publication() as publication:
            publication.replace(SENSORS, {"": f"{value}"}, sensors(value), {})
    assert rows(path, "SELECT sensor, value FROM silver.sensors ORDER BY ALL") == [["S0", 2.0], ["S1", 2.0]]
    assert file.published() == {(SENSORS, ""): "2.0"}


def test_a_table_of_another_shape_starts_anew_and_all_its_days_are_unpublished(file: DuckDBFile, path: Path) -> None:
    put(file, 1.0, 0, 1)
    with file.publication() as publication:
        publication.replace(SENSORS, {"": "a"}, sensors(1.0), {})
        wider = daily(2.0, 0).with_columns(more=pl.lit("x"))
        publication.replace(DAILY, {day(0): "b"}, wider, {"more": "New"})
        assert publication.published() == {(DAILY, day(0)): "b", (SENSORS, ""): "a"}
    assert rows(path, "SELECT DISTINCT day, value, more FROM gold.daily") == [[day(0), 2.0, "x"]]


def test_comments_describe_columns_and_follow_a_contract_that_only_rewords_them(file: DuckDBFile, path: Path) -> None:
    def comments() -> dict[str, str | None]:
        found = read(path, "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'daily'")
        return dict(found.rows())

    with file.publication() as publication:
        publication.replace(DAILY, {day(0): "a"}, daily(1.0, 0), {"day": "The sensor's day", "value": "Mean [µg/m³]"})
    assert (comments()["day"], comments()["value"], comments()["flag"]) == ("The sensor's day", "Mean [µg/m³]", None)
    with file.publication() as publication:
        publication.replace(DAILY, {day(0): "b"}, daily(1.0, 0), {"day": 'A "local" day'})
    assert comments()["day"] == 'A "local" day'


def test_tables_read_together_are_of_one_publication(file: DuckDBFile) -> None:
    def publish(value: float) -> None:
        with file.publication() as publication:
            publication.replace(DAILY, {day(0): f"{value}"}, daily(value, 0), {})
            publication.replace(SENSORS, {"": f"{value}"}, sensors(value), {})

    def days() -> Iterator[date]:
        publish(2.0)  # between the two tables
        yield date.fromisoformat(day(0))

    publish(1.0)
    found = file.read_together({SENSORS: None, DAILY: days(), "gold/not_there": None})
    assert found.keys() == {SENSORS, DAILY}
    assert {value for rows_of in found.values() for value in rows_of["value"]} == {1.0}
    assert set(file.read(DAILY)["value"]) == {2.0}


def test_each_part_says_when_it_was_published(file: DuckDBFile, path: Path) -> None:
    put(file, 1.0, 0, 1)
    put(file, 2.0, 1)
    first, second = read(path, "SELECT published_at FROM meta.published ORDER BY part")["published_at"]
    assert first < second
    assert timedelta(0) <= datetime.now(UTC) - second < timedelta(minutes=1)


# the swap --------------------------------------------------------------------------------------------------------


def test_nothing_is_published_where_there_is_no_file(file: DuckDBFile, path: Path) -> None:
    assert file.published() == {}
    assert not path.exists()


def test_the_published_file_is_read_only_and_nothing_else_stays_but_the_lock(file: DuckDBFile, path: Path) -> None:
    for value in (1.0, 2.0):
        put(file, value, 0)
        assert stat.S_IMODE(path.stat().st_mode) == 0o444
        assert {p.name for p in path.parent.iterdir()} == {path.name, f".{path.name}.lock"}


def test_the_folder_of_the_file_is_made(tmp_path: Path) -> None:
    nested = tmp_path / "a" / "b" / "warehouse.duckdb"
    put(DuckDBFile(nested), 1.0, 0)
    assert rows(nested, VALUES) == [[day(0), 1.0]]


def test_a_reader_keeps_what_it_opened_and_a_new_one_sees_the_new(file: DuckDBFile, path: Path) -> None:
    put(file, 1.0, 0, 1)
    with Reader(path) as old:
        assert old.ask(VALUES) == [[day(0), 1.0], [day(1), 1.0]]
        put(file, 2.0, 1)
        assert old.ask(VALUES) == [[day(0), 1.0], [day(1), 1.0]]
        with Reader(path) as new:
            assert new.ask(VALUES) == [[day(0), 1.0], [day(1), 2.0]]
            put(file, 3.0, 2)
            assert old.ask("SELECT count(*) FROM gold.daily") == [[4]]
            assert new.ask("SELECT count(*) FROM gold.daily") == [[4]]


def test_a_publication_is_invisible_until_it_ends(file: DuckDBFile, path: Path) -> None:
    put(file, 1.0, 0)
    with file.publication() as publication:
        publication.replace(DAILY, {day(0): "b"}, daily(2.0, 0), {})
        assert publication.published() == {(DAILY, day(0)): "b"}
        assert file.published() == {(DAILY, day(0)): "1.0"}
        assert rows(path, VALUES) == [[day(0), 1.0]]
    assert rows(path, VALUES) == [[day(0), 2.0]]


def test_a_failed_publication_leaves_the_file_as_it_was_and_the_next_one_works(file: DuckDBFile, path: Path) -> None:
    put(file, 1.0, 0)
    before = path.read_bytes()

    def fail() -> None:
        with file.publication() as publication:
            publication.replace(DAILY, {day(0): "b"}, daily(2.0, 0), {})
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fail()
    assert path.read_bytes() == before
    put(file, 3.0, 1)
    assert rows(path, VALUES) == [[day(0), 1.0], [day(1), 3.0]]


def test_a_failed_first_publication_leaves_no_file(file: DuckDBFile, path: Path) -> None:
    with pytest.raises(duckdb.Error), file.publication() as publication:
        publication.replace(DAILY, {"not a day": "b"}, daily(2.0, 0), {})
    assert not path.exists()
    assert file.published() == {}


def test_a_killed_publication_leaves_the_file_as_it_was_and_the_next_one_works(file: DuckDBFile, path: Path) -> None:
    put(file, 1.0, 0)
    process = get_context("spawn").Process(target=die_while_publishing, args=(str(path.parent),))
    process.start()
    process.join(30)
    assert process.exitcode == 9
    assert rows(path, VALUES) == [[day(0), 1.0]]
    put(file, 3.0, 1)
    assert rows(path, VALUES) == [[day(0), 1.0], [day(1), 3.0]]


@pytest.mark.parametrize("before", [True, False])
def test_nothing_of_a_killed_publication_gets_into_the_next_one(file: DuckDBFile, path: Path, before: bool) -> None:
    if before:
        put(file, 1.0, 0)
    building = path.with_name(f".{path.name}.building")
    with Reader(building, read_only=False) as killed:
        killed.ask("CREATE TABLE main.half AS SELECT 1 AS a")
        killed.kill()
    assert wal(building).exists()
    put(file, 2.0, 1)
    assert rows(path, VALUES) == [[day(0), 1.0], [day(1), 2.0]][not before :]
    assert rows(path, "SELECT * FROM main.half") == "CatalogException"
    assert not wal(building).exists()


# readers who open it for writing ---------------------------------------------------------------------------------


@pytest.fixture
def intruder(file: DuckDBFile, path: Path) -> Iterator[Reader]:
    """A user whom modes do not stop, with the file open for writing and something unsaved in it."""
    put(file, 1.0, 0)
    path.chmod(0o644)
    with Reader(path, read_only=False) as reader:
        reader.ask("SET checkpoint_threshold = '1GB'")
        assert reader.ask("CREATE TABLE main.mine AS SELECT 1 AS a") == [[1]]
        yield reader


def test_somebody_who_holds_the_file_open_for_writing_cannot_hinder_a_publication(
    file: DuckDBFile, path: Path, intruder: Reader
) -> None:
    assert wal(path).exists()
    put(file, 2.0, 0)
    assert not wal(path).exists()
    assert rows(path, VALUES) == [[day(0), 2.0]]
    assert rows(path, "SELECT * FROM main.mine") == "CatalogException"
    assert intruder.ask(VALUES) == [[day(0), 1.0]]


def test_what_somebody_writes_into_the_old_file_harms_neither_readers_nor_publications(
    file: DuckDBFile, path: Path, intruder: Reader
) -> None:
    put(file, 2.0, 0)
    intruder.ask("CREATE TABLE main.more AS SELECT 1 AS a")
    intruder.ask("CHECKPOINT")
    put(file, 3.0, 0)
    intruder.ask("CREATE TABLE main.yet_more AS SELECT 1 AS a")
    intruder.__exit__(None, None, None)
    assert rows(path, VALUES) == [[day(0), 3.0]]
    put(file, 4.0, 0)
    assert rows(path, VALUES) == [[day(0), 4.0]]


def test_what_a_killed_writer_left_beside_the_file_is_removed_by_the_next_publication(
    file: DuckDBFile, path: Path, intruder: Reader
) -> None:
    intruder.kill()
    assert wal(path).exists()
    # A reader might see what that writer added: a publication is due, even if no day changed.
    assert not file.is_intact()
    assert file.published() == {}
    put(file, 2.0, 0)
    assert not wal(path).exists()
    assert rows(path, VALUES) == [[day(0), 2.0]]


@pytest.mark.parametrize("left", [b"", b"no write-ahead log" * 100])
def test_any_write_ahead_file_beside_it_is_removed_by_the_next_publication(
    file: DuckDBFile, path: Path, left: bytes
) -> None:
    put(file, 1.0, 0)
    wal(path).write_bytes(left)
    file.published()
    put(file, 2.0, 0)
    assert not wal(path).exists()
    assert rows(path, VALUES) == [[day(0), 2.0]]


@pytest.mark.parametrize("content", [b"", b"no database" * 1000])
def test_a_damaged_file_is_built_anew(file: DuckDBFile, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert file.published() == {}
    put(file, 1.0, 0)
    assert rows(path, VALUES) == [[day(0), 1.0]]


# several processes -----------------------------------------------------------------------------------------------


def test_readers_never_fail_and_never_see_a_part_while_several_processes_publish(path: Path) -> None:
    replace_both(path, 9.0)
    found = at_once(look_or_replace, [(str(path.parent), writer, 8) for writer in (1, 2, None, None)])
    assert found == [set(), set(), {1}, {1}]
    ((value,),) = rows(path, "SELECT value FROM gold.daily UNION SELECT value FROM silver.sensors")
    assert DuckDBFile(path).published() == {(DAILY, day(0)): f"{value}", (SENSORS, ""): f"{value}"}
