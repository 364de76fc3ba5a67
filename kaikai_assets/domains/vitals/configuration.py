"""What configures the vitals tables besides the code: rule files, source descriptions and registry columns.

Whatever a step's ``make`` uses of these must be in its configuration here: a change of it re-opens the step's days.
"""

from functools import cache, partial
from pathlib import Path

from kaikai_assets.build.configuration import of_registry, of_rules, of_sources, with_rules
from kaikai_assets.build.steps import Configuration, Context
from kaikai_assets.domains.vitals.limits import Limits
from kaikai_assets.domains.vitals.news2 import News2
from kaikai_assets.rule_files import read_rule_file

RULES = Path(__file__).parent / "rules"

_patients = partial(of_registry, "patient_id")


@cache
def limits() -> Limits:
    """What is plausible."""
    return read_rule_file(RULES / "limits.json", Limits)


@cache
def news2() -> News2:
    """Component scores."""
    return read_rule_file(RULES / "news2.json", News2)


def of_readings(context: Context) -> Configuration:
    """The sources that landed for a day, and the plausible ranges."""
    return of_sources(context, limits().spans)


def of_windows(_context: Context) -> Configuration:
    return of_rules()


def of_days(context: Context) -> Configuration:
    return _patients("expected_interval_s")(context)


def of_scores(context: Context) -> Configuration:
    return with_rules(_patients("birth_month")(context), news2())
