"""Local days of sensors, 23 to 25 hours long."""

from datetime import UTC, date, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

import polars as pl

from kaikai_assets.domains.air.transforms.registered import DEFAULT_ZONE


def local_dates(rows: pl.DataFrame, time: str) -> pl.DataFrame:
    """Rows with ``day`` set to the local date of an instant in their ``timezone``."""
    zoned = rows.with_columns(pl.col("timezone").fill_null(DEFAULT_ZONE))
    day = pl.lit(None, pl.Date)
    for zone in zoned["timezone"].unique():
        local = pl.col(time).dt.convert_time_zone(zone).dt.date()
        day = pl.when(pl.col("timezone") == zone).then(local).otherwise(day)
    return zoned.with_columns(day=day)


def local_day(zone: str, day: date) -> tuple[datetime, datetime]:
    """Instants, UTC, between which a local day lies."""
    start, end = (datetime(d.year, d.month, d.day, tzinfo=ZoneInfo(zone)) for d in (day, day + timedelta(days=1)))
    return start.astimezone(UTC), end.astimezone(UTC)


def hours_of_day(zone: str, day: date) -> int:
    """Hours, by UTC, that start in a local day: 23 or 25 where clocks change, be it by half an hour."""
    first, behind = (ceil(instant.timestamp() / 3600) for instant in local_day(zone, day))
    return behind - first


def utc_days_around(zones: tuple[str, ...]) -> tuple[int, int]:
    """UTC days ``(before, after)`` a local date that its hours can lie in, for some time zones."""
    months = [datetime(year, month, 1, tzinfo=UTC) for year in range(2015, 2036) for month in range(1, 13)]
    offsets = [month.astimezone(ZoneInfo(zone)).utcoffset() or timedelta(0) for zone in zones for month in months]
    return int(max(offsets) > timedelta(0)), int(min(offsets) < timedelta(0))
