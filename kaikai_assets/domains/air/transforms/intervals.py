"""How far apart a sensor's readings are: by their grain, and as the registry expects them where they are instants."""

import polars as pl

from kaikai_assets.domains.air.transforms.registered import DEFAULT_INTERVAL_S
from kaikai_assets.quality.conform import polars_duration

INSTANT = "instant"


def up_to_an_hour(rows: pl.DataFrame) -> pl.DataFrame:
    """Readings at most an hour apart, with ``interval_s``, from rows with the registry's ``expected_interval_s``."""
    return with_interval(rows).filter(pl.col("interval_s") <= 3600)


def with_interval(rows: pl.DataFrame) -> pl.DataFrame:
    """Readings with ``interval_s``, from rows with the registry's ``expected_interval_s``."""
    intervals = {grain: seconds(grain) for grain in rows["grain"].unique() if grain != INSTANT}
    interval = (
        pl.when(pl.col("grain") == INSTANT)
        .then(pl.col("expected_interval_s").fill_null(DEFAULT_INTERVAL_S))
        .otherwise(pl.col("grain").replace_strict(intervals, default=None, return_dtype=pl.Float64))
    )
    return rows.with_columns(interval_s=interval)


def seconds(grain: str) -> float:
    """Length of a grain that is an ISO 8601 duration."""
    number, unit = polars_duration(grain)[:-1], grain[-1]
    return float(number) * {"S": 1, "M": 60, "H": 3600, "D": 86_400}[unit]
