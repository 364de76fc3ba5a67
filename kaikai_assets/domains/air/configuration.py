"""What configures the air tables besides the code: rule files, source descriptions and registry columns, as digests.

Whatever a step's ``make`` uses of these must be in its configuration here: a change of it re-opens the step's days.
"""

from functools import cache, partial
from pathlib import Path

from kaikai_assets.alerts.judged import read_sets
from kaikai_assets.alerts.rules import RuleSet, days_before
from kaikai_assets.build.configuration import of_registry, of_rules, of_sources, with_rules
from kaikai_assets.build.steps import Configuration, Context
from kaikai_assets.domains.air.correction import Corrections
from kaikai_assets.domains.air.health import HealthLimits
from kaikai_assets.domains.air.indices import Indices
from kaikai_assets.domains.air.limits import Limits
from kaikai_assets.domains.air.transforms.alerts import ROWS
from kaikai_assets.domains.air.transforms.neighbours import Neighbourhood
from kaikai_assets.domains.air.transforms.scores import Points
from kaikai_assets.rule_files import read_rule_file

RULES = Path(__file__).parent / "rules"
ACTIVE_RULES = "kaikai-v1"
SHADOW_RULES = ("kaikai-monitoring-v1", "who-2021")

_sensors = partial(of_registry, "sensor_id")


@cache
def limits() -> Limits:
    """What readings are tested with."""
    return read_rule_file(RULES / "limits.json", Limits)


@cache
def rule_sets() -> tuple[RuleSet, ...]:
    """The active rule set, then those in shadow. Raises ``RuleError``."""
    return read_sets(RULES, (ACTIVE_RULES, *SHADOW_RULES), ROWS)


def rules() -> RuleSet:
    """The active rule set."""
    return rule_sets()[0]


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
    return of_sources(context, limits().plausible)


def of_flags(context: Context) -> Configuration:
    return with_rules(_sensors("expected_interval_s", "sensor_type", around=1)(context), limits())


def of_hours(context: Context) -> Configuration:
    # The hours of the day before, for the NowCast, are made as on that day.
    place = ("location_type", "latitude", "longitude", "status")
    registered = _sensors("expected_interval_s", "sensor_type", *place, around=1)(context)
    return with_rules(registered, indices(), corrections(), points(), neighbourhood())


def of_days(context: Context) -> Configuration:
    registered = _sensors("timezone", "status", "sensor_type", around=1, whoever=True)(context)
    return with_rules(registered, indices(), corrections())


def of_zones(context: Context) -> Configuration:
    return with_rules(_sensors("location_type")(context), indices())


def of_health(context: Context) -> Configuration:
    registered = _sensors("expected_interval_s", "status", "installation_date", whoever=True)(context)
    return with_rules(registered, health_limits())


def of_network(_context: Context) -> Configuration:
    return of_rules(rules())


def of_alert_days(context: Context) -> Configuration:
    registered = _sensors("expected_interval_s", around=days_before(rule_sets(), "reading"))(context)
    return with_rules(registered, *rule_sets())


def of_alerts(_context: Context) -> Configuration:
    return of_rules(*rule_sets())
