"""Rule sets side by side, against counting pair by pair."""

from datetime import timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings

from kaikai_assets.alerts.comparison import compare
from kaikai_assets.alerts.episodes import fold
from kaikai_assets.alerts.rules import SEVERITIES
from kaikai_assets_tests.alerts.making import START, a_rule, condition, minutes, of_days, rule_set
from kaikai_assets_tests.alerts.reference import Reading
from kaikai_assets_tests.alerts.test_episodes import readings_of_two

DAY = START.date()
ACTIVE = rule_set(a_rule(), a_rule(condition("<", 0.5), id="low", severity="critical"), name="active")
LOWER = rule_set(a_rule(condition(">", 1)), name="lower")
NEVER = rule_set(a_rule(condition(">", 100)), name="never")
SETS = [ACTIVE, LOWER, NEVER]


def compared(readings: list[Reading]) -> pl.DataFrame:
    episodes = pl.concat([fold(of_days(readings, rules), rules, "entity") for rules in SETS])
    return compare(episodes, SETS, "active", "entity")


def test_what_each_set_raises_overlaps_and_misses_is_counted_by_the_day_of_opening() -> None:
    readings = [*minutes("~~~x~"), *minutes("o~", "S2")]
    row = [
        "opened_on",
        "rule_set",
        "is_active",
        "alerts",
        "alert",
        "critical",
        "entities",
        "overlapping",
        "alone",
        "missed",
    ]
    assert compared(readings).select(row).rows() == [
        (DAY, "active", True, 2, 1, 1, 2, 2, 0, 0),
        (DAY, "lower", False, 2, 2, 0, 2, 1, 1, 1),
        (DAY, "never", False, 0, 0, 0, 0, 0, 0, 2),
    ]


def test_an_alert_that_ends_when_another_begins_does_not_overlap_it() -> None:
    # Below 0.5 until the reading at which the other set's alert opens.
    assert compared(minutes("o~")).filter(rule_set="lower").select("overlapping", "alone", "missed").rows() == [
        (0, 1, 1)
    ]


@settings(max_examples=100, deadline=None)
@given(readings=readings_of_two)
def test_counts_are_those_of_comparing_every_pair(readings: list[Reading]) -> None:
    found = {rules.rule_set: fold(of_days(readings, rules), rules, "entity").rows(named=True) for rules in SETS}

    def overlaps(one: dict[str, Any], others: list[dict[str, Any]]) -> bool:
        forever = START + timedelta(days=10_000)
        return any(
            one["entity"] == other["entity"]
            and one["opened_at"] < (other["closed_at"] or forever)
            and other["opened_at"] < (one["closed_at"] or forever)
            for other in others
        )

    expected = []
    for day in sorted({alert["opened_at"].date() for alerts in found.values() for alert in alerts}):
        for name, alerts in sorted(found.items()):
            of_day = [alert for alert in alerts if alert["opened_at"].date() == day]
            met = [overlaps(alert, found["active"]) for alert in of_day]
            missed = [a for a in found["active"] if a["opened_at"].date() == day and not overlaps(a, alerts)]
            severities = [sum(alert["severity"] == severity for alert in of_day) for severity in SEVERITIES]
            entities = len({alert["entity"] for alert in of_day})
            expected.append(
                (
                    day,
                    name,
                    name == "active",
                    len(of_day),
                    *severities,
                    entities,
                    sum(met),
                    met.count(False),
                    len(missed),
                )
            )
    assert compared(readings).rows() == expected
