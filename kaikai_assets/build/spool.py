"""Rows on their way from raw files to bronze, by group of days: in memory, on disk beyond a number of rows."""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import date
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from types import TracebackType
from typing import IO

import polars as pl


class Spool:
    """Holds frames until all of a group are there. Several threads may add at once.

    On disk they lie in files without a name in ``folder``: a kill leaves nothing of them.
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
        self._files: dict[int, IO[bytes]] = {}
        self._sizes: dict[int, list[int]] = defaultdict(list)
        self._open = ExitStack()

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def add(self, rows: pl.DataFrame) -> None:
        """Keep the rows of days that are in a group."""
        # Most frames are of one group, and stay whole.
        days = rows.select(pl.col("day").unique()).join(self._groups, on="day", how="left")
        if days["group"].null_count() == 0 and days["group"].n_unique() == 1:
            parts = {days["group"][0]: rows}
        else:
            of_rows = rows.join(self._groups, on="day", how="inner", maintain_order="left")
            parts = {n: part for (n,), part in of_rows.partition_by("group", include_key=False, as_dict=True).items()}
        with self._lock:
            for group, part in parts.items():
                self._held[group].append(part)
                self._rows += part.height
            if self._rows > self._most_rows:
                self._spill()

    def take(self, group: int) -> list[pl.DataFrame]:
        """All rows of a group, which is forgotten."""
        with self._lock:
            found = self._held.pop(group, [])
            self._rows -= sum(part.height for part in found)
            if group not in self._files:
                return found
            with self._files.pop(group) as file:
                file.seek(0)
                spilt = [pl.read_parquet(BytesIO(file.read(size))) for size in self._sizes.pop(group)]
            return spilt + found

    def _spill(self) -> None:
        for group in list(self._held):
            if group not in self._files:
                # Open until the group is taken, or the spool is closed.
                self._files[group] = self._open.enter_context(TemporaryFile(dir=self._folder))  # noqa: SIM115
            out = BytesIO()
            # Columns of one value take next to nothing.
            pl.concat(self._held[group], how="diagonal_relaxed").write_parquet(out, compression="lz4", statistics=False)
            # A full disk may have cut the write before short: its rows are still held.
            self._files[group].seek(sum(self._sizes[group]))
            self._files[group].write(out.getbuffer())
            self._files[group].flush()
            self._sizes[group].append(out.tell())
            self._rows -= sum(part.height for part in self._held.pop(group))
