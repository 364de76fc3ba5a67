"""Compaction: fewer files, the same tables, and nobody's run in the way."""

import os
import time
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from polars.testing import assert_frame_equal

from kaikai_assets.build.pending import days_of
from kaikai_assets.build.run import persistently
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.lake.tables import Conflict, Lake
from kaikai_assets.lake.tidy import Tidied, tidy
from kaikai_assets.operations.compaction import compact
from kaikai_assets.platform import Platform
from kaikai_assets_tests.end_to_end.product import build, drop, outputs, table
from kaikai_assets_tests.end_to_end.test_rebuilding import day_file
from kaikai_assets_tests.lake.test_tables import Interrupted
from kaikai_assets_tests.lake.writers import SCHEMA, builds, day, rows
from kaikai_assets_tests.operations.process import kill_at_each_write

SILVER = "silver/air_measurements"
DAYS = ["2025-03-01", "2025-03-02", "2025-03-03"]
SMALL = "t"


@pytest.fixture
def built(platform: Platform) -> Platform:
    for one in DAYS:
        drop(platform, f"{one}.csv", day_file(one))
    assert build(platform).failed == {}
    return platform


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    lake.commit(SMALL, rows([0, 1, 2], 1.0, each=3), builds([0, 1, 2], 1))
    return lake


