"""What configures the vitals tables besides the code: rule files, source descriptions and registry columns.

Whatever a step's ``make`` uses of these must be in its configuration here: a change of it re-opens the step's days.
"""

from functools import cache, partial
from pathlib import Path

from kaikai_assets.alerts.judged import read_sets
from kaikai_assets.alerts.rules import RuleSet, days_before
from kaikai_assets.build.configuration import of_registry, of_rules, of_sources, with_rules
from kaikai_assets.build.steps import Configuration, Context
from kaikai_assets.domains.vitals.limits import Limits
from kaikai_assets.domains.vitals.news2 import News2
from kaikai_assets.domains.vitals.transforms.alerts import ATTRIBUTES, ROWS
from kaikai_assets.rule_files import read_rule_file

RULES = Path(__file__).parent / "rules"

ACTIVE_RULES = "kidjamo-v1"
SHADOW_RULES = (
    "baseline-v1",
    "genotype-v1",
    "kidjamo-age-v1",
    "kidjamo-audit",
    "kidjamo-clinical",
    "news2-2017",
    "sustained-v1",
)

_patients = partial(of_registry, "patient_id")


@cache
def limits() -> Limits:
    """What is plausible."""
    return read_rule_file(RULES / "limits.json", Limits)


@cache
def news2() -> News2:
    """Component scores."""
    return read_rule_file(RULES / "news2.json", News2)


@cache
def rule_sets() -> tuple[RuleSet, ...]:
    """The active rule set, then those in shadow. Raises ``RuleError``."""
    return read_sets(RULES, (ACTIVE_RULES, *SHADOW_RULES), ROWS)


def rules() -> RuleSet:
    """The active rule set."""
    return rule_sets()[0]


def of_readings(context: Context) -> Configuration:
    """The sources that landed for a day, and the plausible ranges."""
    return of_sources(context, limits().spans)


def of_windows(_context: Context) -> Configuration:
    return of_rules()


def of_days(context: Context) -> Configuration:
    return _patients("expected_interval_s")(context)


def of_scores(context: Context) -> Configuration:
    return with_rules(_patients("birth_month")(context), news2())


def of_alert_days(context: Context) -> Configuration:
    registered = _patients(*ATTRIBUTES, around=days_before(rule_sets(), "reading"))(context)
    return with_rules(registered, *rule_sets())


def of_alerts(_context: Context) -> Configuration:
    return of_rules(*rule_sets())
