"""How far apart readings are: by their grain, and as the registry expects them where they are instants."""

import polars as pl

from kaikai_assets.quality.conform import polars_duration

INSTANT = "instant"


def with_interval(rows: pl.DataFrame, default_s: float) -> pl.DataFrame:
    """Readings with ``interval_s``, from rows with the registry's ``expected_interval_s``, else by default."""
    intervals = {grain: seconds(grain) for grain in rows["grain"].unique() if grain != INSTANT}
    interval = (
        pl.when(pl.col("grain") == INSTANT)
        .then(pl.col("expected_interval_s").fill_null(default_s))
        .otherwise(pl.col("grain").replace_strict(intervals, default=None, return_dtype=pl.Float64))
    )
    return rows.with_columns(interval_s=interval)


def seconds(grain: str) -> float:
    """Length of a grain that is an ISO 8601 duration."""
    number, unit = polars_duration(grain)[:-1], grain[-1]
    return float(number) * {"S": 1, "M": 60, "H": 3600, "D": 86_400}[unit]
