"""QARTOD flags of cells: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing."""

from collections.abc import Mapping, Sequence

import polars as pl

GOOD, NOT_EVALUATED, SUSPECT, FAIL, MISSING = 1, 2, 3, 4, 9
ALL = (GOOD, NOT_EVALUATED, SUSPECT, FAIL, MISSING)

Span = tuple[float | None, float | None]
"""A range with its ends, in the contract's unit; open where an end is null."""

EVERYTHING: Span = (None, None)


def cell_flags(metrics: Sequence[str], plausible: Mapping[str, Span]) -> list[pl.Expr]:
    """Flag columns ``<metric>_flag`` (u8) from ``<metric>``, ``<metric>_bad`` and ``<metric>_doubt``.

    A value outside its ``plausible`` range is suspect.
    """
    return [_flag(metric, plausible.get(metric, EVERYTHING)) for metric in metrics]


def outside(value: str, span: Span) -> pl.Expr:
    """True where a value lies outside a range."""
    low, high = span
    column = pl.col(value)
    below = column < low if low is not None else pl.lit(False)
    return below | (column > high) if high is not None else below


def _flag(metric: str, plausible: Span) -> pl.Expr:
    value = pl.col(metric)
    suspect = pl.col(f"{metric}_doubt") | outside(metric, plausible)
    flag = (
        pl.when(value.is_null() & pl.col(f"{metric}_bad"))
        .then(FAIL)
        .when(value.is_null())
        .then(MISSING)
        .when(suspect)
        .then(SUSPECT)
        .otherwise(GOOD)
    )
    return flag.cast(pl.UInt8).alias(f"{metric}_flag")
