"""The air domain: its tables in the order in which they are built, what each reads, and what configures it."""

import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from kaikai_assets.alerts.rules import RuleSet, read_rules
from kaikai_assets.build.steps import Context, Domain, Inputs, Made, Read, Step
from kaikai_assets.domains.air import contracts, transforms
from kaikai_assets.domains.air.registry import sensors
from kaikai_assets.quality.flags import Plausible

SOURCES = Path(__file__).parent / "sources"
RULES = Path(__file__).parent / "rules"
ACTIVE_RULES = "kaikai-v1"


@cache
def plausible() -> dict[str, Plausible]:
    """Plausible ranges of metrics (``rules/plausible.json``)."""
    content = json.loads((RULES / "plausible.json").read_text(encoding="utf-8"))
    return {metric: Plausible.model_validate(limits) for metric, limits in content.items()}


@cache
def rules() -> RuleSet:
    """The active rule set."""
    return read_rules(RULES / f"{ACTIVE_RULES}.json")


def _measurements(inputs: Inputs, _days: list[date], context: Context) -> Made:
    return transforms.measurements(inputs["bronze/air_measurements"], context, plausible())


def _hourly(inputs: Inputs, _days: list[date], context: Context) -> Made:
    return Made({"gold/air_hourly": transforms.hourly(inputs["silver/air_measurements"], context.dimension)})


def _daily(inputs: Inputs, days: list[date], context: Context) -> Made:
    hours, silver = inputs["gold/air_hourly"], inputs["silver/air_measurements"]
    return Made({"gold/air_daily": transforms.daily(hours, silver, context.dimension, days)})


def _alert_days(inputs: Inputs, _days: list[date], _context: Context) -> Made:
    return Made({"gold/air_alert_days": transforms.alert_days(inputs["gold/air_hourly"], rules())})


def _alerts(inputs: Inputs, _days: list[date], _context: Context) -> Made:
    return Made({"gold/air_alerts": transforms.alerts(inputs["gold/air_alert_days"], rules())})


def _daily_reads(context: Context) -> tuple[Read, ...]:
    zones = tuple(sorted({*context.dimension["timezone"].drop_nulls(), transforms.DEFAULT_ZONE}))
    before, after = transforms.utc_days_around(zones)
    return Read("gold/air_hourly", before, after), Read("silver/air_measurements", before, after)


def _sources(context: Context, _day: date | None) -> Any:
    readings = {name: s.model_dump(mode="json") for name, s in context.sources.items() if s.kind == "readings"}
    limits = {metric: limit.model_dump() for metric, limit in plausible().items()}
    return [readings, limits, context.first_day.isoformat()]


def _registry(column: str) -> Any:
    def configuration(context: Context, day: date | None) -> Any:
        if day is None or not context.dimension.height:
            return []
        rows = context.dimension.select("sensor_id", "valid_from", "valid_to", column).filter(
            context.dimension[column].is_not_null()
        )
        return [
            [sensor, value]
            for sensor, start, end, value in rows.iter_rows()
            if (start is None or start <= day) and (end is None or day < end)
        ]

    return configuration


def _rules(_context: Context, _day: date | None) -> Any:
    return rules().model_dump(mode="json")


AIR = Domain(
    name="air",
    entity="sensor_id",
    raw="raw/air_files",
    bronze="bronze/air_measurements",
    readings=contracts.Measurements,
    dimension={
        "silver/air_sensors": contracts.Sensors,
        "silver/air_sensors_quarantine": contracts.SensorsQuarantine,
    },
    make_dimension=sensors,
    steps=(
        Step(
            outputs={
                "silver/air_measurements": contracts.Measurements,
                "silver/air_quarantine": contracts.Quarantine,
            },
            reads=lambda _context: (Read("bronze/air_measurements"),),
            make=_measurements,
            configuration=_sources,
        ),
        Step(
            outputs={"gold/air_hourly": contracts.Hourly},
            reads=lambda _context: (Read("silver/air_measurements"),),
            make=_hourly,
            configuration=_registry("expected_interval_s"),
        ),
        Step(
            outputs={"gold/air_daily": contracts.Daily},
            reads=_daily_reads,
            make=_daily,
            configuration=_registry("timezone"),
        ),
        Step(
            outputs={"gold/air_alert_days": contracts.AlertDays},
            reads=lambda _context: (Read("gold/air_hourly"),),
            make=_alert_days,
            configuration=_rules,
        ),
        Step(
            outputs={"gold/air_alerts": contracts.Alerts},
            reads=lambda _context: (Read("gold/air_alert_days", whole=True),),
            make=_alerts,
            configuration=_rules,
            partitioned=False,
        ),
    ),
    warehouse="warehouse/air",
    published=("silver/air_sensors", "gold/air_hourly", "gold/air_daily", "gold/air_alerts"),
)
