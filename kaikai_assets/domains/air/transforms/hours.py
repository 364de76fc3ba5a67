"""``gold/air_hourly``: readings to hours of sensors."""

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from kaikai_assets.domains.air.correction import BY_SOURCE, Corrections, correction_of
from kaikai_assets.domains.air.transforms.registered import up_to_an_hour
from kaikai_assets.quality.flags import FAIL, GOOD, NOT_EVALUATED
from kaikai_assets.quality.order import begins, beside, in_series

COMPLETE = 0.75
"""Share of an hour's readings, and of a day's hours, from which an aggregate counts as complete."""

MEANS = ("pm25", "temperature", "humidity", "co2")
OF_SILVER = ("day", "sensor_id", "grain", "time", *MEANS, "pm25_corrected", "pm25_flag")
OF_FLAGS = ("day", "sensor_id", "time", "grain", "pm25_qc")
"""Columns of silver and of its flags that hours are made of."""

PERCENTILES = {"p05": 0.05, "p50": 0.5, "p95": 0.95}


def hourly(
    silver: pl.DataFrame,
    flags: pl.DataFrame,
    registry: pl.DataFrame,
    days: Sequence[date],
    before: int,
    corrections: Corrections,
) -> pl.DataFrame:
    """Silver readings to hours of some days (contract ``Hourly``, less what other modules add), and ``before`` earlier.

    Completeness counts expected intervals that hold a reading, so that a burst of readings does not fill an hour. Good
    readings of PM2.5 are those that ``silver/air_flags`` holds nothing against: none are known where it has no flags.
    """
    known = registry.select("sensor_id", "valid_from", "valid_to", "expected_interval_s", "sensor_type")
    ready = up_to_an_hour(_with_good(_near(silver, days, before), flags), known)
    ready = ready.with_columns(hour=pl.col("time").dt.truncate("1h"))
    slot = ((pl.col("time") - pl.col("hour")).dt.total_microseconds() // (pl.col("interval_s") * 1e6)).cast(pl.Int32)
    expected = (3600 / pl.col("interval_s")).floor().cast(pl.Int64)
    ours, version = correction_of(pl.col("sensor_type"), pl.col("pm25"), pl.col("humidity"), corrections)
    hours = (
        in_series(ready, ["day", "sensor_id", "grain"], "time")
        .with_columns(slot=pl.when(pl.col("pm25").is_not_null()).then(slot), _ours=ours, _version=version)
        .group_by(begins("sensor_id", "grain", "hour").cum_sum().alias("_hour"), maintain_order=True)
        .agg(
            pl.col("sensor_id", "grain", "day", "hour").first(),
            *distribution("pm25"),
            *[statistic for name in MEANS for statistic in _statistics(name)],
            pl.col("pm25_good").mean().alias("pm25_good_mean"),
            pl.col("pm25_good").count().cast(pl.Int64).alias("pm25_good_n"),
            (pl.col("pm25").is_null() & (pl.col("pm25_flag") == FAIL)).sum().cast(pl.Int64).alias("pm25_failed_n"),
            pl.col("_ours", "pm25_corrected").mean().name.suffix("_mean"),
            pl.col("_ours", "pm25_corrected").count().cast(pl.Int64).name.suffix("_n"),
            pl.col("_version").first(),
            expected.first().alias("expected"),
            pl.col("slot").drop_nulls().n_unique().alias("slots"),
            pl.col("interval_s").first(),
        )
        .with_columns(completeness=pl.min_horizontal(pl.col("slots") / pl.col("expected"), 1.0))
    )
    return _corrected(of_one_grain(hours, ["sensor_id", "hour"], "completeness"))


def of_one_grain(rows: pl.DataFrame, by: Sequence[str], share: str) -> pl.DataFrame:
    """Of rows of several grains, with ``interval_s`` and a share of what is expected, one for each ``by``: the finest
    that is complete, else the fullest."""
    complete = is_complete(share)
    finest_else_fullest = pl.when(complete).then("interval_s").otherwise(-pl.col(share))
    return rows.sort(*by, ~complete, finest_else_fullest, "interval_s", "grain").unique(
        by, keep="first", maintain_order=True
    )


def is_complete(completeness: str) -> pl.Expr:
    """Whether enough of an hour or a day is there."""
    return pl.col(completeness).round(6) >= COMPLETE


def distribution(metric: str) -> list[pl.Expr]:
    """Percentiles (linear between readings) and standard deviation (of a sample) of readings in their order."""
    percentiles = [pl.col(metric).quantile(q, "linear").alias(f"{metric}_{name}") for name, q in PERCENTILES.items()]
    return [*percentiles, pl.col(metric).std(ddof=1).alias(f"{metric}_std")]


def _statistics(metric: str) -> list[pl.Expr]:
    value = pl.col(metric)
    return [
        value.mean().alias(f"{metric}_mean"),
        value.min().alias(f"{metric}_min"),
        value.max().alias(f"{metric}_max"),
        value.count().cast(pl.Int64).alias(f"{metric}_n"),
    ]


def _near(silver: pl.DataFrame, days: Sequence[date], before: int) -> pl.DataFrame:
    """Readings of some days, and of the last ``before`` hours of the day before each."""
    eves = [day - timedelta(days=1) for day in days]
    late = pl.col("time").dt.hour() >= 24 - before
    return silver.filter(pl.col("day").is_in(list(days)) | (pl.col("day").is_in(eves) & late)).select(OF_SILVER)


def _with_good(readings: pl.DataFrame, flags: pl.DataFrame) -> pl.DataFrame:
    """Readings with ``pm25_good``: their PM2.5 where no test holds against it."""
    key = ["day", "grain", "sensor_id"]
    flagged = beside(readings, flags.select(OF_FLAGS), key, "time")
    return flagged.with_columns(pm25_good=pl.when(pl.col("pm25_qc").is_in([GOOD, NOT_EVALUATED])).then("pm25"))


def _corrected(hours: pl.DataFrame) -> pl.DataFrame:
    """What the source corrected is not corrected again, and the two are never mixed in an hour."""
    by_source, by_us = pl.col("pm25_corrected_n") > 0, pl.col("_ours_n") > 0
    return hours.with_columns(
        pm25_corrected_mean=pl.when(by_source).then("pm25_corrected_mean").otherwise("_ours_mean"),
        pm25_corrected_n=pl.when(by_source).then("pm25_corrected_n").otherwise("_ours_n"),
        correction_version=pl.when(by_source).then(pl.lit(BY_SOURCE)).when(by_us).then("_version"),
    )
