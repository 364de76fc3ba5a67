"""What tables hold, taken from their rows as they are stored, never from what a ledger remembers of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from kaikai_assets.build.steps import WHOLE
from kaikai_assets.lake.content import EMPTY, canonical, content_hashes
from kaikai_assets.lake.data_files import BUILD
from kaikai_assets.lake.tables import Build
from kaikai_assets.quality.contracts import Contract, columns, key

Reader = Callable[[Sequence[date] | None], pl.DataFrame]
"""Rows of a table: of some days, or all of an unpartitioned one."""


@dataclass(frozen=True)
class Content:
    """Rows of one part of a table: how many, their hash, and the builds that they say they come from."""

    rows: int
    output: str
    builds: tuple[Build, ...] = ()

    def __str__(self) -> str:
        return f"{self.rows} rows, hash {self.output}"


NOTHING = Content(0, EMPTY)


def contents(
    read: Reader, contract: Contract, parts: Iterable[str], records: Mapping[str, int], most: int
) -> Iterator[tuple[str, Content | str]]:
    """The content of each part, or why it cannot be read. At most ``most`` records' worth of days is held at once."""
    for group in _groups(sorted(parts), records, most):
        try:
            found = _contents(read, contract, group)
        # Polars panics, which is no Exception, where a file is shorter than the table's log says.
        except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - what is wrong with a file is asked
            if len(group) > 1:
                # One damaged day must not hide the others.
                for part in group:
                    yield from contents(read, contract, [part], records, most)
            else:
                yield group[0], f"cannot be read: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
            continue
        for part in group:
            yield part, found.get(part, NOTHING)


def _contents(read: Reader, contract: Contract, parts: Sequence[str]) -> dict[str, Content]:
    frame = read(days_in(parts))
    hashes = content_hashes(contract, canonical(contract, frame))
    builds: dict[str, tuple[Build, ...]] = {}
    if BUILD in frame.columns:
        day = pl.col("day").cast(pl.String) if WHOLE not in parts else pl.lit(WHOLE)
        for part, build in frame.select(day.alias("part"), BUILD).unique().sort(BUILD).iter_rows():
            builds[part] = (*builds.get(part, ()), Build.parse(build))
    return {part: Content(*content, builds.get(part, ())) for part, content in hashes.items()}


def days_in(parts: Sequence[str]) -> list[date] | None:
    """Days of parts, None for the one part of an unpartitioned table."""
    return None if WHOLE in parts else [date.fromisoformat(part) for part in parts]


def _groups(parts: Sequence[str], records: Mapping[str, int], most: int) -> Iterator[list[str]]:
    group: list[str] = []
    total = 0
    for part in parts:
        if group and total + records.get(part, 0) > most:
            yield group
            group, total = [], 0
        group.append(part)
        total += records.get(part, 0)
    if group:
        yield group


def first_difference(contract: Contract, stored: pl.DataFrame, rebuilt: pl.DataFrame) -> str:
    """Where two contents of a part differ first: key and columns. Values are not told, they may be sensitive."""
    hashed = [column.name for column in columns(contract) if not column.arrival_dependent]
    sides = [canonical(contract, frame).select(hashed) for frame in (stored, rebuilt)]
    by = key(contract)
    if not by:
        only = [
            side.join(other, on=hashed, how="anti", nulls_equal=True).height for side, other in (sides, sides[::-1])
        ]
        return f"{only[0]} rows stand only in the lake, {only[1]} only in the rebuild"
    # The same key may stand there twice.
    by = [*by, "occurrence"]
    left, right = (side.with_columns(occurrence=pl.int_range(pl.len()).over(by[:-1])) for side in sides)
    both = left.join(right, on=by, how="full", nulls_equal=True, suffix=" rebuilt")
    for row in both.sort(by, nulls_last=True).iter_rows(named=True):
        here, there = row["occurrence"] is not None, row["occurrence rebuilt"] is not None
        differing = [name for name in hashed if name not in by and row[name] != row[f"{name} rebuilt"]]
        if here and there and not differing:
            continue
        suffix = "" if here else " rebuilt"
        place = ", ".join(f"{name} {row[name + suffix]}" for name in by[:-1])
        what = "only in the rebuild" if not here else "only in the lake" if not there else ", ".join(differing)
        return f"first at {place}: {what}"
    return "the same rows but for their number"
