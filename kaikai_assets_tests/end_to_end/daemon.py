"""Dagster's own processes as an operator starts them, on one of the shipped configurations."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import dagster as dg
import psutil
import yaml

from kaikai_assets.orchestration.launcher import WatchingRunLauncher
from kaikai_assets.platform import Platform

ROOT = Path(__file__).parents[2]
_PYTHON = (sys.executable, "-m")
DAEMON = (*_PYTHON, "dagster._daemon", "run", "-w", "workspace.yaml")
DEV = (*_PYTHON, "dagster", "dev", "-w", "workspace.yaml", "-p", "0")
BUILD = (*_PYTHON, "kaikai_assets.cli", "build")
_GIVE_UP_S = 300

T = TypeVar("T")


@dataclass(frozen=True)
class Home:
    """A ``DAGSTER_HOME``, and the environment and folder of processes that use it."""

    folder: Path
    environment: Mapping[str, str]
    root: Path = ROOT

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """The instance as another process sees it."""
        with dg.DagsterInstance.from_config(str(self.folder)) as instance:
            yield instance

    @contextmanager
    def running(self, *command: str) -> Iterator[psutil.Process]:
        """A command in a process group of its own, that is killed at the end."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self.root, env=dict(self.environment), stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield psutil.Process(process.pid)
        finally:
            if process.poll() is None or _members(process.pid):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def until(
        self, found: Callable[[], T | None], what: str, every_s: float = 0.05, otherwise: Callable[[], str] = str
    ) -> T:
        """The first true result; an error with ``otherwise`` and the end of the log when it never comes."""
        give_up = time.monotonic() + _GIVE_UP_S
        while not (result := found()):
            if time.monotonic() > give_up:
                log = (self.folder / "log").read_text(errors="replace")
                raise AssertionError(f"never: {what}\n{otherwise()}\n{log[-4000:]}")
            time.sleep(every_s)
        return result


def home(platform: Platform, configuration: str) -> Home:
    """A new home with ``dagster.<configuration>.yaml``, whose daemon looks every second."""
    folder = platform.settings.data.parent / "dagster_home"
    folder.mkdir()
    config = yaml.safe_load((ROOT / f"dagster.{configuration}.yaml").read_text(encoding="utf-8"))
    config["run_monitoring"] |= {"poll_interval_seconds": 1, "free_slots_after_run_end_seconds": 1}
    (folder / "dagster.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    ours = {
        "KAIKAI_DATA": str(platform.settings.data),
        "KAIKAI_LEDGER_URL": platform.settings.ledger_url.get_secret_value(),
        "KAIKAI_SETTLE_S": "0",
        "KAIKAI_RETRY_S": "0",
        "DAGSTER_HOME": str(folder),
    }
    return Home(folder, {**os.environ, **ours})


def process_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> psutil.Process | None:
    """Process of a run, once it said so."""
    launcher = instance.run_launcher
    assert isinstance(launcher, WatchingRunLauncher)
    started = launcher.started(run.run_id)
    return psutil.Process(started[0]) if started else None


def code_servers(process: psutil.Process) -> list[psutil.Process]:
    """Code servers below a process."""
    return [p for p in process.children(recursive=True) if {"api", "code-server"} & set(p.cmdline()[:5])]


def _members(group: int) -> list[int]:
    return [p.pid for p in psutil.process_iter() if _group_of(p.pid) == group]


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None
