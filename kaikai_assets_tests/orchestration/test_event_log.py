"""The event log is kept open during a run, and no longer; others read it meanwhile, and a kill loses nothing. What is
written together is what Dagster writes one by one."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from kaikai_assets.orchestration.direct import QUIET
from kaikai_assets.orchestration.event_log import kept_open, together


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


def _ran(home: Path, *, kept: bool) -> dict[str, list[tuple[Any, ...]]]:
    """Tables of the event log after a run of two tables and three days, without instants and run ids."""
    days = dg.DailyPartitionsDefinition("2025-01-01")
    specs = [dg.AssetSpec(name, partitions_def=days) for name in ("a", "b")] + [dg.AssetSpec("whole")]
    checks = [dg.AssetCheckSpec("contract", asset=name, partitions_def=days, blocking=True) for name in ("a", "b")]

    @dg.multi_asset(specs=specs, check_specs=checks, can_subset=True, backfill_policy=dg.BackfillPolicy.single_run())
    def made(context: dg.AssetExecutionContext) -> Iterator[Any]:
        for name in ("a", "b", "a"):
            with together(context.instance):
                for n, day in enumerate(context.partition_keys):
                    tags = {"dagster/storage_kind": "delta", "of": name}
                    yield dg.AssetMaterialization(name, partition=day, metadata={"rows": n}, tags=tags)
                    if name == "b" or n != 1:
                        yield dg.AssetCheckEvaluation(dg.AssetKey(name), "contract", n == 0, {"n": n}, partition=day)
                yield dg.AssetObservation(name, partition="2025-01-02")
        yield dg.MaterializeResult(asset_key="whole")

    job = dg.define_asset_job("job", executor_def=dg.in_process_executor)
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance, ExitStack() as kept_meanwhile:
        if kept:
            kept_meanwhile.enter_context(kept_open(instance))
            kept_meanwhile.enter_context(together(instance))
        for key in ("raw", "raw", "other"):
            instance.report_runless_asset_event(dg.AssetMaterialization(key, partition="2025-01-01"))
        kept_meanwhile.close()
        if kept:
            kept_meanwhile.enter_context(kept_open(instance))
        ends = {"dagster/asset_partition_range_start": "2025-01-01", "dagster/asset_partition_range_end": "2025-01-03"}
        result = (
            dg.Definitions(assets=[made], jobs=[job])
            .resolve_job_def("job")
            .execute_in_process(instance=instance, tags=ends, run_config={"loggers": QUIET})
        )
        kept_meanwhile.close()
        storage = instance.event_log_storage
        assert isinstance(storage, SqliteEventLogStorage)
        assert not vars(storage).keys() & {"store_event", "index_connection", "store_event_batch"}
        found = {
            f"{shard} {table}": rows
            for shard in ("index", "", result.run_id)
            for table, rows in _tables(storage.path_for_shard(shard), result.run_id).items()
        }
    return {name.replace(result.run_id, "run"): rows for name, rows in found.items()}


_OF_THE_RUN = re.compile(r"[0-9]{10}\.[0-9]+|[0-9-]{10} [0-9:.]{8,15}|[0-9a-f]{64}")
"""Instants, and Dagster's data version: the hash of a run's id."""


def _tables(path: str, run_id: str) -> dict[str, list[tuple[Any, ...]]]:
    def plain(value: object) -> object:
        return _OF_THE_RUN.sub("…", str(value).replace(run_id, "run"))

    of_assets = {"event_logs": " WHERE dagster_event_type LIKE 'ASSET%'"}
    with closing(sqlite3.connect(path)) as connection:
        return {
            name: sorted(tuple(map(plain, row)) for row in connection.execute(f"SELECT * FROM {name}{where}"))
            for name in ("event_logs", "asset_keys", "asset_event_tags", "asset_check_executions")
            for where in [of_assets.get(name, "")]
        }


def test_what_is_written_together_is_what_dagster_writes_one_by_one(tmp_path: Path) -> None:
    one_by_one, kept = _ran(tmp_path / "one_by_one", kept=False), _ran(tmp_path / "kept", kept=True)
    assert len(one_by_one["index asset_keys"]) == 5
    assert len(one_by_one["index asset_check_executions"]) == 6
    assert one_by_one["index asset_event_tags"]
    assert kept == one_by_one


def test_what_was_told_before_an_error_is_written(instance: dg.DagsterInstance) -> None:
    found = list[set[str]]()

    def fails() -> None:
        with together(instance):
            _tell(instance, "a")
            found.append(_keys(instance))
            raise ZeroDivisionError

    with kept_open(instance):
        with pytest.raises(ZeroDivisionError):
            fails()
        found.append(_keys(instance))
    assert found == [set(), {"a"}]


def test_an_error_is_told_before_one_of_writing_what_was_told(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, SqliteEventLogStorage)

    def fails() -> None:
        with together(instance):
            _tell(instance, "a")
            with closing(sqlite3.connect(storage.path_for_shard("index"))) as index:
                index.execute("DROP TABLE event_logs")
            raise ZeroDivisionError

    with kept_open(instance), pytest.raises(ZeroDivisionError) as error:
        fails()
    assert "not written" in error.value.__notes__[0]


def test_many_events_do_not_wait_for_the_last(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaikai_assets.orchestration.event_log._BATCH", 2)
    with kept_open(instance), together(instance):
        for key in "abc":
            _tell(instance, key)
        assert _keys(instance) == {"a", "b"}
    assert _keys(instance) == {"a", "b", "c"}


def test_what_is_not_kept_open_is_written_at_once(instance: dg.DagsterInstance) -> None:
    with together(instance):
        _tell(instance, "a")
        assert _keys(instance) == {"a"}
