"""Long tables by their stretches: consecutive rows of equal columns, such as the readings of one sensor and day.

Each function gives the same for rows in any order. In that of the lake there are few stretches, and most of the work is
done once for each of them in the place of once for each row.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_

import polars as pl

_LONG = 8
"""Rows in a stretch, on average, from which stretches are put in order in the place of rows."""


def stretch(*by: str) -> pl.Expr:
    """Number of each row's stretch, from 0.

    As the only key of groups, not for sums and means: Polars adds these up in another order where a key is sorted.
    """
    return (begins(*by).cum_sum() - 1).set_sorted()


def begins(*by: str) -> pl.Expr:
    """Whether a row is the first of its stretch."""
    first = pl.int_range(pl.len()) == 0
    return reduce(or_, (_differs(pl.col(name), pl.col(name).shift(1)) for name in by), first)


def _differs(here: pl.Expr, before: pl.Expr) -> pl.Expr:
    # `ne_missing` is slower.
    return (here != before).fill_null(here.is_null() != before.is_null())


def ordered(rows: pl.DataFrame, by: Sequence[str], time: str) -> pl.DataFrame:
    """Rows sorted by columns ``by``, then ``time``."""
    parts = _in_time(rows, by, time)
    if parts is None:
        return rows.sort(*by, time)
    if parts["_start"].is_sorted():
        return rows
    return pl.concat([rows.slice(*part) for part in parts.select("_start", "_length").iter_rows()]).rechunk()


def in_series(rows: pl.DataFrame, by: Sequence[str], time: str) -> pl.DataFrame:
    """Rows with those of equal columns ``by`` in one stretch, sorted by ``time``; stretches in any order."""
    parts = _in_time(rows, by, time)
    alone = parts is not None and not parts.select((pl.struct(*by) == pl.struct(*by).shift(1)).any()).item()
    return rows if alone else ordered(rows, by, time)


def _in_time(rows: pl.DataFrame, by: Sequence[str], time: str) -> pl.DataFrame | None:
    """Stretches of rows in the order of time (``_start``, ``_length``), sorted; none where they are many or overlap."""
    backwards = (pl.col(time) < pl.col(time).shift(1)).fill_null(False)
    starts = rows.select((begins(*by) | backwards).arg_true()).to_series()
    if len(starts) * _LONG > rows.height:
        return None
    ends = starts.shift(-1, fill_value=rows.height)
    found = rows.select(*by, _first=time)[starts].with_columns(
        rows[time].gather(ends - 1).alias("_last"), _start=starts, _length=ends - starts
    )
    parts = found.sort(*by, "_first")
    again = pl.struct(*by) == pl.struct(*by).shift(1)
    overlap = parts.select((again & (pl.col("_first") <= pl.col("_last").shift(1))).any()).item()
    return None if overlap else parts


def distinct(rows: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Values of columns ``by``, each once."""
    return _parts(rows, by)[1].select(by).unique()


def with_each(rows: pl.DataFrame, by: Sequence[str], told: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """Rows with what is told of their ``by``: a function adds columns to a frame of these, and keeps its rows."""
    rows = rows.rechunk()
    number, parts = _parts(rows, by)
    return rows.hstack(told(parts.select(by)).drop(by)[number])


def looked_up(rows: pl.DataFrame, table: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Rows with the other columns of a table that has at most one row for each ``by``; null where it has none.

    Raises ``polars.exceptions.ComputeError`` where it has more.
    """
    return with_each(rows, by, lambda keys: keys.join(table, on=by, how="left", maintain_order="left", validate="m:1"))


def beside(rows: pl.DataFrame, others: pl.DataFrame, by: Sequence[str], time: str) -> pl.DataFrame:
    """Rows with the other columns of ``others``, at most one row for each ``by`` and time; null where there is none."""
    rows, others = rows.rechunk(), others.rechunk()
    number, parts = _parts(rows, by)
    _, other_parts = _parts(others, by)
    if other_parts.select(by).is_duplicated().any():
        return rows.join(others, on=[*by, time], how="left", maintain_order="left")
    met = parts.join(other_parts, on=by, how="left", maintain_order="left", suffix="_other")
    if not met.select((pl.col("_length") != pl.col("_length_other")).any()).item():
        shift = (met["_start_other"] - met["_start"]).gather(number)
        found = others.drop(by).select(pl.all().gather(pl.int_range(rows.height, eager=True) + shift))
        if not (found[time] != rows[time]).any():
            return rows.hstack(found.drop(time))
    return rows.join(others, on=[*by, time], how="left", maintain_order="left")


def _parts(rows: pl.DataFrame, by: Sequence[str]) -> tuple[pl.Series, pl.DataFrame]:
    """Number of each row's stretch, and the stretches: ``by``, ``_start``, ``_length``."""
    first = rows.select(begins(*by)).to_series()
    number, starts = first.cum_sum() - 1, first.arg_true().cast(pl.Int64)
    length = starts.shift(-1, fill_value=rows.height) - starts
    return number, rows.select(by)[starts].with_columns(_start=starts, _length=length)
