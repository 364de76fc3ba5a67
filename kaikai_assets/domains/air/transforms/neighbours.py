"""Hours of a sensor beside those of the other sensors of its kind of zone around it."""

import polars as pl
from pydantic import Field

from kaikai_assets.domains.air.transforms.registered import status, valid_on
from kaikai_assets.geo import haversine_km
from kaikai_assets.quality.flags import GOOD, MISSING, NOT_EVALUATED, SUSPECT
from kaikai_assets.rule_files import Sourced


class Neighbourhood(Sourced):
    """``rules/neighbours.json``: who is a neighbour, and from what difference (µg/m³) and ratio on is suspect."""

    description: str
    radius_km: float = Field(gt=0)
    least: int = Field(ge=1)
    min_difference: float = Field(ge=0)
    max_ratio: float = Field(ge=1)


def compared(hours: pl.DataFrame, registry: pl.DataFrame, by: Neighbourhood) -> pl.DataFrame:
    """Hours, at most one for each sensor and instant, with the median of their neighbours' means and a flag.

    Of an even number of neighbours the flag looks at the nearer one of the two in the middle: with two neighbours the
    mean of both would make a sensor suspect when one of them fails. Test devices and retired sensors are nobody's
    neighbours, but have some.
    """
    of_hours = hours.filter(pl.col("pm25_mean").is_not_null()).select("day", "sensor_id", "hour", "pm25_mean")
    # Day by day: there are as many pairs as the square of the sensors of a place.
    medians = pl.concat([_medians(of_day, registry, by) for of_day in of_hours.partition_by("day")] or [_NONE])
    joined = hours.join(medians, on=["sensor_id", "hour"], how="left")
    mean, low, high = pl.col("pm25_mean"), pl.col("_low"), pl.col("_high")
    above = ((high - mean).abs().round(6) < (mean - low).abs().round(6)).fill_null(False)
    return (
        joined.with_columns(
            pl.col("pm25_neighbours_n").fill_null(0), pm25_neighbours_nearest=pl.when(above).then(high).otherwise(low)
        )
        .with_columns(pm25_neighbours_flag=_flag(by))
        .drop("_low", "_high")
    )


_NONE = pl.DataFrame(
    schema={
        "sensor_id": pl.String,
        "hour": pl.Datetime("us", "UTC"),
        "pm25_neighbours_median": pl.Float64,
        "_low": pl.Float64,
        "_high": pl.Float64,
        "pm25_neighbours_n": pl.Int64,
    }
)


def _medians(of_day: pl.DataFrame, registry: pl.DataFrame, by: Neighbourhood) -> pl.DataFrame:
    """Hours of one day to the middle of their neighbours' means."""
    pairs = _pairs(of_day.select("day", "sensor_id").unique(), registry, by.radius_km)
    others = of_day.select("day", pl.col("sensor_id").alias("other_id"), "hour", pl.col("pm25_mean").alias("_other"))
    other = pl.col("_other")
    return (
        others.join(pairs, on=["day", "other_id"])
        .group_by("sensor_id", "hour")
        .agg(
            other.median().alias("pm25_neighbours_median"),
            other.quantile(0.5, "lower").alias("_low"),
            other.quantile(0.5, "higher").alias("_high"),
            pl.len().cast(pl.Int64).alias("pm25_neighbours_n"),
        )
    )


def _pairs(days: pl.DataFrame, registry: pl.DataFrame, radius_km: float) -> pl.DataFrame:
    """``day, sensor_id, other_id``: other sensors of the same location type within a radius on a day."""
    known = ["location_type", "latitude", "longitude"]
    sites = registry.select("sensor_id", "valid_from", "valid_to", *known, status=status())
    placed = valid_on(days, sites).drop_nulls(known)
    others = placed.filter(pl.col("status") == "active").rename({"sensor_id": "other_id"})
    ends = (pl.col(name) for name in ("latitude", "longitude", "latitude_right", "longitude_right"))
    return (
        placed.join(others, on=["day", "location_type"])
        .filter(pl.col("sensor_id") != pl.col("other_id"))
        .filter(haversine_km(*ends).round(6) <= radius_km)
        .select("day", "sensor_id", "other_id")
    )


def _flag(by: Neighbourhood) -> pl.Expr:
    mean, median = pl.col("pm25_mean").round(6), pl.col("pm25_neighbours_nearest").round(6)
    low, high = pl.min_horizontal(mean, median), pl.max_horizontal(mean, median)
    # The difference as rounded: that of two rounded numbers is not one.
    far = ((high - low).round(6) > by.min_difference) & (high > (by.max_ratio * low).round(6))
    return (
        pl.when(mean.is_null())
        .then(MISSING)
        .when(pl.col("pm25_neighbours_n") < by.least)
        .then(NOT_EVALUATED)
        .when(far)
        .then(SUSPECT)
        .otherwise(GOOD)
        .cast(pl.UInt8)
    )
