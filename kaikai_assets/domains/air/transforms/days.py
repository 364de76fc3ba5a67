"""``gold/air_daily``: hours, and readings delivered as days, to local days of sensors."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from kaikai_assets.domains.air.correction import BY_SOURCE, Corrections, correction_of
from kaikai_assets.domains.air.indices import Indices, aqi, aqi_category, aqi_uncapped, exceeds
from kaikai_assets.domains.air.transforms.hours import COMPLETE, MEANS, distribution, is_complete
from kaikai_assets.domains.air.transforms.local_days import hours_of_day, local_dates
from kaikai_assets.domains.air.transforms.registered import UNKNOWN, status, valid_on
from kaikai_assets.quality.order import begins, looked_up, ordered

OF_SILVER = ("day", "sensor_id", "grain", "time", *MEANS, "pm25_corrected", "covered_min")
"""Columns of silver that days are made of."""

ABOVE = 35.0
"""µg/m³ of ``hours_above_35``."""


def daily(
    hours: pl.DataFrame,
    silver: pl.DataFrame,
    registry: pl.DataFrame,
    days: Sequence[date],
    corrections: Corrections,
) -> pl.DataFrame:
    """Hours, and readings delivered as days, to the local dates ``days`` (contract ``Daily``, less its indices).

    An hour belongs to the local date of its start. Means weight hours by the share of their expected readings: those of
    a day of one grain are means of readings. Percentiles and standard deviation are always of readings.
    """
    zones = registry.select("sensor_id", "valid_from", "valid_to", "timezone")
    of_hours = local_dates(valid_on(hours, zones), "hour").filter(pl.col("day").is_in(list(days)))
    spread = _spread(of_hours, silver)
    from_hours = _from_hours(of_hours).join(spread, on=["day", "sensor_id", "timezone"], how="left")
    both = pl.concat([from_hours, _as_delivered(silver, registry, days, corrections)], how="diagonal")
    pairs = both.select("day", "timezone").unique()
    lengths = pairs.with_columns(
        pl.Series("hours_expected", [hours_of_day(zone, day) for day, zone in pairs.iter_rows()], dtype=pl.Int64)
    )
    # A day delivered as a whole stands for all its hours where nobody told how much of it was measured.
    hours_there = pl.coalesce("hours_covered", "hours_valid").clip(upper_bound=pl.col("hours_expected"))
    chosen = (
        both.join(lengths, on=["day", "timezone"], how="left")
        .with_columns(
            hours_valid=hours_there.floor().cast(pl.Int64), completeness=hours_there / pl.col("hours_expected")
        )
        .with_columns(
            is_complete=is_complete("completeness"),
            # Hours that did not come have no points.
            quality_score=pl.col("quality_score") / pl.col("hours_expected"),
        )
        # A sensor that moves to another time zone has two days of one date: the fuller is kept.
        .sort(
            *("day", "sensor_id", "is_complete", "grain", "completeness", "timezone"),
            descending=[False, False, True, True, True, False],
        )
        .unique(["day", "sensor_id"], keep="first", maintain_order=True)
    )
    statuses = registry.select("sensor_id", "valid_from", "valid_to", sensor_status=status())
    return valid_on(chosen, statuses).with_columns(pl.col("sensor_status").fill_null(UNKNOWN))


def judged(days: pl.DataFrame, indices: Indices) -> pl.DataFrame:
    """Days with their indices and limits: null where a day is not complete."""
    mean = pl.when("is_complete").then(pl.col("pm25_mean"))
    enough = pl.col("is_complete") & (pl.col("pm25_corrected_n") >= COMPLETE * pl.col("pm25_n"))
    corrected = pl.when(enough).then(pl.col("pm25_corrected_mean"))
    return days.with_columns(
        pm25_aqi=aqi(mean, indices.aqi),
        pm25_aqi_uncapped=aqi_uncapped(mean, indices.aqi),
        pm25_aqi_category=aqi_category(mean, indices.aqi),
        pm25_corrected_aqi=aqi(corrected, indices.aqi),
        exceeds_who_24h=exceeds(mean, indices.who_24h),
    )


def _from_hours(of_hours: pl.DataFrame) -> pl.DataFrame:
    valid = is_complete("completeness")
    # Two corrections in one day, by the source and by us, are not mixed.
    one_version = pl.col("correction_version").drop_nulls().n_unique() == 1
    return (
        of_hours.sort("sensor_id", "hour")
        .group_by("day", "sensor_id", "timezone", maintain_order=True)
        .agg(
            *[_weighted(name) for name in (*MEANS, "pm25_good")],
            *[pl.col(f"{name}_min").min() for name in MEANS],
            *[pl.col(f"{name}_max").max() for name in MEANS],
            pl.col("pm25_n", "pm25_good_n").sum(),
            pl.when(one_version).then(_weighted("pm25_corrected")).alias("pm25_corrected_mean"),
            pl.when(one_version).then(pl.col("pm25_corrected_n").sum()).otherwise(0).alias("pm25_corrected_n"),
            pl.when(one_version).then(pl.col("correction_version").drop_nulls().first()).alias("correction_version"),
            valid.sum().cast(pl.Int64).alias("hours_valid"),
            (valid & (pl.col("pm25_mean").round(6) > ABOVE)).sum().cast(pl.Int64).alias("hours_above_35"),
            pl.col("quality_score").sum(),
        )
        .with_columns(grain=pl.lit("PT1H"))
    )


def _weighted(metric: str) -> pl.Expr:
    # An hour of twelve readings counts as one of a single hourly mean does, if both are whole.
    mean, weight = pl.col(f"{metric}_mean"), pl.col(f"{metric}_n") / pl.col("expected")
    return pl.when(weight.sum() > 0).then((mean * weight).sum() / weight.sum()).alias(f"{metric}_mean")


def _spread(of_hours: pl.DataFrame, silver: pl.DataFrame) -> pl.DataFrame:
    """Percentiles and standard deviation of the readings that hours were made of."""
    readings = (
        silver.select("sensor_id", "grain", "time", "pm25")
        .filter(pl.col("pm25").is_not_null())
        .with_columns(hour=pl.col("time").dt.truncate("1h"))
    )
    hours = of_hours.select("day", "sensor_id", "timezone", "hour", "grain")
    found = looked_up(ordered(readings, ["sensor_id", "grain"], "time"), hours, ["sensor_id", "hour", "grain"])
    by = ["day", "sensor_id", "timezone"]
    return (
        ordered(found.filter(pl.col("day").is_not_null()), ["sensor_id"], "time")
        .group_by(begins(*by).cum_sum().alias("_day"), maintain_order=True)
        .agg(pl.col(by).first(), *distribution("pm25"))
        .drop("_day")
    )


def _as_delivered(
    silver: pl.DataFrame, registry: pl.DataFrame, days: Sequence[date], corrections: Corrections
) -> pl.DataFrame:
    known = registry.select("sensor_id", "valid_from", "valid_to", "timezone", "sensor_type")
    delivered = local_dates(valid_on(silver.filter(pl.col("grain") == "P1D"), known), "time")
    ours, version = correction_of(pl.col("sensor_type"), pl.col("pm25"), pl.col("humidity"), corrections)
    by_source, there = pl.col("pm25_corrected").is_not_null(), pl.col("pm25").is_not_null()
    corrected = pl.coalesce("pm25_corrected", ours)
    return delivered.filter(pl.col("day").is_in(list(days))).select(
        "day",
        "sensor_id",
        "timezone",
        "grain",
        *[pl.col(name).alias(f"{name}_mean") for name in MEANS],
        there.cast(pl.Int64).alias("pm25_n"),
        corrected.alias("pm25_corrected_mean"),
        corrected.is_not_null().cast(pl.Int64).alias("pm25_corrected_n"),
        pl.when(by_source)
        .then(pl.lit(BY_SOURCE))
        .when(corrected.is_not_null())
        .then(version)
        .alias("correction_version"),
        (there * 25).cast(pl.Int64).alias("hours_valid"),
        pl.when(there).then(pl.col("covered_min") / 60).alias("hours_covered"),
    )
