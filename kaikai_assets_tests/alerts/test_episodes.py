"""Alerts open, last and close by what readings say and when, however these are cut into days and batches."""

from datetime import timedelta
from hashlib import sha256
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from kaikai_assets.alerts.episodes import fold
from kaikai_assets.alerts.rules import RuleSet, days_before
from kaikai_assets.alerts.runs import runs
from kaikai_assets.rule_files import RuleError
from kaikai_assets_tests.alerts.making import (
    MINUTE,
    SHOWN,
    START,
    a_rule,
    condition,
    frame,
    minutes,
    of_days,
    rule_set,
    shown,
)
from kaikai_assets_tests.alerts.reference import Reading, episodes

MIDNIGHT = 24 * 60
DAY = timedelta(days=1)
FOR_3 = rule_set(a_rule(**{"for": "PT3M"}))
THIRD = rule_set(a_rule(readings=3))
HYSTERESIS = rule_set(a_rule(clear={"operator": "<", "threshold": 1}))
CLEAR_FOR_2 = rule_set(a_rule(clear={"for": "PT2M"}))
CLEAR_THIRD = rule_set(a_rule(clear={"readings": 3}))
PLAIN = rule_set()


def spans(found: list[tuple[Any, ...]]) -> list[tuple[float | None, ...]]:
    """``(opened, raised, last violation, closed, n)`` of episodes, in minutes."""
    return [(*(None if t is None else (t - START) / MINUTE for t in row[2:6]), row[6]) for row in found]


# scenarios, each also across midnight ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "text", "expected"),
    [
        (PLAIN, "", []),
        (PLAIN, "ooo", []),
        (PLAIN, "x", [(0, 0, 0, None, 1)]),
        (PLAIN, "oxo", [(1, 1, 1, 2, 1)]),
        (PLAIN, "xxoxx", [(0, 0, 1, 2, 2), (3, 3, 4, None, 2)]),
        # What is missing neither opens nor closes; neither does a reading without the metric.
        (PLAIN, "x-", [(0, 0, 0, None, 1)]),
        (PLAIN, "x         x", [(0, 0, 10, None, 2)]),
        (PLAIN, "x         o", [(0, 0, 0, 10, 1)]),
        # Three expected intervals are no gap, more is one.
        (FOR_3, "xxx", []),
        (FOR_3, "xxxx", [(0, 3, 3, None, 4)]),
        (FOR_3, "x  x", [(0, 3, 3, None, 2)]),
        (FOR_3, "x   x", []),
        (FOR_3, "x   xxxx", [(4, 7, 7, None, 4)]),
        (FOR_3, "xx--x", [(0, 3, 4, None, 3)]),
        (FOR_3, "xxoxxxx", [(3, 6, 6, None, 4)]),
        (FOR_3, "xxxx       x", [(0, 3, 11, None, 5)]),
        (THIRD, "xx", []),
        (THIRD, "xxx", [(0, 2, 2, None, 3)]),
        (THIRD, "xxoxxxx", [(3, 5, 6, None, 4)]),
        (THIRD, "xx    xxx", [(6, 8, 8, None, 3)]),
        # In between an alert neither opens nor closes, and what is pending starts again.
        (HYSTERESIS, "~", []),
        (HYSTERESIS, "x~~x~o", [(0, 0, 3, 5, 2)]),
        (HYSTERESIS, "xo~x", [(0, 0, 0, 1, 1), (3, 3, 3, None, 1)]),
        (CLEAR_FOR_2, "xoox", [(0, 0, 3, None, 2)]),
        (CLEAR_FOR_2, "xooo", [(0, 0, 0, 3, 1)]),
        (CLEAR_FOR_2, "xo    oo", [(0, 0, 0, None, 1)]),
        (CLEAR_FOR_2, "xo    ooo", [(0, 0, 0, 8, 1)]),
        (CLEAR_THIRD, "xooxooo", [(0, 0, 3, 6, 2)]),
        (CLEAR_THIRD, "xoo    o", [(0, 0, 0, None, 1)]),
    ],
)
@pytest.mark.parametrize("first", [0, MIDNIGHT - 1, MIDNIGHT - 2, MIDNIGHT - 3, 3 * MIDNIGHT - 4])
def test_when_alerts_open_are_raised_and_close(
    rules: RuleSet, text: str, expected: list[tuple[float | None, ...]], first: int
) -> None:
    moved = [(*(None if t is None else t + first for t in one[:4]), one[4]) for one in expected]
    assert spans(shown(minutes(text, first=first), rules)) == moved


