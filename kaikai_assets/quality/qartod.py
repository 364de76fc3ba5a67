"""QARTOD tests of series: gross range, spike, rate of change and flat line, and their aggregate.

Methods: IOOS QARTOD manuals; borders, missing values and strictness of comparisons as in ioos_qc 3.0, run on each
stretch of a series by itself. A *stretch* is a part of a series without a gap: a neighbour beyond a gap is none. All
are Polars expressions (u8 flags) over frames that ``stretches`` made, and keep their order. Values are finite or null.
"""

from collections.abc import Sequence
from typing import Literal

import polars as pl

from kaikai_assets.quality.flags import FAIL, GOOD, MISSING, NOT_EVALUATED, SUSPECT, Span, outside
from kaikai_assets.quality.order import begins, ordered

_BEGINS = "_begins"
_ELAPSED = "elapsed_s"
_POSITION = "position"
_POINTS = "points"
_START, _ROW, _BEHIND = "_start", "_row", "_behind"


def stretches(rows: pl.DataFrame, series: Sequence[str], time: str, max_gap_s: float) -> pl.DataFrame:
    """Rows, sorted by ``series`` and ``time``, with where they stand in their stretch.

    Adds ``position`` (from 0) and ``points`` (of the whole stretch), and ``elapsed_s`` since the row before (null at
    the start of a stretch). A stretch ends where a series does, and where two rows are more than ``max_gap_s`` apart.
    """
    elapsed = pl.col(time).diff().dt.total_microseconds() / 1e6
    first = begins(*series) | (elapsed > max_gap_s).fill_null(False)
    placed = ordered(rows, series, time).with_columns(first.alias(_BEGINS), elapsed.alias(_ELAPSED))
    starts, number = placed[_BEGINS].arg_true(), placed[_BEGINS].cum_sum() - 1
    points = starts.shift(-1, fill_value=placed.height) - starts
    return placed.with_columns(
        pl.when(~pl.col(_BEGINS)).then(_ELAPSED).alias(_ELAPSED),
        (pl.int_range(pl.len(), dtype=pl.UInt32) - starts.gather(number)).alias(_POSITION),
        points.gather(number).alias(_POINTS),
    ).drop(_BEGINS)


def gross_range(value: str, suspect: Span, fail: Span) -> pl.Expr:
    """Suspect or failed outside of ranges, ends included."""
    return _flag(value, outside(value, suspect), outside(value, fail))


def spike(value: str, method: Literal["average", "differential"], suspect: float, fail: float) -> pl.Expr:
    """A point that stands out from both neighbours by more than thresholds, in units of the value.

    ``average``: distance to the mean of the neighbours. ``differential``: distance to the nearer neighbour, where both
    lie on the same side. Not evaluated without two neighbours.
    """
    here, before, after = pl.col(value), pl.col(value).shift(1), pl.col(value).shift(-1)
    change = here.diff()

    def stands_out(by: float) -> pl.Expr:
        if method == "average":
            return (here - (before + after) / 2).abs() > by
        rises, falls = change > by, change < -by
        return (rises & falls.shift(-1)) | (falls & rises.shift(-1))

    inner = (pl.col(_POSITION) > 0) & (pl.col(_POSITION) < pl.col(_POINTS) - 1)
    known = before.is_not_null() & after.is_not_null()
    return _flag(value, stands_out(suspect), stands_out(fail), evaluated=inner & known)


def rate_of_change(value: str, suspect: float, fail: float) -> pl.Expr:
    """A change since the point before of more than thresholds, in units a second; good where none can be told."""
    rate = (pl.col(value).diff() / pl.col(_ELAPSED)).abs()
    return _flag(value, rate > suspect, rate > fail)


def flat_line(rows: pl.DataFrame, value: str, suspect: int, fail: int, tolerance: float) -> pl.Expr:
    """A range of less than ``tolerance`` over a point and that many before it, missing ones left out.

    A stretch of less than three points is good, as in ioos_qc; its missing points are missing, unlike there.
    """
    far = (pl.col(value).diff().abs() >= tolerance).fill_null(False)
    # No line has two neighbours that are far from each other: most points need no window.
    near = _unbroken(rows, far, min(suspect, fail))

    def flat(before: int) -> pl.Expr:
        most, least = (
            roll(before + 1, min_samples=1) for roll in (pl.col(value).rolling_max, pl.col(value).rolling_min)
        )
        return _at(rows, near.filter(most - least < tolerance, pl.col(_BEHIND) >= before, pl.col(_POINTS) >= 3))

    return _flag(value, flat(suspect), flat(fail))


def held(rows: pl.DataFrame, value: str, least: float, before: int) -> pl.Expr:
    """Suspect where a point and that many before it, missing ones left out, are ``least`` or more."""
    low = (pl.col(value) < least).fill_null(False)
    found = _unbroken(rows, low | low.shift(1, fill_value=False), before)
    return _flag(value, _at(rows, found.filter(pl.col(_BEHIND) >= before, pl.col(value) >= least)), pl.lit(False))


def aggregate(flags: Sequence[str]) -> pl.Expr:
    """One flag for several: fail before suspect, good, not evaluated and missing."""
    found = pl.lit(MISSING, pl.UInt8)
    for flag in (NOT_EVALUATED, GOOD, SUSPECT, FAIL):
        found = pl.when(pl.any_horizontal(pl.col(name) == flag for name in flags)).then(_as(flag)).otherwise(found)
    return found


def _unbroken(rows: pl.DataFrame, breaks: pl.Expr, before: int) -> pl.DataFrame:
    """Rows of all parts of stretches, each from a row that ``breaks`` up to the next, of over ``before`` rows: with
    ``_row`` and ``_behind``, the rows of the part before this one."""
    starts = rows.select(((pl.col(_POSITION) == 0) | breaks).arg_true()).to_series()
    parts = pl.DataFrame({_START: starts, "_end": starts.shift(-1, fill_value=rows.height)})
    found = (
        parts.filter(pl.col("_end") - pl.col(_START) > before)
        .with_columns(pl.int_ranges(_START, "_end", dtype=pl.UInt32).alias(_ROW))
        .explode(_ROW)
    )
    return rows[found[_ROW]].with_columns(found[_ROW], (found[_ROW] - found[_START]).alias(_BEHIND))


def _at(rows: pl.DataFrame, found: pl.DataFrame) -> pl.Expr:
    """Whether rows are among those found."""
    return pl.lit(pl.repeat(False, rows.height, eager=True).scatter(found[_ROW], True))


def _flag(value: str, suspect: pl.Expr, fail: pl.Expr, evaluated: pl.Expr | None = None) -> pl.Expr:
    missing = pl.when(pl.col(value).is_null()).then(_as(MISSING))
    tested = missing if evaluated is None else missing.when(~evaluated).then(_as(NOT_EVALUATED))
    return tested.when(fail).then(_as(FAIL)).when(suspect).then(_as(SUSPECT)).otherwise(_as(GOOD))


def _as(flag: int) -> pl.Expr:
    return pl.lit(flag, pl.UInt8)
