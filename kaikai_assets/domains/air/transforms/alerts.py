"""What rules of air judge: readings, hours and local days of sensors."""

import polars as pl

from kaikai_assets.alerts.judged import judged
from kaikai_assets.alerts.rules import RuleSet
from kaikai_assets.alerts.runs import runs
from kaikai_assets.domains.air.contracts import Daily, Hourly, Measurements
from kaikai_assets.domains.air.transforms.local_days import local_day
from kaikai_assets.domains.air.transforms.registered import spaced
from kaikai_assets.quality.flags import MISSING
from kaikai_assets.quality.intervals import INSTANT
from kaikai_assets.quality.order import begins, ordered

ROWS = {
    "reading": judged(Measurements, ("pm25",)),
    "hour": judged(Hourly),
    "day": judged(Daily),
}
"""What rules may name of each."""

OF_SILVER = ("day", "sensor_id", "grain", "time", "pm25", "pm25_flag")
"""Columns of silver that rules judge."""

_UTC = pl.Datetime("us", "UTC")


def readings(silver: pl.DataFrame, registry: pl.DataFrame) -> pl.DataFrame:
    """Readings, with PM2.5 where they stand for less than an hour: coarser ones only break a silence.

    Of several at one time the highest, since no alert should be lost.
    """
    known = registry.select("sensor_id", "valid_from", "valid_to", "expected_interval_s")
    length = pl.duration(microseconds=(pl.col("interval_s") * 1e6).cast(pl.Int64), time_unit="us")
    fine = pl.col("interval_s") < 3600
    timed = ordered(
        spaced(silver.select(OF_SILVER), known).with_columns(
            start=pl.col("time"),
            end=pl.when(pl.col("grain") == INSTANT).then("time").otherwise(pl.col("time") + length),
            pm25=pl.when(fine).then("pm25"),
            pm25_flag=pl.when(fine).then("pm25_flag").otherwise(MISSING).cast(pl.UInt8),
        ),
        ["sensor_id"],
        "time",
    )
    again = ~begins("sensor_id", "time")
    several = again | again.shift(-1, fill_value=False)
    highest = (
        timed.filter(several)
        .sort("sensor_id", "time", -pl.col("pm25"), "interval_s", "grain", nulls_last=True)
        .unique(["sensor_id", "time"], keep="first", maintain_order=True)
    )
    return pl.concat([timed.filter(~several), highest])


def hours(hourly: pl.DataFrame) -> pl.DataFrame:
    """Rows of ``Hourly`` as rules judge them."""
    start = pl.col("hour")
    return hourly.with_columns(start=start, end=start.dt.offset_by("1h"), interval_s=pl.lit(3600.0))


def days(daily: pl.DataFrame) -> pl.DataFrame:
    """Rows of ``Daily`` as rules judge them: one of a sensor and local day begins where that day does."""
    zones = daily.select("timezone", "day").unique()
    edges = [(zone, day, *local_day(zone, day)) for zone, day in zones.iter_rows()]
    schema = {"timezone": pl.String(), "day": pl.Date(), "start": _UTC, "end": _UTC}
    dated = daily.join(pl.DataFrame(edges, schema=schema, orient="row"), on=["timezone", "day"])
    return dated.with_columns(interval_s=pl.lit(86_400.0))


def hourly_runs(hourly: pl.DataFrame, rules: RuleSet) -> pl.DataFrame:
    """Runs of hours for the rules of hours alone."""
    of_hours = rules.model_copy(update={"rules": rules.of("hour")})
    return runs([of_hours], {"hour": hours(hourly)}, "sensor_id", hourly["day"].unique().to_list())
