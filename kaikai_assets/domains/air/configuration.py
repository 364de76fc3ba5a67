"""What configures the air tables besides the code: rule files, source descriptions and registry columns, as digests.

Whatever a step's ``make`` uses of these must be in its configuration here: a change of it re-opens the step's days.
"""

from bisect import bisect_right
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import polars as pl

from kaikai_assets.alerts.rules import RuleSet, read_rules
from kaikai_assets.build.pending import DESCRIPTIVE
from kaikai_assets.build.steps import Configuration, Context
from kaikai_assets.digests import digest_of
from kaikai_assets.domains.air.correction import Corrections
from kaikai_assets.domains.air.health import HealthLimits
from kaikai_assets.domains.air.indices import Indices
from kaikai_assets.domains.air.limits import Limits
from kaikai_assets.domains.air.transforms.neighbours import Neighbourhood
from kaikai_assets.domains.air.transforms.scores import Points
from kaikai_assets.rule_files import Rules, read_rule_file

RULES = Path(__file__).parent / "rules"
ACTIVE_RULES = "kaikai-v1"


@cache
def limits() -> Limits:
    """What readings are tested with."""
    return read_rule_file(RULES / "limits.json", Limits)


@cache
def rules() -> RuleSet:
    """The active rule set."""
    return read_rules(RULES / f"{ACTIVE_RULES}.json")


@cache
def indices() -> Indices:
    """Indices and limits of PM2.5."""
    return read_rule_file(RULES / "indices.json", Indices)


@cache
def corrections() -> Corrections:
    """Corrections of PM2.5."""
    return read_rule_file(RULES / "corrections.json", Corrections)


@cache
def points() -> Points:
    """What the quality score of an hour is made of."""
    return read_rule_file(RULES / "quality.json", Points)


@cache
def neighbourhood() -> Neighbourhood:
    """With whom a sensor is compared."""
    return read_rule_file(RULES / "neighbours.json", Neighbourhood)


@cache
def health_limits() -> HealthLimits:
    """When a sensor counts as offline, degraded or drifting."""
    return read_rule_file(RULES / "health.json", HealthLimits)


def of_readings(context: Context) -> Configuration:
    """The sources that landed for a day, and the plausible ranges."""
    plausible = limits().plausible

    @cache
    def of_sources(names: frozenset[str]) -> str:
        present = {name: context.sources[name] for name in sorted(names & context.sources.keys())}
        dumped = {name: s.model_dump(mode="json", exclude=DESCRIPTIVE) for name, s in present.items()}
        return digest_of(dumped, plausible, context.first_day)

    return lambda _day, names: of_sources(names)


def _registry(*names: str, around: int = 0, whoever: bool = False) -> Callable[[Context], Configuration]:
    """Columns of the registry's rows that are valid on a day, or on one of the days around it.

    Rows without a value in them do not count, unless it counts ``whoever`` is registered.
    """

    def configuration(context: Context) -> Configuration:
        known = context.dimension.filter(pl.lit(whoever) | pl.any_horizontal(pl.col(names).is_not_null()))
        rows = known.select("sensor_id", "valid_from", "valid_to", *names).rows()
        # Between two of these days the registry says the same.
        changes = sorted({day for row in rows for day in row[1:3] if day is not None})

        @cache
        def between(change: int) -> str:
            day = changes[change - 1] if change else date.min
            valid = [
                (sensor, *values)
                for sensor, start, end, *values in rows
                if (start or date.min) <= day and (end is None or day < end)
            ]
            return digest_of(valid)

        def of_day(day: date | None, _names: frozenset[str]) -> str:
            if day is None:
                return digest_of(rows)
            near = (bisect_right(changes, day + timedelta(days=n)) for n in range(-around, around + 1))
            return digest_of([between(change) for change in near])

        return of_day

    return configuration


def _with(configuration: Configuration, *files: Rules) -> Configuration:
    """A configuration and some rule files."""
    digest = digest_of([one.model_dump(mode="json") for one in files])
    return lambda day, names: digest_of(digest, configuration(day, names))


def of_flags(context: Context) -> Configuration:
    return _with(_registry("expected_interval_s", "sensor_type", around=1)(context), limits())


def of_hours(context: Context) -> Configuration:
    # The hours of the day before, for the NowCast, are made as on that day.
    place = ("location_type", "latitude", "longitude", "status")
    registered = _registry("expected_interval_s", "sensor_type", *place, around=1)(context)
    return _with(registered, indices(), corrections(), points(), neighbourhood())


def of_days(context: Context) -> Configuration:
    registered = _registry("timezone", "status", "sensor_type", around=1, whoever=True)(context)
    return _with(registered, indices(), corrections())


def of_zones(context: Context) -> Configuration:
    return _with(_registry("location_type")(context), indices())


def of_health(context: Context) -> Configuration:
    registered = _registry("expected_interval_s", "status", "installation_date", whoever=True)(context)
    return _with(registered, health_limits())


def of_rules(_context: Context) -> Configuration:
    digest = digest_of(rules().model_dump(mode="json"))
    return lambda _day, _names: digest
