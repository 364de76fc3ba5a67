"""A run launcher that can tell Dagster's monitoring whether the process of a run is alive.

Dagster's own leaves a dead process to the code server that started it. When both died, when the server's watch ended at
an error (a locked database is enough), or when nobody watched, as with ``kaikai build``, the run would stay *started*,
with its days and its slots, until ``max_runtime_seconds``.
"""

import json
import socket

import dagster as dg
import psutil
from dagster._core.events import DagsterEventType
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

HOST = "kaikai/host"
"""Tag of a run without a code server: the host of its process."""


class WatchingRunLauncher(DefaultRunLauncher):
    """Launches runs as Dagster does; ``check_run_worker_health`` finds those whose process is gone."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """FAILED when the process of a started run is gone; RUNNING as well when that cannot be known from here."""
        # The code server is not asked: one whose own watch has died goes on to say that it has the run.
        started = self.started(run.run_id) if _is_here(run) else None
        if started is None or is_alive(*started):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"process {started[0]} of the run is gone")

    def started(self, run_id: str) -> tuple[int, float] | None:
        """Process of a run, and when it said so (seconds since 1970)."""
        for entry in self._instance.all_logs(run_id, of_type=DagsterEventType.ENGINE_EVENT):
            event = entry.get_dagster_event()
            pid = event.engine_event_data.metadata.get("pid")
            if pid is not None and event.step_key is None:
                return int(str(pid.value)), entry.timestamp
        return None


def _is_here(run: dg.DagsterRun) -> bool:
    server = run.tags.get(GRPC_INFO_TAG)
    if server is not None:
        return json.loads(server).get("host") in ("localhost", "127.0.0.1")
    return run.tags.get(HOST) == socket.gethostname()


def is_alive(pid: int, at: float) -> bool:
    """Whether the process that had an id at an instant (seconds since 1970) is still there."""
    try:
        process = psutil.Process(pid)
        # A later process was given the same id. One that nobody waited for is dead too.
        return process.create_time() <= at and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
