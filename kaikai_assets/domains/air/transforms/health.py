"""``gold/air_sensor_health``: readings, their flags and two weeks of hours to days of sensors."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from kaikai_assets.domains.air.health import HealthLimits
from kaikai_assets.domains.air.transforms.hours import of_one_grain
from kaikai_assets.domains.air.transforms.registered import (
    DEFAULT_INTERVAL_S,
    UNKNOWN,
    expected_on,
    spaced,
    status,
)
from kaikai_assets.quality.flags import FAIL, GOOD, NOT_EVALUATED, SUSPECT
from kaikai_assets.quality.intervals import INSTANT
from kaikai_assets.quality.order import beside, in_series, stretch

DRIFT_DAYS = 7
"""Days of each of the two periods that drift compares."""

_DAY_S = 86_400
_SENSOR_DAY = ["day", "sensor_id"]

OF_SILVER = (*_SENSOR_DAY, "grain", "time", "pm25_flag")
OF_FLAGS = (*_SENSOR_DAY, "grain", "time", "pm25_qc", "pm25_flat_line")
OF_HOURS = (*_SENSOR_DAY, "hour", "pm25_mean", "pm25_neighbours_nearest", "pm25_neighbours_flag")
"""Columns of readings, of their flags and of hours that tell of a sensor's health."""


def sensor_health(
    silver: pl.DataFrame,
    flags: pl.DataFrame,
    hours: pl.DataFrame,
    registry: pl.DataFrame,
    days: Sequence[date],
    limits: HealthLimits,
) -> pl.DataFrame:
    """Readings and flags of some ``days``, hours of these and of the 13 days before each, to ``SensorHealth``.

    A day without any reading has no rows, instead of all sensors silent: unusable records that arrived make it a day.
    """
    used = ["sensor_id", "valid_from", "valid_to", "expected_interval_s", "installation_date"]
    known = registry.select(*used, status=status())
    of_days = silver.filter(pl.col("day").is_in(list(days))).select("day").unique()
    heard = _heard(_chosen(silver, known), flags)
    silent = _registered(known, of_days).join(heard, on=_SENSOR_DAY, how="anti")
    both = pl.concat([heard, silent], how="diagonal").join(_seen_before(hours, of_days), on=_SENSOR_DAY, how="left")
    # Nobody knows since when a sensor without an installation date is there: it is missed once it has been heard.
    both = both.filter(pl.col("readings").is_not_null() | pl.col("is_dated") | pl.col("seen_before").is_not_null())
    ratios = _ratios(hours)
    today = ratios.group_by(_SENSOR_DAY).agg(pl.col("ratio").median().alias("neighbours_ratio"))
    drifts = _drifts(ratios, of_days, limits.drift_hours.value)
    counted = both.with_columns(
        pl.col("readings", "slots", "valid_n").fill_null(0),
        pl.col("flat_line_h").fill_null(0.0),
        pl.col("longest_silence_min", "silence_at_end_min").fill_null(_DAY_S / 60),
        expected=(_DAY_S / pl.col("interval_s")).floor().cast(pl.Int64),
        last_seen=pl.coalesce("last_seen", "seen_before"),
    ).with_columns(
        share_received=pl.min_horizontal(pl.col("slots") / pl.col("expected"), 1.0).round(6),
        share_valid=pl.when(pl.col("readings") > 0).then(pl.col("valid_n") / pl.col("readings")),
    )
    return (
        counted.join(today, on=_SENSOR_DAY, how="left")
        .join(drifts, on=_SENSOR_DAY, how="left")
        .with_columns(
            is_degraded=pl.col("share_received") < limits.degraded_below.value,
            # A sensor is not silent while its next reading is not due.
            is_offline=pl.col("silence_at_end_min").round(3)
            > pl.max_horizontal(limits.offline_after_min.value, pl.col("interval_s") / 60),
            is_drifting=pl.col("drift_pct").abs().round(3) > limits.drift_beyond_pct.value,
        )
    )


