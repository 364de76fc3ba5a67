"""What other processes do to a lake."""

from collections.abc import Iterable
from datetime import date, timedelta

import polars as pl

from kaikai_assets.lake.tables import Build, Conflict, Lake

SCHEMA = {"day": pl.Date(), "sensor": pl.String(), "value": pl.Float64()}
FIRST = date(2025, 1, 1)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def rows(numbers: Iterable[int], value: float, each: int = 1) -> pl.DataFrame:
    """Rows of some days, all with one value."""
    found = [(day(number), f"S{sensor}", value) for number in numbers for sensor in range(each)]
    return pl.DataFrame(found, schema=SCHEMA, orient="row")


def builds(numbers: Iterable[int], seen: int, digest: str = "d") -> dict[str, Build]:
    return {day(number).isoformat(): Build(seen, digest) for number in numbers}


def commit_days(uri: str, tables: list[str], numbers: list[int], value: float) -> int:
    """Commit days one by one without looking at others; how often another run was in the way."""
    lake, conflicts = Lake(uri), 0
    for table in tables:
        for number in numbers:
            try:
                lake.commit(table, rows([number], value), builds([number], 1))
            except Conflict:
                conflicts += 1
    return conflicts


def contend(uri: str, table: str, writer: int, times: int) -> int:
    """Commit the same three days over and over; how many commits succeeded."""
    lake, done = Lake(uri), 0
    for time in range(times):
        value = float(writer * times + time)
        try:
            lake.commit(table, rows([0, 1, 2], value, each=3), builds([0, 1, 2], 1, f"{value}"))
            done += 1
        except Conflict:
            pass
    return done


def contend_whole(uri: str, table: str, writer: int, times: int) -> int:
    """Commit an unpartitioned table over and over, sometimes empty; how many commits succeeded."""
    lake, done = Lake(uri), 0
    for time in range(times):
        value = float(writer * times + time)
        whole = rows([0], value, each=0 if time % 2 else 3).drop("day")
        try:
            lake.commit(table, whole, {"": Build(1, f"{value}")})
            done += 1
        except Conflict:
            pass
    return done