def test_an_alert_may_last_days_and_those_without_data() -> None:
    found = shown([*minutes("x"), *minutes("xx", first=3 * MIDNIGHT), *minutes("o", first=9 * MIDNIGHT)], PLAIN)
    assert spans(found) == [(0, 0, 3 * MIDNIGHT + 1, 9 * MIDNIGHT, 3)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("oooo", []),
        ("o    o", []),  # five minutes, no more
        ("o     o", [(5, 5, 6, 6, 1)]),
        ("o         oo        o", [(5, 5, 10, 10, 1), (16, 16, 20, 20, 1)]),
        ("o----  -- o", []),  # a reading without the metric is a reading
    ],
)
@pytest.mark.parametrize("first", [0, MIDNIGHT - 6])
def test_silence_is_an_alert_from_when_it_is_too_long_to_the_next_reading(
    text: str, expected: list[tuple[float, ...]], first: int
) -> None:
    rules = rule_set(a_rule(silent_for="PT5M"))
    moved = [(*(t + first for t in one[:4]), one[4]) for one in expected]
    assert spans(shown(minutes(text, first=first), rules)) == moved


def test_the_silence_after_the_last_reading_is_judged_by_the_newest_of_any_entity() -> None:
    rules = rule_set(a_rule(silent_for="PT5M"))
    alone = minutes("oo")
    assert shown(alone, rules) == []
    assert spans(shown([*alone, *minutes("o", "S2", first=6)], rules)) == []
    found = shown([*alone, *minutes("o", "S2", first=MIDNIGHT)], rules)
    assert [(row[1], row[7], row[8]) for row in found] == [("S1", MIDNIGHT - 1, 5.0)]
    assert spans(found) == [(6, 6, MIDNIGHT, None, 1)]


def test_a_longer_interval_is_heard_until_its_end_also_after_midnight() -> None:
    rules = rule_set(a_rule(silent_for="PT30M"))
    at = [MIDNIGHT - 10, MIDNIGHT, MIDNIGHT + 40]
    readings = [Reading("S1", START + minute * MINUTE, {}) for minute in at]
    long = pl.col("start") == START + at[0] * MINUTE
    whole = frame(readings).with_columns(end=pl.when(long).then(pl.col("end") + 30 * MINUTE).otherwise("end"))
    days = [START.date(), START.date() + DAY]
    together = runs([rules], {"reading": whole}, "entity", days)
    apart = [runs([rules], {"reading": whole.filter(day=day)}, "entity", [day]) for day in days]
    assert_frame_equal(together, pl.concat(apart))
    assert fold(together, rules, "entity").height == 0
    assert fold(runs([rules], {"reading": frame(readings)}, "entity", days), rules, "entity").height == 1


def test_nobody_is_silent_while_the_next_reading_is_not_due() -> None:
    slow = [Reading("S1", START + n * 10 * MINUTE, {}, interval_s=600) for n in range(4)]
    assert shown(slow, rule_set(a_rule(silent_for="PT5M"))) == []


def test_late_readings_open_extend_split_and_merge_alerts() -> None:
    late = minutes("x", first=5)
    assert spans(shown(minutes("oooo oooo", first=0), PLAIN)) == []
    assert spans(shown([*minutes("ooooo"), *late], PLAIN)) == [(5, 5, 5, None, 1)]
    assert spans(shown([*minutes("xxxx"), *late], PLAIN)) == [(0, 0, 5, None, 5)]
    assert spans(shown(minutes("x x"), PLAIN)) == [(0, 0, 2, None, 2)]
    assert spans(shown([*minutes("x x"), *minutes("o", first=1)], PLAIN)) == [(0, 0, 0, 1, 1), (2, 2, 2, None, 1)]
    assert spans(shown(minutes("xx    xx"), FOR_3)) == []
    assert spans(shown([*minutes("xx    xx"), *minutes("x", first=4)], FOR_3)) == [(0, 3, 7, None, 5)]


def test_a_rule_looks_at_no_reading_before_it_is_valid() -> None:
    rules = rule_set(a_rule(valid_from="2025-03-03"))
    assert spans(shown(minutes("xxx", first=MIDNIGHT - 1), rules)) == [(MIDNIGHT, MIDNIGHT, MIDNIGHT + 1, None, 2)]


def test_a_value_is_rounded_before_it_is_compared() -> None:
    near = [Reading("S1", START, {"x": 2.0000001})]
    assert shown(near, PLAIN) == []
    assert shown(near, rule_set(a_rule(condition(decimals=7))))[0][7] == 2.0000001
    assert shown(near, rule_set(a_rule(condition(">=")))) != []


def test_a_frame_without_what_a_rule_needs_is_refused_by_the_name_of_the_rule() -> None:
    for rules in (rule_set(a_rule(condition(metric="z"))), rule_set(a_rule(min_completeness=0.5))):
        with pytest.raises(RuleError, match=r"test: rule 'high': a reading has no (z|completeness)"):
            runs([rules], {"reading": frame(minutes("x"))}, "entity", [START.date()])


