"""NowCast of hours: what the last hours say about the present one."""

import polars as pl

from kaikai_assets.domains.air.indices import Indices, aqi, nowcast
from kaikai_assets.domains.air.transforms.hours import is_complete


def with_nowcast(hours: pl.DataFrame, indices: Indices) -> pl.DataFrame:
    """Hours, at most one for each sensor and instant, with the NowCast of their PM2.5 and its index.

    Only complete hours count; an hour that is not can have a NowCast by those before it.
    """
    valid = hours.filter(is_complete("completeness")).select("sensor_id", "hour", pl.col("pm25_mean").round(6))
    joined, names = hours, [f"_hour_{ago}" for ago in range(indices.nowcast.hours)]
    for ago, name in enumerate(names):
        earlier = valid.select("sensor_id", pl.col("hour").dt.offset_by(f"{ago}h"), pl.col("pm25_mean").alias(name))
        joined = joined.join(earlier, on=["sensor_id", "hour"], how="left")
    found = joined.with_columns(pm25_nowcast=nowcast([pl.col(name) for name in names], indices.nowcast)).drop(names)
    return found.with_columns(pm25_nowcast_aqi=aqi(pl.col("pm25_nowcast"), indices.aqi))
