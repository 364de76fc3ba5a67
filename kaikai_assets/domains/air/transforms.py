"""The air tables as pure functions from frames to frames."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import polars as pl

from kaikai_assets.alerts.episodes import fold, runs
from kaikai_assets.alerts.rules import RuleSet
from kaikai_assets.build.steps import Context, Made
from kaikai_assets.domains.air.contracts import Measurements
from kaikai_assets.quality.conform import conform, polars_duration
from kaikai_assets.quality.conservation import account
from kaikai_assets.quality.contracts import metrics
from kaikai_assets.quality.flags import MISSING, Plausible, cell_flags
from kaikai_assets.quality.merge import merge
from kaikai_assets.quality.quarantine import from_contradictions, mark_repeated

DEFAULT_ZONE = "Africa/Dakar"
DEFAULT_INTERVAL_S = 300.0
COMPLETE = 0.75
"""Share of an hour's readings, and of a day's hours, from which an aggregate counts as complete."""

_KEY = ["day", "grain", "sensor_id", "time"]
_MEANS = ("pm25", "temperature", "humidity", "co2")


def measurements(bronze: pl.DataFrame, context: Context, plausible: Mapping[str, Plausible]) -> Made:
    """Bronze days to silver measurements, their quarantine and accounts."""
    conformed = conform(bronze, Measurements, "sensor_id", context.sources, context.first_day)
    present = [m.name for m in metrics(Measurements) if m.name in conformed.rows.columns]
    filled = [pl.col(f"{name}_bad").fill_null(False) for name in present]
    merged = merge(conformed.rows.with_columns(filled), _KEY, present)
    flags = [pl.lit(MISSING, pl.UInt8).alias(f"{m.name}_flag") for m in metrics(Measurements) if m.name not in present]
    rows = merged.rows.with_columns([*cell_flags(present, plausible), *flags])
    aside = pl.concat(
        [conformed.quarantine, from_contradictions(merged.contradictions, "sensor_id")], how="diagonal_relaxed"
    )
    marked = mark_repeated(aside, "sensor_id")
    accounts = account(bronze, conformed.rows, rows, _KEY, marked.filter(pl.col("kind") == "record"))
    tables = {"silver/air_measurements": rows, "silver/air_quarantine": marked.filter(~pl.col("repeated"))}
    return Made(tables, accounts)


def hourly(silver: pl.DataFrame, registry: pl.DataFrame) -> pl.DataFrame:
    """Silver readings to hours (contract ``Hourly``).

    Completeness counts expected intervals that hold a reading, so that a burst of readings does not fill an hour.
    """
    fine = silver.filter(pl.col("grain") != "P1D")
    intervals = {grain: _seconds(grain) for grain in fine["grain"].unique() if grain != "instant"}
    interval = (
        pl.when(pl.col("grain") == "instant")
        .then(pl.col("expected_interval_s").fill_null(DEFAULT_INTERVAL_S))
        .otherwise(pl.col("grain").replace_strict(intervals, default=None, return_dtype=pl.Float64))
    )
    known = registry.select("sensor_id", "valid_from", "valid_to", "expected_interval_s")
    ready = valid_on(fine, known).with_columns(interval_s=interval, hour=pl.col("time").dt.truncate("1h"))
    ready = ready.filter(pl.col("interval_s") <= 3600)
    slot = ((pl.col("time") - pl.col("hour")).dt.total_microseconds() // (pl.col("interval_s") * 1e6)).cast(pl.Int32)
    expected = (3600 / pl.col("interval_s")).floor().cast(pl.Int64)
    hours = (
        ready.with_columns(slot=pl.when(pl.col("pm25").is_not_null()).then(slot))
        .sort("sensor_id", "grain", "time")
        .group_by("day", "sensor_id", "hour", "grain", maintain_order=True)
        .agg(
            pl.col("pm25").min().alias("pm25_min"),
            pl.col("pm25").max().alias("pm25_max"),
            *[pl.col(name).mean().alias(f"{name}_mean") for name in _MEANS],
            *[pl.col(name).count().cast(pl.Int64).alias(f"{name}_n") for name in _MEANS],
            expected.first().alias("expected"),
            pl.col("slot").drop_nulls().n_unique().alias("slots"),
            pl.col("interval_s").first(),
        )
        .with_columns(completeness=pl.min_horizontal(pl.col("slots") / pl.col("expected"), 1.0))
    )
    complete = pl.col("completeness") >= COMPLETE
    finest_else_fullest = pl.when(complete).then("interval_s").otherwise(-pl.col("completeness"))
    ranked = hours.sort("sensor_id", "hour", ~complete, finest_else_fullest, "interval_s", "grain")
    return ranked.unique(["sensor_id", "hour"], keep="first", maintain_order=True)


def daily(hours: pl.DataFrame, silver: pl.DataFrame, registry: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """Hours, and readings delivered as days, to local days (contract ``Daily``), for the local dates ``days``.

    An hour belongs to the local date of its start. Means weight hours by their readings: they are means of readings.
    """
    zones = registry.select("sensor_id", "valid_from", "valid_to", "timezone")
    of_hours = _local(valid_on(hours, zones), "hour").filter(pl.col("day").is_in(list(days)))
    weighted = [
        ((pl.col(f"{name}_mean") * pl.col(f"{name}_n")).sum() / pl.col(f"{name}_n").sum()).alias(f"{name}_mean")
        for name in _MEANS
    ]
    from_hours = (
        of_hours.sort("sensor_id", "hour")
        .group_by("day", "sensor_id", "timezone", maintain_order=True)
        .agg(
            *weighted,
            pl.col("pm25_min").min(),
            pl.col("pm25_max").max(),
            pl.col("pm25_n").sum(),
            (pl.col("completeness") >= COMPLETE).sum().cast(pl.Int64).alias("hours_valid"),
        )
        .with_columns(grain=pl.lit("PT1H"))
    )
    delivered = _local(valid_on(silver.filter(pl.col("grain") == "P1D"), zones), "time")
    as_days = delivered.filter(pl.col("day").is_in(list(days))).select(
        "day",
        "sensor_id",
        "timezone",
        "grain",
        *[pl.col(name).alias(f"{name}_mean") for name in _MEANS],
        pl.lit(None, pl.Float64).alias("pm25_min"),
        pl.lit(None, pl.Float64).alias("pm25_max"),
        pl.col("pm25").is_not_null().cast(pl.Int64).alias("pm25_n"),
        (pl.col("pm25").is_not_null() * 25).cast(pl.Int64).alias("hours_valid"),
    )
    both = pl.concat([from_hours, as_days], how="diagonal")
    pairs = both.select("day", "timezone").unique()
    lengths = pairs.with_columns(
        pl.Series("hours_expected", [hours_of_day(zone, day) for day, zone in pairs.iter_rows()], dtype=pl.Int64)
    )
    # A day delivered as a whole stands for all its hours: what it was made of is not known here.
    whole = pl.min_horizontal("hours_valid", "hours_expected")
    return (
        both.join(lengths, on=["day", "timezone"], how="left")
        .with_columns(hours_valid=whole, completeness=whole / pl.col("hours_expected"))
        .with_columns(is_complete=pl.col("completeness") >= COMPLETE)
        .sort("day", "sensor_id", "is_complete", "grain", descending=[False, False, True, True])
        .unique(["day", "sensor_id"], keep="first", maintain_order=True)
    )


def alert_days(hours: pl.DataFrame, rules: RuleSet) -> pl.DataFrame:
    """Hours to runs of violating and well hours for each rule (contract ``AlertDays``)."""
    values = hours.rename({"sensor_id": "entity", "hour": "start"})
    of_rules = [runs(values, rule, "1h") for rule in rules.rules]
    return pl.concat(of_rules).rename({"entity": "sensor_id"})


def alerts(of_days: pl.DataFrame, rules: RuleSet) -> pl.DataFrame:
    """Runs of all days to episodes (contract ``Alerts``)."""
    return fold(of_days.rename({"sensor_id": "entity"}), rules).rename({"entity": "sensor_id"})


def valid_on(rows: pl.DataFrame, registry: pl.DataFrame) -> pl.DataFrame:
    """Rows with the registry's columns valid on their ``day`` in [valid_from, valid_to); null for unknown sensors."""
    added = [name for name in registry.columns if name not in ("sensor_id", "valid_from", "valid_to")]
    if not registry.height:
        return rows.with_columns(pl.lit(None, registry.schema[name]).alias(name) for name in added)
    pairs = rows.select("sensor_id", "day").unique().join(registry, on="sensor_id")
    begun = pl.col("valid_from").is_null() | (pl.col("valid_from") <= pl.col("day"))
    open_still = pl.col("valid_to").is_null() | (pl.col("day") < pl.col("valid_to"))
    return rows.join(
        pairs.filter(begun & open_still).select("sensor_id", "day", *added),
        on=["sensor_id", "day"],
        how="left",
        maintain_order="left",
    )


