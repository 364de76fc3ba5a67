"""QARTOD tests of series: gross range, spike, rate of change and flat line, and their aggregate.

Methods: IOOS QARTOD manuals; borders, missing values and strictness of comparisons as in ioos_qc 3.0, run on each
stretch of a series by itself. A *stretch* is a part of a series without a gap: a neighbour beyond a gap is none. All
are Polars expressions (u8 flags) over frames that ``stretches`` made, and keep their order. Values are finite or null.
"""

from collections.abc import Sequence
from typing import Literal

import polars as pl

from kaikai_assets.quality.flags import FAIL, GOOD, MISSING, NOT_EVALUATED, SUSPECT, Span, outside
from kaikai_assets.quality.order import ordered, stretch

_ELAPSED = "elapsed_s"
_POSITION = "position"
_POINTS = "points"


def stretches(rows: pl.DataFrame, series: Sequence[str], time: str, max_gap_s: float) -> pl.DataFrame:
    """Rows, sorted by ``series`` and ``time``, with where they stand in their stretch.

    Adds ``position`` (from 0) and ``points`` (of the whole stretch), and ``elapsed_s`` since the row before (null at
    the start of a stretch). A stretch ends where a series does, and where two rows are more than ``max_gap_s`` apart.
    """
    elapsed = pl.col(time).diff().dt.total_microseconds() / 1e6
    begins = (stretch(*series).diff() != 0) | (elapsed > max_gap_s)
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    start = pl.when("_begins").then(row).forward_fill()
    last = pl.when(pl.col("_begins").shift(-1, fill_value=True)).then(row).backward_fill()
    return (
        ordered(rows, series, time)
        .with_columns(begins.fill_null(True).alias("_begins"), elapsed.alias(_ELAPSED))
        .with_columns(
            pl.when(~pl.col("_begins")).then(_ELAPSED).alias(_ELAPSED),
            (row - start).alias(_POSITION),
            (last - start + 1).alias(_POINTS),
        )
        .drop("_begins")
    )


def gross_range(value: str, suspect: Span, fail: Span) -> pl.Expr:
    """Suspect or failed outside of ranges, ends included."""
    return _flag(value, outside(value, suspect), outside(value, fail))


def spike(value: str, method: Literal["average", "differential"], suspect: float, fail: float) -> pl.Expr:
    """A point that stands out from both neighbours by more than thresholds, in units of the value.

    ``average``: distance to the mean of the neighbours. ``differential``: distance to the nearer neighbour, where both
    lie on the same side. Not evaluated without two neighbours.
    """
    here, before, after = pl.col(value), pl.col(value).shift(1), pl.col(value).shift(-1)
    if method == "average":
        distance = (here - (before + after) / 2).abs()
    else:
        rise, fall = here - before, after - here
        nearer = pl.when(rise.abs() < fall.abs()).then(rise.abs()).otherwise(fall.abs())
        distance = pl.when(rise * fall >= 0).then(0.0).otherwise(nearer)
    inner = (pl.col(_POSITION) > 0) & (pl.col(_POSITION) < pl.col(_POINTS) - 1)
    known = before.is_not_null() & after.is_not_null()
    return _flag(value, distance > suspect, distance > fail, evaluated=inner & known)


def rate_of_change(value: str, suspect: float, fail: float) -> pl.Expr:
    """A change since the point before of more than thresholds, in units a second; good where none can be told."""
    rate = (pl.col(value).diff() / pl.col(_ELAPSED)).abs()
    return _flag(value, rate > suspect, rate > fail)


def flat_line(value: str, suspect: int, fail: int, tolerance: float) -> pl.Expr:
    """A range of less than ``tolerance`` over a point and that many before it, missing ones left out.

    A stretch of less than three points is good, as in ioos_qc; its missing points are missing, unlike there.
    """

    def flat(before: int) -> pl.Expr:
        window = pl.col(value)
        most = window.rolling_max(before + 1, min_samples=1)
        least = window.rolling_min(before + 1, min_samples=1)
        return (most - least < tolerance) & (pl.col(_POSITION) >= before) & (pl.col(_POINTS) >= 3)

    return _flag(value, flat(suspect), flat(fail))


def held(value: str, least: float, before: int) -> pl.Expr:
    """Suspect where a point and that many before it, missing ones left out, are ``least`` or more."""
    lowest = pl.col(value).rolling_min(before + 1, min_samples=1)
    return _flag(value, (lowest >= least) & (pl.col(_POSITION) >= before), pl.lit(False))


def aggregate(flags: Sequence[str]) -> pl.Expr:
    """One flag for several: fail before suspect, good, not evaluated and missing."""
    found = pl.lit(MISSING, pl.UInt8)
    for flag in (NOT_EVALUATED, GOOD, SUSPECT, FAIL):
        found = pl.when(pl.any_horizontal(pl.col(name) == flag for name in flags)).then(_as(flag)).otherwise(found)
    return found


def _flag(value: str, suspect: pl.Expr, fail: pl.Expr, evaluated: pl.Expr | None = None) -> pl.Expr:
    missing = pl.when(pl.col(value).is_null()).then(_as(MISSING))
    tested = missing if evaluated is None else missing.when(~evaluated).then(_as(NOT_EVALUATED))
    return tested.when(fail).then(_as(FAIL)).when(suspect).then(_as(SUSPECT)).otherwise(_as(GOOD))


def _as(flag: int) -> pl.Expr:
    return pl.lit(flag, pl.UInt8)
