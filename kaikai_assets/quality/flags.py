"""QARTOD flags of cells: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing."""

from collections.abc import Mapping, Sequence

import polars as pl
from pydantic import BaseModel, ConfigDict

GOOD, NOT_EVALUATED, SUSPECT, FAIL, MISSING = 1, 2, 3, 4, 9
ALL = (GOOD, NOT_EVALUATED, SUSPECT, FAIL, MISSING)


class Plausible(BaseModel):
    """Range outside which a value is suspect, ends included, in the contract's unit, with where it comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: float | None = None
    high: float | None = None
    source: str


def cell_flags(metrics: Sequence[str], plausible: Mapping[str, Plausible]) -> list[pl.Expr]:
    """Flag columns ``<metric>_flag`` (u8) from ``<metric>``, ``<metric>_bad`` and ``<metric>_doubt``."""
    return [_flag(metric, plausible.get(metric)) for metric in metrics]


def _flag(metric: str, plausible: Plausible | None) -> pl.Expr:
    value = pl.col(metric)
    suspect = pl.col(f"{metric}_doubt")
    if plausible and plausible.low is not None:
        suspect = suspect | (value < plausible.low)
    if plausible and plausible.high is not None:
        suspect = suspect | (value > plausible.high)
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
