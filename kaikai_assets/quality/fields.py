"""Kinds of columns that contracts of all domains share."""

from typing import Annotated, Any

import pandera.polars as pa
import polars as pl

from kaikai_assets.quality.flags import ALL

Instant = Annotated[pl.Datetime, "us", "UTC"]
KEY = {"key": True}
ARRIVAL = {"arrival_dependent": True}


def measured(description: str, metadata: dict[str, object], low: float, high: float) -> Any:
    """A metric with its range of what is physically possible."""
    return pa.Field(nullable=True, ge=low, le=high, description=description, metadata=metadata)


def flag(of: str) -> Any:
    """A QARTOD flag of a metric."""
    return tested(of, of)


def tested(metric: str, of: str, *also: str) -> Any:
    """A QARTOD flag of a test of a metric, and of other columns."""
    return pa.Field(
        isin=list(ALL),
        description=f"QARTOD flag of {of}: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing",
        metadata={"made_of": (metric, *also)},
    )


def mean(metric: str, of: str, unit: str) -> Any:
    """The mean of a metric."""
    return statistic(metric, "mean", f"Mean of {of}", unit)


def statistic(metric: str, name: str, description: str, unit: str) -> Any:
    """A statistic of a metric, stored with six decimals."""
    # Hours are made of readings, days of hours and of readings.
    made_of = (metric, f"{metric}_{name}")
    metadata = {"unit": unit, "decimals": 6, "made_of": made_of}
    return pa.Field(nullable=True, description=description, metadata=metadata)


def count(metric: str, of: str) -> Any:
    """Readings of a metric."""
    return pa.Field(ge=0, description=f"Readings of {of}", metadata={"made_of": (metric, f"{metric}_n")})


def share(description: str, *made_of: str) -> Any:
    """A share, between 0 and 1."""
    return pa.Field(ge=0, le=1, description=description, metadata={"decimals": 6, "made_of": made_of})
