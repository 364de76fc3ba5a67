"""One whole process with all that it starts: seconds, CPU seconds, peak memory of the tree. Linux only.

Memory is the sum of the proportional set sizes (PSS) of the tree's processes at one time, so that a page that several
share counts once. It is sampled, every 0.02 s to 0.5 s as a look costs little or much: a shorter peak can be missed.
"""

import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_ROOT = Path(__file__).parents[1]
_LOOK_S, _LOOK_AGAIN_S = 0.02, 0.5
# A look costs milliseconds, more of them the larger the processes: at most this share of a core may go there.
_SHARE = 0.05
_END_S = 10.0
_PR_SET_CHILD_SUBREAPER = 36


class Failed(Exception):
    """A process that did not end well, or not in time."""


@dataclass(frozen=True)
class Measured:
    """What a process and all below it took."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def measure(command: Sequence[str], environment: Mapping[str, str], log: Path, limit_s: float) -> Measured:
    """Run a process from the repository's root to its end, output to ``log``. Raises ``Failed``."""
    _adopt(True)
    try:
        with log.open("wb") as output:
            start = time.monotonic()
            child = subprocess.Popen(command, env=environment, cwd=_ROOT, stdout=output, stderr=subprocess.STDOUT)
        with _Tree(child.pid) as tree:
            timer = threading.Timer(limit_s, tree.kill)
            timer.start()
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.monotonic() - start
            timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        # The child's usage holds that of all it waited for; those that it left behind are ours now.
        cpu = usage.ru_utime + usage.ru_stime + tree.wait_for_others()
    finally:
        _adopt(False)
    if wall >= limit_s:
        raise Failed(f"not done after {limit_s:.0f} s")
    if child.returncode:
        raise Failed(f"ended with {child.returncode}, see {log}")
    return Measured(wall, cpu, tree.peak / 2**20)


def _adopt(whether: bool) -> None:
    """Whether processes below whose parent has ended become children of this one."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, int(whether), 0, 0, 0)


class _Tree:
    """The processes below and with one, looked at by a thread; ``peak`` in bytes."""

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._root = psutil.Process(pid)
        self._seen: dict[int, psutil.Process] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_Tree":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def kill(self) -> None:
        """End the root and every process seen below it."""
        for process in self._all():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def wait_for_others(self) -> float:
        """CPU seconds of processes that outlived their parent, which are ended when they do not end by themselves."""
        used, give_up = 0.0, time.monotonic() + _END_S
        for pid in self._seen.keys() - {self._root.pid}:
            while True:
                try:
                    ended, _, usage = os.wait4(pid, os.WNOHANG)
                except ChildProcessError:
                    break
                if ended:
                    used += usage.ru_utime + usage.ru_stime
                    break
                if time.monotonic() > give_up:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(_LOOK_S)
        return used

    def _all(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            below = [self._root, *self._root.children(recursive=True)]
            self._seen |= {process.pid: process for process in below}
        return list(self._seen.values())

    def _watch(self) -> None:
        while not self._done.is_set():
            start, now = time.thread_time(), 0
            for process in self._all():
                # Gone, or no more than an entry in the table of processes.
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    now += process.memory_full_info().pss
            self.peak = max(self.peak, now)
            used = time.thread_time() - start
            self._done.wait(min(max(_LOOK_S, used / _SHARE), _LOOK_AGAIN_S))
