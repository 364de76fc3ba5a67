"""The event log's files are kept open during a run, and no longer."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from kaikai_assets.orchestration.event_log import kept_open


def test_files_stay_open_while_events_are_written_and_are_closed_after(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, SqliteEventLogStorage)
    found: list[list[bool]] = []

    @dg.op
    def writes(context: dg.OpExecutionContext) -> Iterator[dg.AssetMaterialization | dg.Output[None]]:
        files = [Path(storage.path_for_shard(shard) + "-wal") for shard in ("index", context.run_id)]
        with kept_open(context.instance, context.run_id):
            yield dg.AssetMaterialization("a")
            found.append([file.exists() for file in files])
        yield dg.AssetMaterialization("b")
        found.append([file.exists() for file in files])
        yield dg.Output(None)

    @dg.job
    def job() -> None:
        writes()

    assert job.execute_in_process(instance=instance).success
    assert found == [[True, True], [False, False]]
    assert {key.to_user_string() for key in instance.get_asset_keys()} == {"a", "b"}


def test_a_log_that_is_not_there_yet_or_is_no_database_is_left_alone(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, SqliteEventLogStorage)
    with kept_open(instance, "no-such-run"):
        assert not Path(storage.path_for_shard("no-such-run")).exists()
