"""Rows on their way from raw files to bronze, by group of days: in memory, on disk beyond a number of rows."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from io import BytesIO, FileIO
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from types import TracebackType
from typing import cast

import polars as pl

_LEAST_ROWS = 500
"""Rows as which a frame of fewer counts: it takes as much memory."""


class Spool:
    """Holds frames until all of a group are there. Several threads may add at once.

    What lies on disk lies in one file of ``folder`` without a name: a kill leaves nothing of it.
    """

    def __init__(self, group_of: Mapping[date, int], most_rows: int, folder: Path) -> None:
        self._groups = pl.DataFrame(
            {"day": list(group_of), "group": list(group_of.values())}, schema={"day": pl.Date, "group": pl.Int64}
        )
        self._most_rows = most_rows
        self._folder = folder
        self._lock = Lock()
        self._held: dict[int, list[pl.DataFrame]] = defaultdict(list)
        self._rows = 0
        self._file: FileIO | None = None
        self._end = 0
        self._spilt: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self._full: OSError | None = None

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, rows: pl.DataFrame) -> None:
        """Keep the rows of days that are in a group. Raises ``OSError`` once the disk has no room for them."""
        days = rows.select(pl.col("day").unique()).join(self._groups, on="day", how="left")
        if days["group"].null_count() == 0 and days["group"].n_unique() == 1:
            parts = {days["group"][0]: rows}
        else:
            of_rows = rows.join(self._groups, on="day", how="inner", maintain_order="left")
            cut = of_rows.partition_by("group", include_key=False, as_dict=True)
            parts = {n: part if 2 * part.height > rows.height else _alone(part) for (n,), part in cut.items()}
        with self._lock:
            self._usable()
            for group, part in parts.items():
                self._held[group].append(part)
                self._rows += _counted(part)
            if self._rows > self._most_rows:
                self._spill()

    def take(self, group: int) -> list[pl.DataFrame]:
        """All rows of a group, which is forgotten. Raises ``OSError`` once the disk had no room for any."""
        with self._lock:
            self._usable()
            found = self._held.pop(group, [])
            self._rows -= sum(map(_counted, found))
            return [pl.read_parquet(BytesIO(self._read(*place))) for place in self._spilt.pop(group, [])] + found

    def _usable(self) -> None:
        if self._full is not None:
            raise OSError(self._full.errno, self._full.strerror)

    def _spill(self) -> None:
        try:
            for group, parts in self._held.items():
                out = BytesIO()
                # Columns of one value take next to nothing.
                pl.concat(parts, how="diagonal_relaxed").write_parquet(out, compression="lz4", statistics=False)
                self._write(out.getbuffer())
                self._spilt[group].append((self._end, out.tell()))
                self._end += out.tell()
        except OSError as error:
            self._full = error
            raise
        finally:
            self._held.clear()
            self._rows = 0

    def _write(self, content: memoryview) -> None:
        if self._file is None:
            # Open until the spool is closed; without a buffer, which a full disk would leave behind.
            self._file = TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
        while content:
            content = content[self._file.write(content) :]

    def _read(self, start: int, size: int) -> bytes:
        assert self._file is not None
        self._file.seek(start)
        content = self._file.read(size)
        self._file.seek(self._end)
        return content


def _counted(part: pl.DataFrame) -> int:
    return max(part.height, _LEAST_ROWS)


def _alone(part: pl.DataFrame) -> pl.DataFrame:
    """The same rows without the texts of those that they were cut from."""
    return cast("pl.DataFrame", pl.from_arrow(part.to_arrow(compat_level=pl.CompatLevel.oldest())))
