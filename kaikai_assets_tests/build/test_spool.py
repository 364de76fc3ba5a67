import resource
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaikai_assets.build.spool import Spool

FIRST = date(2025, 1, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(6)]
GROUPS = {DAYS[0]: 0, DAYS[1]: 0, DAYS[2]: 1, DAYS[3]: 2, DAYS[4]: 2}
"""The last day is in none."""

frames = st.lists(st.lists(st.integers(0, len(DAYS) - 1), max_size=8), max_size=12)


def frame(first: int, days: Sequence[int]) -> pl.DataFrame:
    numbers = range(first, first + len(days))
    return pl.DataFrame(
        {"day": [DAYS[n] for n in days], "record": numbers, "text": [f"é{n}" if n % 3 else None for n in numbers]},
        schema={"day": pl.Date, "record": pl.Int64, "text": pl.String},
    )


def numbered(pieces: Sequence[Sequence[int]]) -> list[pl.DataFrame]:
    starts = [sum(map(len, pieces[:n])) for n in range(len(pieces))]
    return [frame(start, days) for start, days in zip(starts, pieces, strict=True)]


def taken(spool: Spool) -> dict[int, pl.DataFrame]:
    found = {n: spool.take(n) for n in sorted(set(GROUPS.values()))}
    return {n: pl.concat(parts).sort("record") for n, parts in found.items() if parts and pl.concat(parts).height}


def expected(rows: pl.DataFrame) -> dict[int, pl.DataFrame]:
    of_group = {n: rows.filter(pl.col("day").is_in([d for d in GROUPS if GROUPS[d] == n])) for n in GROUPS.values()}
    return {n: part for n, part in of_group.items() if part.height}


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@given(pieces=frames, most=st.sampled_from([0, 1, 5, 1000]))
def test_each_group_gets_its_rows_whatever_lies_on_disk(
    pieces: list[list[int]], most: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    rows = numbered(pieces)
    with Spool(GROUPS, most, folder) as spool:
        for one in rows:
            spool.add(one)
        found = taken(spool)
        assert taken(spool) == {}
    wanted = expected(pl.concat([frame(0, []), *rows]))
    assert found.keys() == wanted.keys()
    for n, part in wanted.items():
        assert found[n].equals(part)


def test_threads_may_add_at_once(tmp_path: Path) -> None:
    rows = numbered([[n % 5, (n + 1) % 5, n % 5] for n in range(200)])
    with Spool(GROUPS, 50, tmp_path) as spool, ThreadPoolExecutor(4) as pool:
        list(pool.map(spool.add, rows))
        found = taken(spool)
    assert {n: part.height for n, part in found.items()} == {
        n: part.height for n, part in expected(pl.concat(rows)).items()
    }


def test_frames_of_other_columns_lie_on_disk_together(tmp_path: Path) -> None:
    with Spool(GROUPS, 0, tmp_path) as spool:
        spool.add(frame(0, [0]).with_columns(time=pl.lit("noon")))
        spool.add(frame(1, [0]))
        both = pl.concat(spool.take(0), how="diagonal_relaxed").sort("record")
    assert both["time"].to_list() == ["noon", None]


def test_rows_that_a_full_disk_does_not_take_are_kept(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Spool(GROUPS, 1, tmp_path) as spool:
        spool.add(frame(0, [0, 0, 2, 2]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        try:
            for first in (4, 8):
                with pytest.raises(OSError, match="File too large"):
                    spool.add(frame(first, [0, 0, 4, 4]))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        spool.add(frame(12, [2, 4]))
        found = taken(spool)
    assert {n: part["record"].to_list() for n, part in found.items()} == {
        0: [0, 1, 4, 5, 8, 9],
        1: [2, 3, 12],
        2: [6, 7, 10, 11, 13],
    }


def test_what_lies_on_disk_has_no_name_and_is_gone_in_the_end(tmp_path: Path) -> None:
    before = open_files()
    with Spool(GROUPS, 0, tmp_path) as spool:
        spool.add(frame(0, [0, 2, 4]))
        assert list(tmp_path.iterdir()) == []
        assert open_files() == before + 3
        spool.take(1)
        assert open_files() == before + 2
    assert open_files() == before
