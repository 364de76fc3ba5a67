"""``kaikai`` under a sampling profiler: ``python -m bench.sampled SECONDS.json build``.

A thread looks at the main thread's stack every few milliseconds and gives the time since its last look, and the CPU
time of the whole process, to one part of the work. Timers in the product would measure less, and stay in it. What the
product does in threads beside the main one is done in the main one here, so that each moment has one part.
"""

import json
import re
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

_EVERY_S = 0.005


@dataclass(frozen=True)
class Part:
    """A part of the work, and how a frame (``file:function``) looks by which its stacks are known."""

    name: str
    frame: str
    computing: bool = False


PARTS = (
    Part("start-up: imports", r"<frozen importlib\._bootstrap>:_find_and_load$"),
    Part("lake: versions", r"/kaikai_assets/lake/tables\.py:Lake\.(version|builds)$"),
    Part("ledger", r"/kaikai_assets/ledger/"),
    Part("landing: counting records by day", r"/kaikai_assets/landing/days\.py:count_days$", computing=True),
    Part("fingerprints of files", r"/kaikai_assets/landing/unpack\.py:fingerprint$"),
    Part("landing: all else", r"/kaikai_assets/landing/land\.py:"),
    Part("planning", r"/kaikai_assets/build/(pending|due)\.py:|runner\.py:Runner\.(plan|state|context)$"),
    Part("warehouse", r"/kaikai_assets/platform\.py:Platform\.publish$"),
    Part("pictures", r"/kaikai_assets/orchestration/pictures\.py:_drawn$"),
    Part("lake: commits", r"/kaikai_assets/lake/tables\.py:Lake\.(commit|drop)$"),
    Part("parsing raw files", r"/kaikai_assets/(landing/parse\.py:parse|build/parsing\.py:parsed)$", computing=True),
    Part("reading the lake", r"/kaikai_assets/lake/tables\.py:Lake\.read$", computing=True),
    Part("validation", r"/kaikai_assets/quality/(contracts\.py:validate$|conservation\.py:)", computing=True),
    Part("rounding, sorting, hashing", r"/kaikai_assets/lake/content\.py:", computing=True),
    Part("functions of the domain", r"/kaikai_assets/(domains|alerts|quality)/", computing=True),
    Part("putting days together", r"/kaikai_assets/build/(bronze|spool|derive|run)\.py:", computing=True),
    Part(
        "Dagster: event log and runs",
        r"/(dagster/_core/storage|dagster_postgres)/|/kaikai_assets/orchestration/event_log\.py:",
    ),
    Part("Dagster: all else", r"/dagster(_shared)?/|/kaikai_assets/(orchestration/|definitions\.py)"),
    Part("all else", ""),
)
"""A stack belongs to the first of these that has a frame in it: what calls on others stands before them."""


def part_of(frames: Iterable[str]) -> str:
    """The part to which a stack belongs."""
    stack = "\n".join(frames)
    return next(part.name for part in PARTS if re.search(part.frame, stack, re.MULTILINE))


class Sampler(threading.Thread):
    """Seconds, and CPU seconds of all threads, by part of the work of the main thread."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.wall_s: dict[str, float] = defaultdict(float)
        self.cpu_s: dict[str, float] = defaultdict(float)
        self._main = threading.main_thread().ident
        self._known: dict[tuple[str, ...], str] = {}
        self._ended = threading.Event()

    def run(self) -> None:
        last, last_cpu = time.perf_counter(), time.process_time()
        while not self._ended.wait(_EVERY_S):
            frames = _frames(sys._current_frames().get(self._main or 0))
            now, cpu = time.perf_counter(), time.process_time()
            if (part := self._known.get(frames)) is None:
                part = self._known[frames] = part_of(frames)
            self.wall_s[part] += now - last
            self.cpu_s[part] += cpu - last_cpu
            last, last_cpu = now, cpu

    def end(self) -> None:
        self._ended.set()
        self.join()


def _frames(frame: FrameType | None) -> tuple[str, ...]:
    found = []
    while frame is not None:
        found.append(f"{frame.f_code.co_filename}:{frame.f_code.co_qualname}")
        frame = frame.f_back
    return tuple(found)


class AtOnce(Executor):
    """Does what it is given before it goes on."""

    def __init__(self, _workers: int) -> None:
        pass

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done = Future[Any]()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it
            done.set_exception(error)
        return done


def main(out: Path, command: list[str]) -> None:
    """Run a command of ``kaikai`` to its end, and write what its time went to."""
    sampler = Sampler()
    sampler.start()
    try:
        sys.argv = ["kaikai", *command]
        from kaikai_assets.build import derive, parsing, run
        from kaikai_assets.cli import main as kaikai

        with ExitStack() as patched:
            for module in (derive, parsing, run):
                patched.enter_context(mock.patch.object(module, "ThreadPoolExecutor", AtOnce))
            kaikai()
    finally:
        sampler.end()
        out.write_text(json.dumps({"wall_s": sampler.wall_s, "cpu_s": sampler.cpu_s}), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