def _chosen(silver: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Readings of one grain for each sensor and day, as hours choose theirs: the finest that is complete, else the
    fullest. Each series by itself, by time, with ``interval_s``, ``slot`` (the interval of the day), and ``until_s``,
    the seconds a reading stands for.
    """
    start_s = (pl.col("time") - pl.col("day").cast(pl.Datetime("us", "UTC"))).dt.total_microseconds() / 1e6
    rows = (
        spaced(silver.select(OF_SILVER), known)
        .with_columns(
            until_s=pl.when(pl.col("grain") == INSTANT).then(0.0).otherwise("interval_s"),
            status=pl.col("status").fill_null(UNKNOWN),
            start_s=start_s,
        )
        .with_columns(slot=(pl.col("start_s") // pl.col("interval_s")).cast(pl.Int32))
    )
    series = [*_SENSOR_DAY, "grain"]
    in_order = in_series(rows, series, "time").with_columns(_series=stretch(*series))
    share = pl.col("slot").n_unique() * pl.col("interval_s").first() / _DAY_S
    grains = in_order.group_by("_series").agg(pl.col(*series, "interval_s").first(), share.round(6).alias("share"))
    chosen = of_one_grain(grains, _SENSOR_DAY, "share")
    return in_order.filter(pl.col("_series").is_in(chosen["_series"].implode()))


def _heard(rows: pl.DataFrame, flags: pl.DataFrame) -> pl.DataFrame:
    """Sensors that sent readings: counts, silences and flags of their day."""
    series = [*_SENSOR_DAY, "grain"]
    flagged = beside(rows, flags.select(OF_FLAGS), series, "time").with_columns(
        # Readings delivered as days have no neighbours in time: silver's own flag stands for them.
        good=pl.coalesce("pm25_qc", "pm25_flag").is_in([GOOD, NOT_EVALUATED]),
        flat=pl.col("pm25_flat_line").is_in([SUSPECT, FAIL]).fill_null(False),
        end_s=pl.col("start_s") + pl.col("until_s"),
    )
    goes_on = (pl.col("_series") == pl.col("_series").shift(1)).fill_null(False)
    before = pl.when(goes_on).then(pl.col("end_s").shift(1)).otherwise(0.0)
    silences = flagged.with_columns(silence_s=pl.col("start_s") - before)
    at_end = pl.max_horizontal(_DAY_S - pl.col("end_s").last(), 0.0)
    heard = silences.group_by("_series", maintain_order=True).agg(
        pl.col(*_SENSOR_DAY, "status", "grain", "interval_s").first(),
        pl.col("time").last().alias("last_seen"),
        pl.len().cast(pl.Int64).alias("readings"),
        pl.col("slot").n_unique().alias("slots"),
        pl.col("good").sum().cast(pl.Int64).alias("valid_n"),
        (pl.col("flat").sum() * pl.col("interval_s").first() / 3600).alias("flat_line_h"),
        (at_end / 60).alias("silence_at_end_min"),
        (pl.max_horizontal(pl.col("silence_s").max(), at_end) / 60).alias("longest_silence_min"),
    )
    return heard.drop("_series")


def _registered(known: pl.DataFrame, of_days: pl.DataFrame) -> pl.DataFrame:
    """Sensors that the registry expects and calls active on some days."""
    return (
        expected_on(known, of_days)
        .filter(status="active")
        .select(
            *_SENSOR_DAY,
            "status",
            grain=pl.lit(None, pl.String),
            interval_s=pl.col("expected_interval_s").fill_null(DEFAULT_INTERVAL_S),
            is_dated=pl.col("installation_date").is_not_null() | pl.col("valid_from").is_not_null(),
        )
    )


def _seen_before(hours: pl.DataFrame, of_days: pl.DataFrame) -> pl.DataFrame:
    """Start of the last hour with readings in the 13 days before some days."""
    last = hours.group_by("sensor_id", of_day="day").agg(pl.col("hour").max())
    before = last.join(_days_back(of_days).filter(pl.col("age") > 0), on="of_day")
    return before.group_by(_SENSOR_DAY).agg(pl.col("hour").max().alias("seen_before"))


def _days_back(of_days: pl.DataFrame) -> pl.DataFrame:
    """``day``, and each ``of_day`` of the two weeks that end with it, ``age`` days earlier."""
    ages = pl.DataFrame({"age": range(2 * DRIFT_DAYS)}, schema={"age": pl.Int64})
    return of_days.join(ages, how="cross").with_columns(of_day=pl.col("day") - pl.duration(days="age"))


def _ratios(hours: pl.DataFrame) -> pl.DataFrame:
    """PM2.5 of hours by the median of their neighbours, where there are neighbours."""
    ratio = pl.col("pm25_mean") / pl.col("pm25_neighbours_nearest")
    judged = pl.col("pm25_neighbours_flag").is_in([GOOD, SUSPECT]) & (pl.col("pm25_neighbours_nearest") > 0)
    return hours.filter(judged).select(*_SENSOR_DAY, ratio=ratio.round(6))


def _drifts(ratios: pl.DataFrame, of_days: pl.DataFrame, least: float) -> pl.DataFrame:
    """Medians of the two weeks that end with and before each of some days, compared in per cent."""
    near = ratios.rename({"day": "of_day"}).join(_days_back(of_days), on="of_day")
    recent, earlier = pl.col("age") < DRIFT_DAYS, pl.col("age") >= DRIFT_DAYS
    medians = near.group_by(_SENSOR_DAY).agg(
        pl.col("ratio").filter(recent).median().alias("now"),
        pl.col("ratio").filter(earlier).median().alias("then"),
        recent.sum().alias("now_n"),
        earlier.sum().alias("then_n"),
    )
    enough = (pl.col("now_n") >= least) & (pl.col("then_n") >= least) & (pl.col("then") > 0)
    return medians.select(
        *_SENSOR_DAY, drift_pct=pl.when(enough).then(100 * (pl.col("now") / pl.col("then") - 1)).round(3)
    )
