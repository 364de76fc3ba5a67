"""The launcher's answer for runs whose process is alive, gone, taken over by another, or not to be seen from here."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.events import EngineEventData
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from kaikai_assets.orchestration.launcher import HOST, WatchingRunLauncher, is_alive

HERE = {HOST: socket.gethostname()}
KILLED_SERVER = '{"host": "localhost", "socket": "/nowhere/at/all"}'


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    launcher = {"module": WatchingRunLauncher.__module__, "class": WatchingRunLauncher.__name__}
    with dg.instance_for_test(temp_dir=str(tmp_path), overrides={"run_launcher": launcher}) as opened:
        yield opened


@pytest.fixture
def dead() -> int:
    """A process that ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def health(instance: dg.DagsterInstance, tags: dict[str, str], pid: int | None) -> WorkerStatus:
    """The answer for a run with these tags whose process had this id."""

    @dg.job
    def nothing() -> None: ...

    run = instance.create_run_for_job(nothing, tags=tags, status=dg.DagsterRunStatus.STARTED)
    if pid is not None:
        instance.report_engine_event("Started process for run", run, EngineEventData.in_process(pid))
    return instance.run_launcher.check_run_worker_health(run).status


@pytest.mark.parametrize("tags", [HERE, {GRPC_INFO_TAG: KILLED_SERVER}])
def test_a_run_is_failed_when_its_process_is_gone(
    instance: dg.DagsterInstance, tags: dict[str, str], dead: int
) -> None:
    assert health(instance, tags, dead) is WorkerStatus.FAILED
    assert health(instance, tags, os.getpid()) is WorkerStatus.RUNNING


def test_a_process_that_nobody_waited_for_is_gone(instance: dg.DagsterInstance) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    try:
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert health(instance, HERE, process.pid) is WorkerStatus.FAILED
    finally:
        process.wait()


def test_a_later_process_with_the_same_id_is_not_the_one_of_the_run() -> None:
    began = psutil.Process().create_time()
    assert is_alive(os.getpid(), began + 1)
    assert not is_alive(os.getpid(), began - 1)


@pytest.mark.parametrize(
    "tags", [{}, {HOST: "another.host"}, {GRPC_INFO_TAG: '{"host": "another.invalid", "port": 4000}'}]
)
def test_a_run_whose_process_cannot_be_seen_from_here_is_left_alone(
    instance: dg.DagsterInstance, tags: dict[str, str], dead: int
) -> None:
    assert health(instance, tags, dead) is WorkerStatus.RUNNING


def test_a_run_that_has_not_told_its_process_is_left_alone(instance: dg.DagsterInstance) -> None:
    assert health(instance, HERE, None) is WorkerStatus.RUNNING
