"""What rows of the air tables were made of: the span of event time that each stands for."""

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from kaikai_assets.alerts.origins import judged, violating
from kaikai_assets.alerts.rules import RuleSet
from kaikai_assets.build.origins import Span
from kaikai_assets.domains.air.transforms.local_days import local_day
from kaikai_assets.domains.air.transforms.registered import COUNTED, DEFAULT_ZONE, valid_on
from kaikai_assets.domains.air.transforms.zones import UNKNOWN
from kaikai_assets.quality.intervals import INSTANT, seconds

_INSTANT = pl.Datetime("us", "UTC")


def spans(rule_sets: Callable[[], Sequence[RuleSet]]) -> Mapping[str, Span]:
    """Spans of silver and gold. ``rule_sets`` gives the active one and those in shadow."""

    time, hour, start = pl.col("time"), pl.col("hour"), pl.col("start")
    midnight = pl.col("day").cast(_INSTANT)
    opened, last = pl.col("opened_at"), pl.col("last_violation_end")
    opened_on = pl.col("opened_on").cast(_INSTANT)
    return {
        "silver/air_measurements": Span(("sensor_id", "grain"), time, time.dt.offset_by("1us")),
        # A flag is of its reading: the neighbours say how it was judged.
        "silver/air_flags": Span(("sensor_id", "grain"), time, time.dt.offset_by("1us")),
        # Its own readings: those of the eleven hours before, of which the NowCast is also made, and those of neighbours
        # stand under their own rows.
        "gold/air_hourly": Span(("sensor_id", "grain"), hour, hour.dt.offset_by("1h")),
        "gold/air_daily": Span(
            ("sensor_id",),
            _local_day(0),
            _local_day(1),
            {"gold/air_hourly": _hours, "silver/air_measurements": _delivered},
        ),
        # Local days of the sensors of a zone begin up to 14 hours before that of UTC, and end up to 12 after it.
        "gold/air_zone_daily": Span(
            ("day",),
            midnight.dt.offset_by("-14h"),
            midnight.dt.offset_by("36h"),
            {"gold/air_daily": _located},
        ),
        # Of a drift the hours of its own day: those of the two weeks are too many to list.
        "gold/air_sensor_health": Span(
            ("sensor_id",), midnight, midnight.dt.offset_by("1d"), dict.fromkeys(_OF_READINGS, _of_grain)
        ),
        "gold/air_network_daily": Span(
            ("day",), midnight, midnight.dt.offset_by("1d"), {"gold/air_sensor_health": _counted}
        ),
        # An instant ends at its start: the last of a run is part of it.
        "gold/air_alert_days": Span(
            ("rule_set", "rule", "sensor_id"),
            start,
            pl.col("end").dt.offset_by("1us"),
            {
                "silver/air_measurements": lambda pairs, registry: judged(rule_sets, "reading", "time")(
                    _compared(pairs, rule_sets()), registry
                ),
                "gold/air_hourly": judged(rule_sets, "hour", "hour"),
                "gold/air_daily": judged(rule_sets, "day", "_start"),
            },
        ),
        "gold/air_alerts": Span(
            ("rule_set", "rule", "sensor_id"), opened, last.dt.offset_by("1us"), {"gold/air_alert_days": violating}
        ),
        "gold/air_rule_comparison": Span(
            ("rule_set",), opened_on, opened_on.dt.offset_by("1d"), {"gold/air_alert_days": violating}
        ),
    }


def _compared(pairs: pl.DataFrame, rule_sets: Sequence[RuleSet]) -> pl.DataFrame:
    """Pairs with readings of less than an hour; rules of silence look at all."""
    lengths = {grain: seconds(grain) for grain in pairs["grain"].unique() if grain != INSTANT}
    short = pl.col("grain").replace_strict(lengths, default=0.0, return_dtype=pl.Float64) < 3600
    silent = [
        (pl.col("made.rule_set") == rules.rule_set) & (pl.col("made.rule") == rule.id)
        for rules in rule_sets
        for rule in rules.rules
        if rule.silent_for
    ]
    return pairs.filter(pl.any_horizontal(short, *silent))


_OF_READINGS = ("silver/air_measurements", "silver/air_flags")


def _of_grain(pairs: pl.DataFrame, _registry: pl.DataFrame) -> pl.DataFrame:
    return pairs.filter(pl.col("grain") == pl.col("made.grain"))


def _counted(pairs: pl.DataFrame, _registry: pl.DataFrame) -> pl.DataFrame:
    return pairs.filter(pl.col("status").is_in(COUNTED))


def _local_day(edge: int) -> pl.Expr:
    return pl.struct("timezone", "day").map_elements(
        lambda row: local_day(row["timezone"], row["day"])[edge], return_dtype=_INSTANT
    )


def _hours(pairs: pl.DataFrame, registry: pl.DataFrame) -> pl.DataFrame:
    return _in_zone(pairs.filter(pl.col("made.grain") == "PT1H"), registry)


def _delivered(pairs: pl.DataFrame, registry: pl.DataFrame) -> pl.DataFrame:
    return _in_zone(pairs.filter(pl.col("made.grain") == "P1D", pl.col("grain") == "P1D"), registry)


def _located(pairs: pl.DataFrame, registry: pl.DataFrame) -> pl.DataFrame:
    zones = registry.select("sensor_id", "valid_from", "valid_to", zone=pl.col("location_type"))
    counted = pairs.filter(pl.col("sensor_status").is_in(COUNTED))
    return valid_on(counted, zones).filter(pl.col("zone").fill_null(UNKNOWN) == pl.col("made.zone"))


def _in_zone(pairs: pl.DataFrame, registry: pl.DataFrame) -> pl.DataFrame:
    """A sensor that moves on a day has two of that day, each in its own time zone."""
    zones = registry.select("sensor_id", "valid_from", "valid_to", "timezone")
    zoned = valid_on(pairs, zones)
    return zoned.filter(pl.col("timezone").fill_null(DEFAULT_ZONE) == pl.col("made.timezone"))
