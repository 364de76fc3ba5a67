"""The processes of an operator's machine: a daemon with its code server and runs, shells with ``kaikai build``."""

import os
import signal
import time
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field, replace
from random import Random

import psutil

from kaikai_assets_tests.end_to_end.daemon import BUILD, DAEMON, Home

_RUN_BEGINS_S, _RUN_LASTS_S = 15.0, 4.0


@dataclass
class Machine:
    """Starts processes, each in a group of its own, and ends them in every way. Closing it kills what is left."""

    home: Home
    random: Random
    stack: ExitStack = field(default_factory=ExitStack)
    kills: dict[str, int] = field(default_factory=dict)
    starts: int = 0
    _daemon: psutil.Process | None = None
    _leaders: list[psutil.Process] = field(default_factory=list)

    def start(self) -> None:
        """Start the daemon. What an earlier one left running goes on."""
        self._daemon = self._started(self.home.running(*DAEMON))
        self.starts += 1

    def is_running(self) -> bool:
        """Whether a daemon runs."""
        return self._daemon is not None and self._daemon in self._members()

    def shell(self, *, kill_at_write: int = 0) -> None:
        """``kaikai build`` beside the daemon; it may be killed before one of its durable writes."""
        environment = {**self.home.environment, "KAIKAI_KILL_AT_WRITE": str(kill_at_write)}
        self._started(replace(self.home, environment=environment).running(*BUILD))
        if kill_at_write:
            self._count("shell before a write")

    def kill_run(self) -> str:
        """kill -9 the process of a run, some time after it began; none when no run begins soon."""
        give_up = time.monotonic() + _RUN_BEGINS_S
        while not self._alive("spawn_main") and time.monotonic() < give_up:
            time.sleep(0.1)
        time.sleep(self.random.uniform(0, _RUN_LASTS_S))
        return self._kill("run", self._alive("spawn_main"))

    def kill_code_server(self) -> str:
        """kill -9 a code server; its runs go on."""
        return self._kill("code server", [*self._alive(" code-server "), *self._alive(" api grpc ")])

    def kill_daemon(self) -> str:
        """kill -9 the daemon alone: its code server and its runs go on for a while."""
        return self._kill("daemon", [self._daemon] if self._daemon and self.is_running() else [])

    def kill_shell(self) -> str:
        """kill -9 a ``kaikai build``."""
        return self._kill("shell", self._alive("kaikai_assets.cli build"))

    def kill_all(self) -> str:
        """kill -9 the daemon, its code server and its runs."""
        if not self.is_running() or self._daemon is None:
            return ""
        os.killpg(self._daemon.pid, signal.SIGKILL)
        self._count("group")
        return f"kill -9 group {self._daemon.pid}"

    def terminate(self) -> str:
        """Stop the daemon as an operator does."""
        if not self.is_running() or self._daemon is None:
            return ""
        self._daemon.terminate()
        while self.is_running():
            time.sleep(0.1)
        self._count("SIGTERM")
        return f"SIGTERM {self._daemon.pid}"

    def stop(self) -> None:
        """End everything, orphans too."""
        while living := self._members():
            for process in living:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            time.sleep(0.05)

    def _started(self, running: AbstractContextManager[psutil.Process]) -> psutil.Process:
        process = self.stack.enter_context(running)
        self._leaders.append(process)
        return process

    def _kill(self, what: str, living: list[psutil.Process]) -> str:
        if not living:
            return ""
        process = self.random.choice(living)
        try:
            process.kill()
        except psutil.NoSuchProcess:
            return ""  # it ended by itself
        self._count(what)
        return f"kill -9 {what} {process.pid}"

    def _alive(self, words: str) -> list[psutil.Process]:
        """Processes that have some words in their command."""
        return [p for p in self._members() if words in _command(p)]

    def _members(self) -> list[psutil.Process]:
        """What lives of all groups."""
        groups = {leader.pid for leader in self._leaders}
        return [p for p in psutil.process_iter() if _group(p) in groups]

    def _count(self, what: str) -> None:
        self.kills[what] = self.kills.get(what, 0) + 1


def _group(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid) if process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.NoSuchProcess, ProcessLookupError):
        return None


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""
