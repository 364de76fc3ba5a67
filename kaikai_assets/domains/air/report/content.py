"""What the report of a day says: frames of published tables to the rows of its sections.

``day`` is a local date: each sensor's hours and alerts are those of its own local day.
"""

from datetime import date

import polars as pl

from kaikai_assets.alerts.rules import RuleSet
from kaikai_assets.alerts.states import VIOLATING
from kaikai_assets.build.steps import Inputs, Read
from kaikai_assets.domains.air.transforms import registered
from kaikai_assets.domains.air.transforms.alerts import hourly_runs
from kaikai_assets.domains.air.transforms.local_days import local_dates, local_day
from kaikai_assets.domains.air.transforms.registered import expected_on, valid_on

CALENDAR_DAYS = 30

READS = (
    Read("silver/air_sensors", whole=True),
    Read("gold/air_daily", before=CALENDAR_DAYS - 1),
    Read("gold/air_hourly", before=1, after=1),
    Read("gold/air_zone_daily"),
    Read("gold/air_sensor_health"),
    Read("gold/air_alerts", whole=True),
    Read("silver/air_quarantine"),
)

COUNTED = pl.col("sensor_status").is_in(registered.COUNTED)
"""Whether a row is of a sensor that counts: active, or not registered."""

_HEALTH = ("is_offline", "is_degraded", "is_drifting", "drift_pct")


def sensors(inputs: Inputs, day: date) -> pl.DataFrame:
    """Rows of ``gold/air_daily`` with name and zone, the last NowCast, counts of the day's hours, and the health of
    the UTC day of that date.

    Expected sensors without a row are there with nulls. Complete days first, then by mean.
    """
    daily = inputs["gold/air_daily"].filter(pl.col("day") == day)
    known = inputs["silver/air_sensors"]
    silent = expected_on(known, pl.DataFrame({"day": [day]})).select("sensor_id", "day", sensor_status="status")
    rows = pl.concat([daily, silent.join(daily, on="sensor_id", how="anti")], how="diagonal")
    named = valid_on(rows, known.select("sensor_id", "valid_from", "valid_to", "location_name", "location_type"))
    of_hours = (
        hours(inputs, day)
        .sort("sensor_id", "hour")
        .group_by("sensor_id", maintain_order=True)
        .agg(
            pl.col("pm25_nowcast").drop_nulls().last(),
            pl.col("pm25_nowcast_aqi").filter(pl.col("pm25_nowcast").is_not_null()).last(),
            pl.col("clock").filter(pl.col("pm25_nowcast").is_not_null()).last().alias("nowcast_clock"),
            pl.col("pm25_n").sum().alias("readings"),
            pl.col("pm25_good_n").sum(),
            pl.col("pm25_failed_n").sum(),
        )
    )
    well = inputs["gold/air_sensor_health"].filter(day=day).select("sensor_id", *_HEALTH)
    complete = pl.col("is_complete").fill_null(False)
    # What is good is counted as the readings are: in hours.
    return (
        named.drop("pm25_good_n")
        .join(of_hours, on="sensor_id", how="left")
        .join(well, on="sensor_id", how="left")
        .sort(~complete, -pl.col("pm25_mean"), "sensor_id", nulls_last=True)
    )


def hours(inputs: Inputs, day: date) -> pl.DataFrame:
    """Rows of ``gold/air_hourly`` in each sensor's local day, with ``elapsed``, hours since that day began, and
    ``clock``, the local time at which each begins."""
    zones = inputs["gold/air_daily"].filter(pl.col("day") == day).select("sensor_id", "timezone")
    local = local_dates(inputs["gold/air_hourly"].join(zones, on="sensor_id"), "hour").filter(pl.col("day") == day)
    clock = pl.lit(None, pl.String)
    for zone in local["timezone"].unique():
        of_zone = pl.col("hour").dt.convert_time_zone(zone).dt.strftime("%H:%M")
        clock = pl.when(pl.col("timezone") == zone).then(of_zone).otherwise(clock)
    return local.join(_edges(local, day), on="timezone").with_columns(
        elapsed=(pl.col("hour") - pl.col("begin")).dt.total_hours(), clock=clock
    )


def alerts(inputs: Inputs, day: date, rules: RuleSet) -> pl.DataFrame:
    """Episodes with a violating hour in the sensor's local day, with its ``sensor_status`` and ``location_name``.

    Rules of readings are left out: the report is of hours.
    """
    of_hours = hourly_runs(hours(inputs, day), rules)
    violating = of_hours.filter(pl.col("state") == VIOLATING).select("sensor_id", "rule", "start")
    statuses = inputs["gold/air_daily"].filter(day=day).select("sensor_id", "sensor_status")
    within = pl.col("start").is_between("opened_at", "last_violation_end", closed="left")
    found = (
        inputs["gold/air_alerts"]
        .join(violating, on=["sensor_id", "rule"])
        .filter(within)
        .drop("start")
        .unique(["sensor_id", "rule", "opened_at"])
        .join(statuses, on="sensor_id")
        .with_columns(day=pl.lit(day))
    )
    place = inputs["silver/air_sensors"].select("sensor_id", "valid_from", "valid_to", "location_name")
    return valid_on(found, place).sort("opened_at", "sensor_id", "rule")


def _edges(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """Instants between which the day lies, for each time zone of some rows: ``timezone, begin, end``."""
    instant = pl.Datetime("us", "UTC")
    edges = [(zone, *local_day(zone, day)) for zone in rows["timezone"].unique()]
    return pl.DataFrame(edges, schema={"timezone": pl.String, "begin": instant, "end": instant}, orient="row")


def set_aside(inputs: Inputs) -> pl.DataFrame:
    """Records and cells of ``silver/air_quarantine`` by rule: ``kind, rule, reason, sensors, n``."""
    return (
        inputs["silver/air_quarantine"]
        .group_by("kind", "rule")
        .agg(pl.col("sensor_id").drop_nulls().n_unique().alias("sensors"), pl.len().alias("n"))
        .sort("kind", "rule")
    )


def names(inputs: Inputs, day: date) -> dict[str, str]:
    """Names of sensors for pictures, as the registry has them on the day: id and place, or the id alone."""
    known = inputs["silver/air_sensors"].select("sensor_id", "valid_from", "valid_to", "location_name")
    of_day = valid_on(known.select("sensor_id").unique().with_columns(day=pl.lit(day)), known)
    return {s: f"{s} {name}" if name else s for s, name in of_day.select("sensor_id", "location_name").iter_rows()}