def test_a_rule_of_what_a_domain_does_not_judge_is_refused_by_its_name() -> None:
    with pytest.raises(RuleError, match="test: rule 'high': no window is judged here, only reading"):
        runs([rule_set(a_rule(of="window"))], {"reading": frame([])}, "entity", [])


@pytest.mark.parametrize(("completeness", "opens"), [(0.749999, False), (0.75, True), (1.0, True), (None, False)])
def test_an_hour_counts_from_the_completeness_of_the_rule(completeness: float | None, opens: bool) -> None:
    rules = rule_set(a_rule(of="hour", min_completeness=0.75))
    hour = frame(minutes("x")).with_columns(
        end=pl.col("start") + timedelta(hours=1), completeness=pl.lit(completeness, pl.Float64)
    )
    found = fold(runs([rules], {"hour": hour}, "entity", [START.date()]), rules, "entity")
    ends = [(START + timedelta(hours=1),)] if opens else []
    assert found.select("last_violation_end").rows() == ends


def test_an_interval_that_lasts_into_a_clear_reading_lasts_no_longer() -> None:
    rules = rule_set(a_rule(**{"for": "PT10M"}))
    long = pl.when(pl.col("x") > 2).then(pl.col("start") + timedelta(minutes=15)).otherwise("start")
    for text, expected in [("xo", []), (f"x{' ' * 11}o", [(0, 10, 12, 12, 1)])]:
        readings = frame(minutes(text)).with_columns(end=long, interval_s=pl.lit(900.0))
        found = fold(runs([rules], {"reading": readings}, "entity", [START.date()]), rules, "entity")
        assert spans(found.select(SHOWN).rows()) == expected


def test_nobody_is_silent_because_anothers_interval_has_begun() -> None:
    rules = rule_set(a_rule(silent_for="PT30M"))
    day = frame(minutes("o", "S2")).with_columns(end=pl.col("start") + DAY, interval_s=pl.lit(86_400.0))
    readings = pl.concat([frame(minutes("ooo")), day])
    found = fold(runs([rules], {"reading": readings}, "entity", [START.date()]), rules, "entity")
    assert found.is_empty()


# ids -------------------------------------------------------------------------------------------------------------


def ids(readings: list[Reading], rules: RuleSet = PLAIN) -> list[str]:
    found = fold(of_days(readings, rules), rules, "entity")
    return found.sort("opened_at")["alert_id"].to_list()


def test_the_id_of_an_alert_is_the_same_in_every_process_and_version() -> None:
    assert ids(minutes("x")) == [sha256(b"test/1|high|S1|2025-03-02T00:00:00+00:00").hexdigest()[:20]]


def test_the_id_of_an_alert_stays_while_it_goes_on_and_closes() -> None:
    assert ids(minutes("x")) == ids(minutes("xx")) == ids(minutes("x x")) == ids(minutes("xxo"))
    assert ids(minutes("xox"))[0] == ids(minutes("x"))[0] != ids(minutes("xox"))[1]


def test_the_id_of_an_alert_changes_with_entity_opening_rule_and_version() -> None:
    others = [
        ids(minutes("x", "S2")),
        ids(minutes("ox")),
        ids(minutes("x"), rule_set(a_rule(id="higher"))),
        ids(minutes("x"), rule_set(version=2)),
        ids(minutes("x"), rule_set(name="other")),
    ]
    assert len({str(found) for found in [ids(minutes("x")), *others]}) == 6


# by a second engine ----------------------------------------------------------------------------------------------

