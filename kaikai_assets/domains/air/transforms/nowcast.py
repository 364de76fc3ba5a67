"""NowCast of hours: what the last hours say about the present one."""

import polars as pl

from kaikai_assets.domains.air.indices import Indices, aqi, nowcast
from kaikai_assets.domains.air.transforms.hours import is_complete
from kaikai_assets.quality.order import stretch

_HOUR_US = 3_600_000_000
_FAR = 2**32
"""More hours than there are between two of one sensor."""


def with_nowcast(hours: pl.DataFrame, indices: Indices) -> pl.DataFrame:
    """Hours, at most one for each sensor and instant, with the NowCast of their PM2.5 and its index.

    Only complete hours count; an hour that is not can have a NowCast by those before it.
    """
    rows = hours.sort("sensor_id", "hour")
    numbered = rows.select(
        _number=stretch("sensor_id").cast(pl.Int64) * _FAR + pl.col("hour").dt.timestamp("us") // _HOUR_US,
        _valid=pl.when(is_complete("completeness")).then(pl.col("pm25_mean").round(6)),
    )
    number, valid = pl.col("_number"), pl.col("_valid")
    # An hour ago is the row before, two hours one of the two before, since hours may be absent.
    lagged = numbered.select(
        pl.coalesce(
            pl.when(number - number.shift(back) == ago).then(valid.shift(back)) for back in range(ago + 1)
        ).alias(f"hour_{ago}")
        for ago in range(indices.nowcast.hours)
    )
    found = rows.with_columns(pm25_nowcast=nowcast(lagged, indices.nowcast))
    return found.with_columns(pm25_nowcast_aqi=aqi(pl.col("pm25_nowcast"), indices.aqi))
