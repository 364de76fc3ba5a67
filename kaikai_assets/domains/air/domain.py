"""The air domain: its tables in the order in which they are built, what each reads, and what configures it."""

from datetime import date
from pathlib import Path

import polars as pl

from kaikai_assets.alerts.comparison import compare
from kaikai_assets.alerts.episodes import fold_all
from kaikai_assets.alerts.rules import days_before
from kaikai_assets.alerts.runs import runs
from kaikai_assets.build.steps import Context, Domain, Inputs, Made, Read, Step
from kaikai_assets.domains.air import configuration, contracts, registry
from kaikai_assets.domains.air.origins import spans
from kaikai_assets.domains.air.transforms import (
    alerts,
    days,
    flags,
    health,
    hours,
    local_days,
    neighbours,
    network,
    nowcast,
    readings,
    scores,
    zones,
)
from kaikai_assets.domains.air.transforms.registered import DEFAULT_ZONE
from kaikai_assets.domains.air.views import pictures, report


def _measurements(inputs: Inputs, _days: list[date], context: Context) -> Made:
    return readings.measurements(inputs["bronze/air_measurements"], context, configuration.limits().plausible)


def _flags(inputs: Inputs, of_days: list[date], context: Context) -> Made:
    silver = inputs["silver/air_measurements"]
    return Made({"silver/air_flags": flags.flags(silver, context.dimension, configuration.limits(), of_days)})


def _hourly(inputs: Inputs, of_days: list[date], context: Context) -> Made:
    silver, flagged, registered = inputs["silver/air_measurements"], inputs["silver/air_flags"], context.dimension
    before = configuration.indices().nowcast.hours - 1
    aggregated = hours.hourly(silver, flagged, registered, of_days, before, configuration.corrections())
    recent = nowcast.with_nowcast(aggregated, configuration.indices()).filter(pl.col("day").is_in(of_days))
    scored = scores.scored(recent, configuration.points())
    return Made({"gold/air_hourly": neighbours.compared(scored, registered, configuration.neighbourhood())})


def _daily(inputs: Inputs, of_days: list[date], context: Context) -> Made:
    of_hours, silver = inputs["gold/air_hourly"], inputs["silver/air_measurements"]
    found = days.daily(of_hours, silver, context.dimension, of_days, configuration.corrections())
    return Made({"gold/air_daily": days.judged(found, configuration.indices())})


def _zone_daily(inputs: Inputs, _days: list[date], context: Context) -> Made:
    return Made(
        {"gold/air_zone_daily": zones.zone_daily(inputs["gold/air_daily"], context.dimension, configuration.indices())}
    )


def _sensor_health(inputs: Inputs, of_days: list[date], context: Context) -> Made:
    silver, flagged = inputs["silver/air_measurements"], inputs["silver/air_flags"]
    of_hours, registered = inputs["gold/air_hourly"], context.dimension
    found = health.sensor_health(silver, flagged, of_hours, registered, of_days, configuration.health_limits())
    return Made({"gold/air_sensor_health": found})


def _network_daily(inputs: Inputs, of_days: list[date], _context: Context) -> Made:
    of_hours = alerts.hourly_runs(inputs["gold/air_hourly"], configuration.rules())
    found = network.network_daily(inputs["gold/air_sensor_health"], of_hours, of_days)
    return Made({"gold/air_network_daily": found})


def _alert_days(inputs: Inputs, of_days: list[date], context: Context) -> Made:
    judged = {
        "reading": alerts.readings(inputs["silver/air_measurements"], context.dimension),
        "hour": alerts.hours(inputs["gold/air_hourly"]),
        "day": alerts.days(inputs["gold/air_daily"]),
    }
    return Made({"gold/air_alert_days": runs(configuration.rule_sets(), judged, "sensor_id", of_days)})


def _alert_days_reads(_context: Context | None) -> tuple[Read, ...]:
    sets = configuration.rule_sets()
    return (
        Read("gold/air_daily", days_before(sets, "day")),
        Read("gold/air_hourly", days_before(sets, "hour")),
        Read("silver/air_measurements", days_before(sets, "reading"), columns=alerts.OF_SILVER),
    )


def _alerts(inputs: Inputs, _days: list[date], _context: Context) -> Made:
    of_days, sets = inputs["gold/air_alert_days"], configuration.rule_sets()
    found = fold_all(of_days, sets, "sensor_id")
    return Made(
        {
            "gold/air_alerts": found.filter(rule_set=configuration.ACTIVE_RULES),
            "gold/air_rule_comparison": compare(found, sets, configuration.ACTIVE_RULES, "sensor_id"),
        }
    )


