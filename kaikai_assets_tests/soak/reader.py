"""An analyst who asks the published file all the time, and must never meet an error."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread

import duckdb

_TORN = """
    WITH hours AS (SELECT sensor_id, hour, pm25_n FROM gold.air_hourly)
    SELECT d.day, d.sensor_id, d.pm25_n, coalesce(sum(h.pm25_n), 0)
    FROM gold.air_daily d
    LEFT JOIN hours h ON h.sensor_id = d.sensor_id AND timezone(d.timezone, h.hour)::DATE = d.day
    GROUP BY ALL
    HAVING d.pm25_n <> coalesce(sum(h.pm25_n), 0)
"""
"""Daily rows whose readings are not those of their hours: the hours were built anew, the day is still to be."""


@dataclass
class Reader:
    """Reads in a thread until it is told to stop.

    ``wrong`` tells what no reader may see, ``apart`` how many reads found days that are behind their hours, ``apart_s``
    for how long at most: a table's day changes as a whole, but tables change one after the other.
    """

    path: Path
    say: Callable[[str], None]
    reads: int = 0
    slowest_s: float = 0
    apart: int = 0
    apart_s: float = 0
    wrong: list[str] = field(default_factory=list)
    _there: bool = False
    _apart_since: float | None = None
    _stop: Event = field(default_factory=Event)
    _reading: Lock = field(default_factory=Lock)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read until the end of the block."""
        thread = Thread(target=self._read)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    @contextmanager
    def removing(self) -> Iterator[None]:
        """The file is removed in this block, and may be missing until it is published again."""
        with self._reading:
            yield
            self._there = False

    def _read(self) -> None:
        while not self._stop.wait(0.2):
            with self._reading:
                began = time.monotonic()
                try:
                    with duckdb.connect(str(self.path), read_only=True) as connection:
                        torn = connection.execute(_TORN).fetchall()
                except duckdb.Error as error:
                    if self._there or self.path.exists():
                        self._note(f"{type(error).__name__}: {error}")
                    continue
                self._there = True
                self.reads += 1
                self.slowest_s = max(self.slowest_s, time.monotonic() - began)
                self._compare(torn, began)

    def _compare(self, torn: list[tuple[object, ...]], now: float) -> None:
        if not torn:
            self._apart_since = None
            return
        if self._apart_since is None:
            self._apart_since = now
            self.say(f"a reader finds {len(torn)} days behind their hours: {torn[0]}")
        self.apart += 1
        self.apart_s = max(self.apart_s, now - self._apart_since)

    @property
    def is_apart(self) -> bool:
        """Whether the last read found days that are behind their hours."""
        return self._apart_since is not None

    def _note(self, what: str) -> None:
        if what not in self.wrong:
            self.wrong.append(what)
            self.say(what)
