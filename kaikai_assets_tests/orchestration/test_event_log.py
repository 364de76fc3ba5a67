"""The event log is kept open during a run, and no longer; others read it meanwhile, and a kill loses nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from kaikai_assets.orchestration.event_log import kept_open


def _tell(instance: dg.DagsterInstance, key: str) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(key))


def _keys(instance: dg.DagsterInstance) -> set[str]:
    return {key.to_user_string() for key in instance.get_asset_keys()}


def test_files_stay_open_while_events_are_written_and_are_closed_after(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, SqliteEventLogStorage)
    found: list[list[bool]] = []

    @dg.op
    def writes(context: dg.OpExecutionContext) -> Iterator[dg.AssetMaterialization | dg.Output[None]]:
        files = [Path(storage.path_for_shard(shard) + "-wal") for shard in ("index", context.run_id)]
        with kept_open(context.instance):
            yield dg.AssetMaterialization("a")
            found.append([file.exists() for file in files])
        yield dg.AssetMaterialization("b")
        found.append([file.exists() for file in files])
        yield dg.Output(None)

    @dg.job
    def job() -> None:
        writes()

    result = job.execute_in_process(instance=instance)
    assert result.success
    assert found == [[True, True], [False, False]]
    assert _keys(instance) == {"a", "b"}
    told = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    assert [entry.get_dagster_event().asset_key for entry in told] == [dg.AssetKey("a"), dg.AssetKey("b")]


def test_others_read_and_write_the_log_meanwhile(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as other, kept_open(instance):
        _tell(instance, "a")
        assert _keys(other) == {"a"}
        _tell(other, "b")
        assert _keys(instance) == {"a", "b"}


def test_what_is_kept_open_already_stays_so_until_the_outermost_ends(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, SqliteEventLogStorage)
    index = Path(storage.path_for_shard("index") + "-wal")
    with kept_open(instance):
        with kept_open(instance):
            _tell(instance, "a")
        assert index.exists()
        _tell(instance, "b")
    assert not index.exists()
    _tell(instance, "c")
    assert _keys(instance) == {"a", "b", "c"}


def test_a_killed_process_leaves_the_events_that_it_wrote(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    told = "import os, signal\nimport dagster as dg\nfrom kaikai_assets.orchestration.event_log import kept_open\n"
    told += f"with dg.DagsterInstance.local_temp({str(tmp_path / 'dagster')!r}) as instance, kept_open(instance):\n"
    told += "    instance.report_runless_asset_event(dg.AssetMaterialization('a'))\n"
    told += "    os.kill(os.getpid(), signal.SIGKILL)\n"
    killed = subprocess.run([sys.executable, "-c", told], env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert _keys(instance) == {"a"}


def test_a_log_elsewhere_is_left_alone() -> None:
    with dg.DagsterInstance.ephemeral() as instance, kept_open(instance):
        _tell(instance, "a")
        assert _keys(instance) == {"a"}