def _local(rows: pl.DataFrame, time: str) -> pl.DataFrame:
    """Rows with ``day`` set to the local date of an instant in their ``timezone``."""
    zoned = rows.with_columns(pl.col("timezone").fill_null(DEFAULT_ZONE))
    day = pl.lit(None, pl.Date)
    for zone in zoned["timezone"].unique():
        local = pl.col(time).dt.convert_time_zone(zone).dt.date()
        day = pl.when(pl.col("timezone") == zone).then(local).otherwise(day)
    return zoned.with_columns(day=day)


@cache
def hours_of_day(zone: str, day: date) -> int:
    """Hours of a local day: 23 or 25 where clocks change."""
    start, end = (datetime(d.year, d.month, d.day, tzinfo=ZoneInfo(zone)) for d in (day, day + timedelta(days=1)))
    return round((end.timestamp() - start.timestamp()) / 3600)


@cache
def utc_days_around(zones: tuple[str, ...]) -> tuple[int, int]:
    """UTC days ``(before, after)`` a local date that its hours can lie in, for some time zones."""
    months = [datetime(year, month, 1, tzinfo=UTC) for year in range(2015, 2036) for month in range(1, 13)]
    offsets = [month.astimezone(ZoneInfo(zone)).utcoffset() or timedelta(0) for zone in zones for month in months]
    return int(max(offsets) > timedelta(0)), int(min(offsets) < timedelta(0))


def _seconds(grain: str) -> float:
    number, unit = polars_duration(grain)[:-1], grain[-1]
    return float(number) * {"S": 1, "M": 60, "H": 3600, "D": 86_400}[unit]