BY_AGE = {
    "metric": "x",
    "operator": ">=",
    "unit": "1",
    "cases": [
        {"when": {"age": {"to": 1}, "kind": {"one_of": ["SS"]}}, "threshold": 1.5},
        {"when": {"age": {"from": 1, "to": 6}}, "threshold": 2},
        {"when": {"age": {"from": 6, "to": 60}, "kind": {"one_of": ["SS", "SC"]}}, "threshold": 3},
    ],
}
KINDS = {
    "plain": a_rule(),
    "low": a_rule(condition("<=", 1)),
    "both": a_rule(condition(), condition("<", 2, "y")),
    "for": a_rule(**{"for": "PT3M"}),
    "third": a_rule(readings=3),
    "for_and_third": a_rule(readings=3, **{"for": "PT4M"}),
    "hysteresis": a_rule(clear={"operator": "<=", "threshold": 1, "for": "PT2M", "readings": 2}, **{"for": "PT1M"}),
    "repeats": a_rule(repeats={"n": 3, "within": "PT6M"}),
    "rise": a_rule(condition(">=", 2, change_over="PT5M")),
    "fall": a_rule(condition("<", -1, change_over="P1D"), readings=2, clear={"readings": 2}),
    "repeated_rise": a_rule(condition(">", 0, change_over="PT5M"), repeats={"n": 2, "within": "PT5M"}),
    "baseline": a_rule(condition("<=", -1, baseline={"days": 2, "at_least": 3, "where": "known"})),
    "no_baseline": a_rule(condition("<", 2, baseline={"days": 2, "at_least": 3, "where": "unknown"})),
    "by_age": a_rule(BY_AGE, clear={"operator": "<", "threshold": 1.5}),
    "silence": a_rule(silent_for="PT4M"),
    "impossible": a_rule({"metric": "x", "impossible": True}),
    "later": a_rule(valid_from="2025-03-03", readings=2),
}
ASSUMED = {"age": {"value": 8, "mark": "age_unknown"}, "kind": {"value": "SS", "mark": "kind_unknown"}}
SETS = {name: rule_set(one, assumed=ASSUMED if name == "by_age" else {}) for name, one in KINDS.items()}
values = st.sampled_from([None, 0.0, 1.0, 1.5, 2.0, 2.0000001, 2.5, 3.0, 4.0])
# Close around two midnights, so that runs meet there.
instants = st.builds(
    lambda day, minute: START + day * DAY + minute * MINUTE, st.sampled_from([1, 2]), st.integers(-8, 8)
) | st.builds(lambda minute: START + minute * MINUTE, st.integers(0, 10))
readings_of_two = st.lists(
    st.builds(
        lambda entity, start, x, y, flag, age, kind, interval: Reading(
            entity, start, {"x": x, "y": y}, {"x": flag}, {"age": age, "kind": kind}, interval
        ),
        st.sampled_from(["S1", "S2"]),
        instants,
        values,
        values,
        st.sampled_from([1, 1, 3, 4, 9]),
        st.sampled_from([None, 0.5, 1.0, 5.9, 6.0, 70.0]),
        st.sampled_from([None, "SS", "SC", "AS"]),
        st.sampled_from([60.0, 60.0, 120.0]),
    ),
    max_size=30,
    unique_by=lambda reading: (reading.entity, reading.start),
)


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=40, deadline=None)
@given(readings=readings_of_two)
def test_alerts_are_those_of_going_through_all_readings_one_by_one(name: str, readings: list[Reading]) -> None:
    assert shown(readings, SETS[name]) == episodes(readings, SETS[name])


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=20, deadline=None)
@given(readings=readings_of_two, random=st.randoms(use_true_random=False))
def test_the_order_of_readings_and_the_batches_of_days_make_no_difference(
    name: str, readings: list[Reading], random: Random
) -> None:
    rules = SETS[name]
    days = sorted({reading.day for reading in readings})
    shuffled_days = random.sample(days, len(days))
    cut = random.randint(0, len(days))
    groups = [group for group in (shuffled_days[:cut], shuffled_days[cut:]) if group]
    parts = of_days(random.sample(readings, len(readings)), rules, *groups)
    by_day = of_days(readings, rules)
    assert_frame_equal(parts.sort("rule", "entity", "start"), by_day.sort("rule", "entity", "start"))
    mixed = fold(parts.sample(fraction=1, shuffle=True, seed=random.randint(0, 99)), rules, "entity")
    apart = [of_days([r for r in readings if r.entity == entity], rules) for entity in ("S2", "S1")]
    alone = fold(by_day, rules, "entity").sort(SHOWN[:3])
    assert_frame_equal(mixed.sort(SHOWN[:3]), alone)
    assert_frame_equal(fold(pl.concat(apart), rules, "entity").sort(SHOWN[:3]), alone)
    assert alone["alert_id"].n_unique() == alone.height


@pytest.mark.parametrize("name", [name for name in KINDS if name not in ("silence", "rise", "fall", "repeated_rise")])
@settings(max_examples=20, deadline=None)
@given(readings=readings_of_two, data=st.data())
def test_a_missing_reading_closes_nothing(name: str, readings: list[Reading], data: st.DataObject) -> None:
    lost = data.draw(st.sets(st.sampled_from(range(len(readings))))) if readings else set()
    kept = [reading for number, reading in enumerate(readings) if number not in lost]
    well = {(r.entity, r.start) for r in kept}
    # An alert ends at a reading, or within a stretch of clear ones: never where nothing was heard afterwards.
    for _, entity, *_, closed, _n, _peak, _threshold, _assumed in shown(kept, SETS[name]):
        assert closed is None or any(e == entity and at >= closed for e, at in well)


@pytest.mark.parametrize(
    ("name", "days"), [("plain", 0), ("rise", 1), ("fall", 1), ("repeated_rise", 1), ("repeats", 1), ("baseline", 2)]
)
def test_the_days_that_a_rule_looks_back_at_are_those_of_its_longest_window(name: str, days: int) -> None:
    assert days_before([SETS["plain"], SETS[name]], "reading") == days
    assert days_before([SETS[name]], "hour") == 0
