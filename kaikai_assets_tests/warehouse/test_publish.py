"""Publishing brings the warehouse to what the lake holds, and writes what changed only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest

from kaikai_assets.lake.tables import Lake
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.ledger.targets import Built, Target
from kaikai_assets.quality.contracts import Contract
from kaikai_assets.warehouse.duckdb_file import DuckDBFile
from kaikai_assets.warehouse.publish import publish
from kaikai_assets_tests.ledger.processes import at_once
from kaikai_assets_tests.warehouse.publishers import CONTRACTS, Daily, build_and_publish, commit, commit_sensors
from kaikai_assets_tests.warehouse.reader import Reader, rows
from kaikai_assets_tests.warehouse.writers import DAILY, SENSORS, day

VALUES = "SELECT DISTINCT day, value FROM gold.daily ORDER BY ALL"


class DailyWider(Daily):
    more: int = pa.Field(nullable=True, description="More")


class DailyReworded(Daily):
    value: float = pa.Field(nullable=True, description="Mean of readings", metadata={"unit": "µg/m³"})


@dataclass
class World:
    """A lake, what the ledger knows of it, and a warehouse."""

    root: Path
    built: dict[Target, Built] = field(default_factory=dict)

    @property
    def lake(self) -> Lake:
        return Lake(str(self.root / "lake"))

    @property
    def path(self) -> Path:
        return self.root / "warehouse.duckdb"

    def commit(self, value: float, *numbers: int, each: int = 2) -> None:
        self.built |= commit(self.lake, value, *numbers, each=each)

    def publish(self, contracts: Mapping[str, Contract] = CONTRACTS) -> dict[str, int]:
        return publish(DuckDBFile(self.path), self.lake, contracts, self.built)

    def ask(self, sql: str) -> Any:
        return rows(self.path, sql)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_first_publication_holds_all_days_and_tables(world: World) -> None:
    world.commit(1.0, 0, 1)
    world.built |= commit_sensors(world.lake, 5.0)
    assert world.publish() == {DAILY: 2, SENSORS: 1}
    assert world.ask(VALUES) == [[day(0), 1.0], [day(1), 1.0]]
    assert world.ask("SELECT DISTINCT value FROM silver.sensors") == [[5.0]]


def test_nothing_is_written_where_nothing_changed(world: World) -> None:
    assert world.publish() == {}
    assert not world.path.exists()
    world.commit(1.0, 0)
    world.publish()
    before = world.path.stat()
    assert world.publish() == {}
    assert (world.path.stat().st_ino, world.path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_only_changed_days_are_written(world: World) -> None:
    world.commit(1.0, 0, 1, 2)
    world.built |= commit_sensors(world.lake, 5.0)
    world.publish()
    first = "(SELECT min(published_at) FROM meta.published)"
    written = f"SELECT table_name, part FROM meta.published WHERE published_at > {first}"
    world.commit(2.0, 1)
    world.commit(1.0, 3)
    assert world.publish() == {DAILY: 2}
    assert sorted(world.ask(written)) == [[DAILY, day(1)], [DAILY, day(3)]]
    assert world.ask(VALUES) == [[day(0), 1.0], [day(1), 2.0], [day(2), 1.0], [day(3), 1.0]]


def test_a_day_that_lost_its_rows_loses_them_in_the_warehouse(world: World) -> None:
    world.commit(1.0, 0, 1)
    world.publish()
    world.commit(1.0, 0, each=0)
    assert world.publish() == {DAILY: 1}
    assert world.ask(VALUES) == [[day(1), 1.0]]
    assert world.publish() == {}


def test_tables_that_are_not_for_publication_are_left_out(world: World) -> None:
    world.commit(1.0, 0)
    world.built |= commit_sensors(world.lake, 5.0) | {("bronze/x", day(0)): Built("d", "o", 1, 1)}
    assert world.publish({DAILY: Daily}) == {DAILY: 1}
    assert world.ask("SELECT DISTINCT table_name FROM meta.published") == [[DAILY]]


def test_tables_of_others_in_the_same_file_are_left_alone(world: World) -> None:
    world.commit(1.0, 0)
    world.built |= commit_sensors(world.lake, 5.0)
    world.publish({SENSORS: CONTRACTS[SENSORS]})
    world.publish({DAILY: Daily})
    assert world.ask("SELECT DISTINCT value FROM silver.sensors") == [[5.0]]


def test_more_days_than_are_written_at_a_time_are_all_published(world: World) -> None:
    world.commit(1.0, *range(800), each=1)
    assert world.publish() == {DAILY: 800}
    assert world.ask("SELECT count(*), count(DISTINCT day), max(day) FROM gold.daily") == [[800, 800, day(799)]]
    world.commit(2.0, *range(800), each=1)
    assert world.publish() == {DAILY: 800}
    assert world.ask("SELECT count(*), min(value) FROM gold.daily") == [[800, 2.0]]


def test_a_contract_of_another_shape_publishes_all_days_anew_those_that_did_not_change_too(world: World) -> None:
    world.commit(1.0, *range(400), each=1)
    world.publish()
    world.commit(2.0, 5, each=1)
    assert world.publish({DAILY: DailyWider}) == {DAILY: 400}
    assert world.ask("SELECT count(*), count(more), sum(value) FROM gold.daily") == [[400, 0, 401.0]]
    assert world.publish({DAILY: DailyWider}) == {}


def test_columns_carry_their_descriptions_and_units(world: World) -> None:
    def comment(column: str) -> Any:
        ((found,),) = world.ask(f"SELECT comment FROM duckdb_columns() WHERE column_name = '{column}'")
        return found

    world.commit(1.0, 0)
    world.publish({DAILY: Daily})
    assert (comment("value"), comment("flag")) == ("Mean [µg/m³]", "Flag")
    world.commit(2.0, 0)
    world.publish({DAILY: DailyReworded})
    assert comment("value") == "Mean of readings [µg/m³]"


@pytest.mark.parametrize("content", [None, b"no database"])
def test_a_warehouse_that_was_deleted_or_damaged_is_published_anew(world: World, content: bytes | None) -> None:
    world.commit(1.0, 0, 1)
    world.publish()
    world.path.unlink()
    if content:
        world.path.write_bytes(content)
    assert world.publish() == {DAILY: 2}
    assert world.ask(VALUES) == [[day(0), 1.0], [day(1), 1.0]]


def test_a_write_ahead_file_that_locks_readers_out_is_removed_though_nothing_changed(world: World) -> None:
    world.commit(1.0, 0)
    world.publish()
    world.path.chmod(0o644)
    with Reader(world.path, read_only=False) as intruder:
        world.commit(2.0, 0)
        world.publish()
        # Its first write comes after the swap, and makes the file beside the new database.
        intruder.ask("CREATE TABLE main.mine AS SELECT 1 AS a")
        with pytest.raises(RuntimeError, match="WAL"):
            world.ask(VALUES)
        assert world.publish() == {}
        assert world.ask(VALUES) == [[day(0), 2.0]]


def test_a_publication_that_cannot_read_the_lake_leaves_the_warehouse_as_it_was(world: World) -> None:
    world.commit(1.0, 0)
    world.publish()
    before = world.path.read_bytes()
    world.commit(2.0, 0)
    for file in (world.root / "lake").rglob("*.parquet"):
        file.unlink()
    with pytest.raises((FileNotFoundError, pl.exceptions.ComputeError)):
        world.publish()
    assert world.path.read_bytes() == before
    world.commit(3.0, 0)
    world.publish()
    assert world.ask(VALUES) == [[day(0), 3.0]]


def test_several_processes_that_build_and_publish_at_once_end_with_what_the_lake_holds(world: World) -> None:
    at_once(build_and_publish, [(str(world.root), writer, 4) for writer in range(3)])
    assert world.ask(VALUES) == [[day(writer), writer + 0.03] for writer in range(3)]
    world.built = Ledger(f"sqlite:///{world.root}/ledger.sqlite").targets.built()
    assert world.publish() == {}