def scatter(lake: Lake, name: str, day: str) -> None:
    """Write a day again as many small files, in another order."""
    opened = lake.open(name)
    assert opened is not None
    stored = pl.scan_delta(opened).filter(pl.col("day") == date.fromisoformat(day)).collect().reverse()
    for n, part in enumerate(stored.iter_slices(max(1, stored.height // 5))):
        if n:
            write_deltalake(lake.uri(name), part, mode="append")
        else:
            write_deltalake(lake.uri(name), part, mode="overwrite", predicate=f"day in ('{day}')")


def files(lake: Lake, name: str) -> dict[str, int]:
    """Files of each stored day."""
    opened = lake.open(name)
    assert opened is not None
    listed = pl.DataFrame(opened.get_add_actions(flatten=True))
    return {f"{day}": n for day, n in listed.group_by("partition.day").len().iter_rows()}


def on_disk(lake: Lake, name: str) -> set[str]:
    return {path.name for path in Path(lake.uri(name)).rglob("*.parquet") if "_delta_log" not in path.parts}


def age(folder: Path, days: int) -> None:
    """Make all files of a folder older."""
    then = time.time() - days * 86400
    for path in folder.rglob("*"):
        os.utime(path, (then, then))


def test_small_files_are_merged_and_tables_stay_what_they_were(built: Platform) -> None:
    before, rows_before = outputs(built), table(built, SILVER).sort("sensor_id", "time")
    scatter(built.lake, SILVER, DAYS[1])
    stored = built.lake.builds(SILVER)
    assert files(built.lake, SILVER)[DAYS[1]] > 4
    report = compact(built, AIR, False)
    assert report.tables[SILVER].merged > 4
    assert {name for name, tidied in report.tables.items() if tidied.merged} == {SILVER}
    assert files(built.lake, SILVER) == dict.fromkeys(DAYS, 1)
    assert built.lake.builds(SILVER) == stored
    assert_frame_equal(table(built, SILVER).sort("sensor_id", "time"), rows_before)
    assert not {t for t in built.runner(AIR).plan().pending if t[1]}
    runner = built.runner(AIR)
    run = runner.begin()
    list(runner.build(run, days_of(run.start.built), set(AIR.contracts), only_pending=False))
    assert run.failed == {}
    assert outputs(built) == before


def test_a_second_call_finds_nothing_to_do_and_commits_nothing(built: Platform) -> None:
    scatter(built.lake, SILVER, DAYS[1])
    compact(built, AIR, False)
    versions = {name: built.lake.version(name) for name in AIR.contracts}
    report = compact(built, AIR, False)
    assert set(report.tables.values()) == {Tidied()}
    assert {name: built.lake.version(name) for name in AIR.contracts} == versions


def test_a_dry_run_tells_what_would_be_done_and_does_nothing(built: Platform) -> None:
    scatter(built.lake, SILVER, DAYS[1])
    version, present = built.lake.version(SILVER), on_disk(built.lake, SILVER)
    log = sorted((Path(built.lake.uri(SILVER)) / "_delta_log").iterdir())
    report = compact(built, AIR, True)
    assert report.tables[SILVER].merged > 4
    assert (built.lake.version(SILVER), on_disk(built.lake, SILVER)) == (version, present)
    assert sorted((Path(built.lake.uri(SILVER)) / "_delta_log").iterdir()) == log


def test_replaced_files_stay_for_readers_until_their_time_is_over(lake: Lake) -> None:
    before = lake.version(SMALL)
    lake.commit(SMALL, rows([1], 2.0, each=3), builds([1], 2))
    assert tidy(lake, SMALL, history_days=7, dry_run=False) == Tidied()
    past = DeltaTable(lake.uri(SMALL), version=before)
    assert pl.scan_delta(past).collect()["value"].to_list() == [1.0] * 9
    assert tidy(lake, SMALL, history_days=0, dry_run=True).removed == 1
    assert tidy(lake, SMALL, history_days=0, dry_run=False).removed == 1
    assert len(on_disk(lake, SMALL)) == 3
    assert sorted(lake.read(SMALL, SCHEMA)["value"].to_list()) == [1.0] * 6 + [2.0] * 3


def test_a_longer_history_is_kept_even_by_the_checkpoints_of_other_commits(lake: Lake) -> None:
    tidy(lake, SMALL, history_days=60, dry_run=False)
    opened = lake.open(SMALL)
    assert opened is not None
    assert opened.metadata().configuration == {
        "delta.deletedFileRetentionDuration": "interval 60 days",
        "delta.logRetentionDuration": "interval 60 days",
    }


def test_files_that_a_killed_run_left_are_removed_once_they_are_old(lake: Lake) -> None:
    folder = Path(lake.uri(SMALL)) / "day=2025-01-02"
    (folder / "part-00000-killed.zstd.parquet").write_bytes(b"half a file")
    assert tidy(lake, SMALL, history_days=7, dry_run=False).removed == 0
    age(folder, 8)
    assert tidy(lake, SMALL, history_days=7, dry_run=False).removed == 1
    assert lake.read(SMALL, SCHEMA).height == 9


def test_an_old_log_shrinks_to_a_checkpoint_that_opens_the_table(lake: Lake) -> None:
    for n in range(2, 9):
        lake.commit(SMALL, rows([1], float(n), each=3), builds([1], n))
    log = Path(lake.uri(SMALL)) / "_delta_log"
    version, stored, held = lake.version(SMALL), lake.builds(SMALL), lake.read(SMALL, SCHEMA)
    age(log, 40)
    tidy(lake, SMALL, history_days=7, dry_run=False)
    assert len(list(log.glob("*.json"))) == 1
    assert (lake.version(SMALL), lake.builds(SMALL)) == (version, stored)
    assert_frame_equal(lake.read(SMALL, SCHEMA), held, check_row_order=False)
    assert lake.commit(SMALL, rows([2], 5.0), builds([2], 3)) == set()


def test_a_table_that_a_run_commits_to_meanwhile_is_left_for_the_next_time(lake: Lake) -> None:
    class Busy(Lake):
        def open(self, table: str) -> DeltaTable | None:
            opened = super().open(table)
            lake.commit(SMALL, rows([0], 7.0), builds([0], 7))
            return opened

    scatter(lake, SMALL, "2025-01-02")
    with pytest.raises(Conflict, match="t: a run committed in between"):
        tidy(Busy(str(Path(lake.uri(SMALL)).parent)), SMALL, history_days=7, dry_run=False)
    assert dict(lake.read(SMALL, SCHEMA).group_by("day").agg("value").rows())[date(2025, 1, 1)] == [7.0]
    assert tidy(lake, SMALL, history_days=7, dry_run=False).merged == 3


@pytest.mark.parametrize("number", [0, 1])
def test_a_run_that_commits_while_files_are_merged_succeeds_at_once_or_when_it_tries_again(
    lake: Lake, number: int
) -> None:
    scatter(lake, SMALL, "2025-01-02")
    written = Interrupted(builds([number], 9), lambda: tidy(lake, SMALL, history_days=0, dry_run=False))

    def commit() -> list[object]:  # as a run's
        lake.commit(SMALL, rows([number], 9.0), written)
        return []

    persistently(commit)  # type: ignore[arg-type]
    assert lake.builds(SMALL)[f"2025-01-0{number + 1}"].seen == 9
    assert sorted(lake.read(SMALL, SCHEMA)["value"].to_list()) == [1.0] * 6 + [9.0]


def test_a_kill_at_any_write_leaves_the_table_as_it_was(lake: Lake) -> None:
    lake.commit(SMALL, rows([2], 2.0, each=3), builds([2], 2))
    scatter(lake, SMALL, "2025-01-02")
    stored, held = lake.builds(SMALL), lake.read(SMALL, SCHEMA).sort("day", "sensor")

    def unharmed() -> None:
        assert lake.builds(SMALL) == stored
        assert_frame_equal(lake.read(SMALL, SCHEMA).sort("day", "sensor"), held)

    call = partial(tidy, lake, SMALL, history_days=0, dry_run=False)
    assert kill_at_each_write(call, unharmed) >= 3
    assert files(lake, SMALL) == {f"{day(n)}": 1 for n in range(3)}
    assert len(on_disk(lake, SMALL)) == 3
