"""``gold/air_zone_daily``: local days of sensors to those of zones, sensors first."""

import polars as pl

from kaikai_assets.domains.air.indices import Indices, aqi, aqi_category, band
from kaikai_assets.domains.air.transforms.hours import MEANS
from kaikai_assets.domains.air.transforms.registered import COUNTED, valid_on

UNKNOWN = "Unknown"
"""Zone of sensors whose location type nobody told: listed, never ranked."""


def zone_daily(days: pl.DataFrame, registry: pl.DataFrame, indices: Indices) -> pl.DataFrame:
    """Days of sensors to zones (contract ``ZoneDaily``): means over the sensors whose day is complete."""
    located = registry.select("sensor_id", "valid_from", "valid_to", zone=pl.col("location_type"))
    of_zones = valid_on(days.filter(pl.col("sensor_status").is_in(COUNTED)), located)
    mean = pl.col("pm25_mean")
    counts = pl.col("is_complete") & mean.is_not_null()
    zones = (
        of_zones.with_columns(pl.col("zone").fill_null(UNKNOWN))
        .sort("day", "zone", "sensor_id")
        .group_by("day", "zone", maintain_order=True)
        .agg(
            counts.sum().cast(pl.Int64).alias("sensors"),
            pl.len().cast(pl.Int64).alias("sensors_reporting"),
            *[pl.col(f"{name}_mean").filter(counts).mean() for name in MEANS],
        )
    )
    ranked = pl.when(pl.col("zone") != UNKNOWN).then(mean.round(6))
    return zones.with_columns(
        pm25_aqi=aqi(mean, indices.aqi),
        pm25_aqi_category=aqi_category(mean, indices.aqi),
        rank=ranked.rank("min").over("day").cast(pl.Int64),
        band=band(mean, indices.bands),
    )