def _daily_reads(context: Context | None) -> tuple[Read, ...]:
    before, after = 1, 1
    if context is not None:
        of_sensors = tuple(sorted({*context.dimension["timezone"].drop_nulls(), DEFAULT_ZONE}))
        before, after = local_days.utc_days_around(of_sensors)
    return (
        Read("gold/air_hourly", before, after),
        Read("silver/air_measurements", before, after, columns=days.OF_SILVER),
    )


AIR = Domain(
    name="air",
    entity="sensor_id",
    sources=Path(__file__).parent / "sources",
    raw="raw/air_files",
    bronze="bronze/air_measurements",
    readings=contracts.Measurements,
    dimension={
        "silver/air_sensors": contracts.Sensors,
        "silver/air_sensors_quarantine": contracts.SensorsQuarantine,
    },
    steps=(
        Step(
            outputs={
                "silver/air_measurements": contracts.Measurements,
                "silver/air_quarantine": contracts.Quarantine,
            },
            reads=lambda _context: (Read("bronze/air_measurements"),),
            make=_measurements,
            configuration=configuration.of_readings,
        ),
        Step(
            outputs={"silver/air_flags": contracts.Flags},
            reads=lambda _context: (Read("silver/air_measurements", 1, 1, columns=flags.OF_SILVER),),
            make=_flags,
            configuration=configuration.of_flags,
            same_day=True,
            registered=True,
        ),
        Step(
            outputs={"gold/air_hourly": contracts.Hourly},
            reads=lambda _context: (
                Read("silver/air_measurements", 1, columns=hours.OF_SILVER),
                Read("silver/air_flags", columns=hours.OF_FLAGS),
            ),
            make=_hourly,
            configuration=configuration.of_hours,
            same_day=True,
            registered=True,
        ),
        Step(
            outputs={"gold/air_daily": contracts.Daily},
            reads=_daily_reads,
            make=_daily,
            configuration=configuration.of_days,
            registered=True,
        ),
        Step(
            outputs={"gold/air_zone_daily": contracts.ZoneDaily},
            reads=lambda _context: (Read("gold/air_daily"),),
            make=_zone_daily,
            configuration=configuration.of_zones,
            registered=True,
        ),
        Step(
            outputs={"gold/air_sensor_health": contracts.SensorHealth},
            reads=lambda _context: (
                Read("silver/air_measurements", columns=health.OF_SILVER),
                Read("silver/air_flags", columns=health.OF_FLAGS),
                Read("gold/air_hourly", 2 * health.DRIFT_DAYS - 1, columns=health.OF_HOURS),
            ),
            make=_sensor_health,
            configuration=configuration.of_health,
            same_day=True,
            registered=True,
        ),
        Step(
            outputs={"gold/air_alert_days": contracts.AlertDays},
            reads=_alert_days_reads,
            make=_alert_days,
            configuration=configuration.of_alert_days,
            same_day=True,
            registered=True,
        ),
        Step(
            outputs={"gold/air_network_daily": contracts.NetworkDaily},
            # Not the days of alerts: a table that is also read whole cannot have a window in Dagster's graph.
            reads=lambda _context: (Read("gold/air_sensor_health"), Read("gold/air_hourly", 1)),
            make=_network_daily,
            configuration=configuration.of_network,
            same_day=True,
        ),
        Step(
            outputs={"gold/air_alerts": contracts.Alerts, "gold/air_rule_comparison": contracts.RuleComparison},
            reads=lambda _context: (Read("gold/air_alert_days", whole=True),),
            make=_alerts,
            configuration=configuration.of_alerts,
            partitioned=False,
        ),
    ),
    warehouse="warehouse/air",
    published=(
        "silver/air_sensors",
        "gold/air_hourly",
        "gold/air_daily",
        "gold/air_zone_daily",
        "gold/air_sensor_health",
        "gold/air_network_daily",
        "gold/air_alerts",
        "gold/air_rule_comparison",
    ),
    due_by_h=6,  # schools send their day overnight
    stale_after_h=26,
    conform=readings.conformed,
    conform_dimension=registry.conformed,
    spans=spans(configuration.rule_sets),
    pictures=pictures(configuration.indices),
    report=report(configuration.indices, configuration.corrections, configuration.rules, configuration.health_limits),
    rules=configuration.rules,
    judged=alerts.ROWS,
)
