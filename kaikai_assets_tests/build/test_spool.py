import resource
from collections.abc import Iterable, Sequence
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


def add_all(spool: Spool, rows: Iterable[pl.DataFrame]) -> None:
    for one in rows:
        spool.add(one)


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
        add_all(spool, rows)
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


def test_nothing_can_be_taken_once_the_disk_was_full(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Spool(GROUPS, 1, tmp_path) as spool:
        spool.add(frame(0, [0, 0, 2, 2]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (8000, limits[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                add_all(spool, [frame(4 + n, [0, 4]) for n in range(100)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        for use in (lambda: spool.add(frame(1000, [0])), lambda: spool.take(0), lambda: spool.take(1)):
            with pytest.raises(OSError, match="File too large"):
                use()


def test_few_rows_do_not_hold_the_texts_of_those_they_were_cut_from(tmp_path: Path) -> None:
    texts = [f"{n:0100}" for n in range(50_000)]
    with Spool(GROUPS, 10**9, tmp_path) as spool:
        for _ in range(3):
            spool.add(pl.DataFrame({"day": [DAYS[0]] + DAYS[2:3] * 49_999, "text": texts}))
        few = pl.concat(spool.take(0))
    assert few["text"].to_list() == texts[:1] * 3
    assert few.to_arrow().nbytes < 10_000


def test_what_lies_on_disk_has_no_name_and_is_gone_in_the_end(tmp_path: Path) -> None:
    before = open_files()
    with Spool(GROUPS, 0, tmp_path) as spool:
        spool.add(frame(0, [0, 2, 4]))
        assert list(tmp_path.iterdir()) == []
        assert open_files() == before + 1
    assert open_files() == before
