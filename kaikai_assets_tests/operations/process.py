"""One operation as a process of its own, which can be killed before any of its durable writes."""

import signal
from collections.abc import Callable
from multiprocessing import get_context

from kaikai_assets import faults


def kill_at_each_write(operation: Callable[[], object], after: Callable[[], None]) -> int:
    """Run an operation, killed before its first write, then its second, until one ends by itself; how often it was
    killed. ``after`` is called after each."""
    for n in range(1, 200):
        process = get_context("spawn").Process(target=_run, args=(operation, n))
        process.start()
        process.join(120)
        after()
        if process.exitcode == 0:
            return n - 1
        assert process.exitcode == -signal.SIGKILL
    raise AssertionError("200 writes and no end")


def _run(operation: Callable[[], object], n: int) -> None:
    faults._AT = n  # as KAIKAI_KILL_AT_WRITE does for a process that starts afresh
    operation()
