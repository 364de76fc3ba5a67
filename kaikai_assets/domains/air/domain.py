"""The air domain: its tables in the order in which they are built, what each reads, and what configures it."""

import json
from bisect import bisect_right
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from kaikai_assets.alerts.rules import RuleSet, read_rules
from kaikai_assets.build.pending import DESCRIPTIVE
from kaikai_assets.build.steps import Configuration, Context, Domain, Inputs, Made, Read, Step
from kaikai_assets.digests import digest_of
from kaikai_assets.domains.air import contracts, transforms
from kaikai_assets.domains.air.registry import sensors
from kaikai_assets.quality.flags import Plausible

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


def _daily_reads(context: Context | None) -> tuple[Read, ...]:
    if context is None:
        return Read("gold/air_hourly", 1, 1), Read("silver/air_measurements", 1, 1)
    zones = tuple(sorted({*context.dimension["timezone"].drop_nulls(), transforms.DEFAULT_ZONE}))
    before, after = transforms.utc_days_around(zones)
    return Read("gold/air_hourly", before, after), Read("silver/air_measurements", before, after)


def _readings(context: Context) -> Configuration:
    """The sources that landed for a day, and the plausible ranges."""
    limits = {metric: limit.model_dump() for metric, limit in plausible().items()}

    @cache
    def of_sources(names: frozenset[str]) -> str:
        present = {name: context.sources[name] for name in sorted(names & context.sources.keys())}
        dumped = {name: s.model_dump(mode="json", exclude=DESCRIPTIVE) for name, s in present.items()}
        return digest_of(dumped, limits, context.first_day)

    return lambda _day, names: of_sources(names)


def _registry(column: str, around: int = 0) -> Callable[[Context], Configuration]:
    """One column of the registry's rows that are valid on a day, or on one of the days around it."""

    def configuration(context: Context) -> Configuration:
        rows = context.dimension.select("sensor_id", "valid_from", "valid_to", column).drop_nulls(column).rows()
        # Between two of these days the registry says the same.
        changes = sorted({day for _, start, end, _ in rows for day in (start, end) if day is not None})

        @cache
        def between(change: int) -> str:
            day = changes[change - 1] if change else date.min
            valid = [(s, v) for s, start, end, v in rows if (start or date.min) <= day and (end is None or day < end)]
            return digest_of(valid)

        def of_day(day: date | None, _names: frozenset[str]) -> str:
            if day is None:
                return digest_of(rows)
            near = (bisect_right(changes, day + timedelta(days=n)) for n in range(-around, around + 1))
            return digest_of([between(change) for change in near])

        return of_day

    return configuration


def _rules(_context: Context) -> Configuration:
    digest = digest_of(rules().model_dump(mode="json"))
    return lambda _day, _names: digest


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
    make_dimension=sensors,
    steps=(
        Step(
            outputs={
                "silver/air_measurements": contracts.Measurements,
                "silver/air_quarantine": contracts.Quarantine,
            },
            reads=lambda _context: (Read("bronze/air_measurements"),),
            make=_measurements,
            configuration=_readings,
        ),
        Step(
            outputs={"gold/air_hourly": contracts.Hourly},
            reads=lambda _context: (Read("silver/air_measurements"),),
            make=_hourly,
            configuration=_registry("expected_interval_s"),
            registered=True,
        ),
        Step(
            outputs={"gold/air_daily": contracts.Daily},
            reads=_daily_reads,
            make=_daily,
            configuration=_registry("timezone", around=1),
            registered=True,
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
