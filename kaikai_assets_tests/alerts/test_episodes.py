"""Episodes open and close by known values only, and do not depend on how hours are cut into days."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from kaikai_assets.alerts.episodes import fold, runs
from kaikai_assets.alerts.rules import Rule, RuleSet

START = datetime(2025, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
VALUES = {
    "day": pl.Date(),
    "entity": pl.String(),
    "start": pl.Datetime("us", "UTC"),
    "completeness": pl.Float64(),
    "pm25": pl.Float64(),
}


def rule(operator: str = ">", threshold: float = 35.0, name: str = "high", **more: Any) -> Rule:
    given = {"id": name, "metric": "pm25", "operator": operator, "threshold": threshold, "unit": "µg/m³"}
    return Rule.model_validate(given | {"min_completeness": 0.75, "severity": "alert", "source": "test"} | more)


def rule_set(*rules: Rule, version: int = 1) -> RuleSet:
    return RuleSet(rule_set="test", version=version, description="", rules=rules or (rule(),))


@dataclass(frozen=True)
class Hour:
    """A known hour, ``at`` hours after the start."""

    at: int
    value: float | None
    completeness: float | None = 1.0
    entity: str = "S1"

    @property
    def start(self) -> datetime:
        return START + self.at * HOUR


def frame(hours: list[Hour]) -> pl.DataFrame:
    rows = [(h.start.date(), h.entity, h.start, h.completeness, h.value) for h in hours]
    return pl.DataFrame(rows, schema=VALUES, orient="row")


def hours(text: str, entity: str = "S1", first: int = 0) -> list[Hour]:
    """Hours in a row: ``x`` violates by much, ``o`` is well, ``?`` is known in part and would violate, ``!`` is known
    in part and would be well, ``-`` is known without a value, a blank is missing."""
    kinds: dict[str, tuple[float | None, float]] = {
        "x": (50, 1),
        "o": (10, 1),
        "?": (50, 0.5),
        "!": (10, 0.5),
        "-": (None, 1),
    }
    return [Hour(first + n, *kinds[c], entity) for n, c in enumerate(text) if c != " "]


def days_of(found: list[Hour], rules: RuleSet) -> list[pl.DataFrame]:
    """Each day's runs, computed from that day alone."""
    by_day: dict[Any, list[Hour]] = {}
    for hour in found:
        by_day.setdefault(hour.start.date(), []).append(hour)
    return [runs(frame(of_day), r, "1h") for of_day in by_day.values() for r in rules.rules]


def episodes(found: list[Hour], rules: RuleSet | None = None) -> pl.DataFrame:
    rules = rules or rule_set()
    return fold(pl.concat([runs(frame([]), rules.rules[0], "1h"), *days_of(found, rules)]), rules)


def spans(text: str, first: int = 0) -> list[tuple[int, int, int | None, int]]:
    """``(opened, end of last violation, closed, n)`` in hours."""

    def at(instant: datetime | None) -> Any:
        return None if instant is None else (instant - START) // HOUR

    found = episodes(hours(text, first=first)).sort("opened_at")
    rows = found.select("opened_at", "last_violation_end", "closed_at", "n").rows()
    return [(at(opened), at(end), at(closed), n) for opened, end, closed, n in rows]


# one threshold ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "violating"),
    [
        (">", [35.000001, 35.1, 5000.0]),
        (">=", [35.0, 34.9999999, 35.0000001, 35.000001, 35.1, 5000.0]),
        ("<", [-1.0, 0.0, 34.999999]),
        ("<=", [-1.0, 0.0, 34.999999, 34.9999999, 35.0, 35.0000001]),
    ],
)
def test_each_operator_holds_on_its_side_of_the_threshold_after_rounding(operator: str, violating: list[float]) -> None:
    values = [-1.0, 0.0, 34.999999, 34.9999999, 35.0, 35.0000001, 35.000001, 35.1, 5000.0]
    found = [value for value in values if episodes([Hour(0, value)], rule_set(rule(operator))).height]
    assert found == sorted(violating)


def test_a_value_is_rounded_to_the_decimals_of_the_rule_before_it_is_compared() -> None:
    assert episodes([Hour(0, 35.04)], rule_set(rule(decimals=1))).height == 0
    assert episodes([Hour(0, 35.06)], rule_set(rule(decimals=1)))["peak"].item() == 35.1
    assert episodes([Hour(0, sum([0.1] * 3))], rule_set(rule(threshold=0.3))).height == 0


@pytest.mark.parametrize(("completeness", "opens"), [(0.749999, False), (0.75, True), (1.0, True), (None, False)])
def test_an_hour_counts_from_the_completeness_of_the_rule(completeness: float | None, opens: bool) -> None:
    assert episodes([Hour(0, 50, completeness)]).height == opens


@pytest.mark.parametrize(("operator", "peak"), [(">", 90.0), (">=", 90.0), ("<", -5.0), ("<=", -5.0)])
def test_the_peak_is_the_value_furthest_beyond_the_threshold(operator: str, peak: float) -> None:
    rules = rule_set(rule(operator, 35.0 if operator[0] == ">" else 100.0))
    found = episodes([Hour(0, 50.0), Hour(1, peak), Hour(30, 60.0)], rules)
    assert found.select("peak", "n").rows() == [(peak, 3)]


def test_the_peak_does_not_look_at_incomplete_or_well_hours() -> None:
    found = episodes([Hour(0, 50.0), Hour(1, 99.0, 0.5), Hour(2, 5.0), Hour(3, 1.0)])
    assert found["peak"].to_list() == [50.0]


# episodes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("ooo", []),
        ("x", [(0, 1, None, 1)]),
        ("oxo", [(1, 2, 2, 1)]),
        ("xxoxx", [(0, 2, 2, 2), (3, 5, None, 2)]),
        ("xxooo", [(0, 2, 2, 2)]),
        # What is not known neither opens nor closes.
        ("?", []),
        ("o?o", []),
        ("x?", [(0, 1, None, 1)]),
        ("x!", [(0, 1, None, 1)]),
        ("x-", [(0, 1, None, 1)]),
        ("x ", [(0, 1, None, 1)]),
        ("x!x", [(0, 3, None, 2)]),
        ("x-x", [(0, 3, None, 2)]),
        ("x    x", [(0, 6, None, 2)]),
        ("x!o", [(0, 1, 2, 1)]),
        ("x   o", [(0, 1, 4, 1)]),
        ("x !-? o x", [(0, 1, 6, 1), (8, 9, None, 1)]),
    ],
)
def test_an_episode_goes_from_the_first_violating_hour_to_the_next_well_one(
    text: str, expected: list[tuple[int, int, int | None, int]]
) -> None:
    assert spans(text) == expected
    # The same across midnight.
    shifted = [(o + 22, e + 22, None if c is None else c + 22, n) for o, e, c, n in expected]
    assert spans(text, first=22) == shifted


def test_an_episode_may_last_several_days_and_those_without_any_data() -> None:
    text = "o" * 20 + "x" * 30 + " " * 60 + "x" + "o"
    assert spans(text) == [(20, 111, 111, 31)]


def test_entities_and_rules_have_their_own_episodes() -> None:
    rules = rule_set(rule(name="high"), rule("<", 20.0, name="low", severity="info"))
    found = episodes([*hours("xo", "S1"), *hours("ox", "S2")], rules).sort("rule", "entity")
    assert found.select("rule", "entity", "severity", "threshold", "closed_at").rows() == [
        ("high", "S1", "alert", 35.0, START + HOUR),
        ("high", "S2", "alert", 35.0, None),
        ("low", "S1", "info", 20.0, None),
        ("low", "S2", "info", 20.0, START + HOUR),
    ]
    assert found["alert_id"].n_unique() == 4
    assert found.select(pl.col("rule_set", "rule_version").unique()).rows() == [("test", 1)]


def test_runs_of_a_rule_that_is_no_longer_in_the_set_are_left_out() -> None:
    old, new = rule_set(rule(name="old")), rule_set(rule(name="new"))
    both = pl.concat([*days_of(hours("x"), old), *days_of(hours("x"), new)])
    assert fold(both, new)["rule"].to_list() == ["new"]


def test_runs_tell_both_states_of_a_day_with_half_open_ends() -> None:
    (found,) = days_of(hours("oox?x o"), rule_set())
    assert found.select("start", "end", "violating", "n", "peak").rows() == [
        (START, START + 2 * HOUR, False, 2, None),
        (START + 2 * HOUR, START + 5 * HOUR, True, 2, 50.0),
        (START + 6 * HOUR, START + 7 * HOUR, False, 1, None),
    ]


def test_no_hours_make_no_runs_and_no_episodes() -> None:
    assert episodes([]).height == 0
    assert episodes([]).columns == episodes(hours("x")).columns


# ids -------------------------------------------------------------------------------------------------------------


def ids(text: str, rules: RuleSet | None = None, entity: str = "S1") -> list[str]:
    return episodes(hours(text, entity), rules).sort("opened_at")["alert_id"].to_list()


def test_the_id_of_an_alert_is_the_same_in_every_process_and_version() -> None:
    assert ids("x") == [sha256(b"test/1|high|S1|2025-01-01T00:00:00+00:00").hexdigest()[:20]]


def test_the_id_of_an_alert_stays_while_the_episode_goes_on_and_closes() -> None:
    assert ids("x") == ids("xx") == ids("x x") == ids("xxo")
    assert ids("xox")[0] == ids("x")[0] != ids("xox")[1]


def test_the_id_of_an_alert_changes_with_entity_opening_rule_and_version() -> None:
    others = [
        ids("x", entity="S2"),
        ids("ox"),
        ids("x", rule_set(rule(name="higher"))),
        ids("x", rule_set(version=2)),
    ]
    assert len({str(found) for found in [ids("x"), *others]}) == 5


# by an oracle ----------------------------------------------------------------------------------------------------

some_hours = st.lists(
    st.builds(
        Hour,
        at=st.integers(0, 50),
        value=st.sampled_from([None, 10.0, 34.9999999, 35.0, 35.0000001, 36.0, 50.0]),
        completeness=st.sampled_from([None, 0.5, 0.75, 1.0]),
        entity=st.sampled_from(["S1", "S2"]),
    ),
    max_size=40,
    unique_by=lambda hour: (hour.at, hour.entity),
)
operators = st.sampled_from([">", ">=", "<", "<="])


def expected(found: list[Hour], operator: str) -> list[tuple[Any, ...]]:
    """Hour by hour: opens with a violating hour, closes with a well one, knows nothing of other hours."""
    violates = {">": float.__gt__, ">=": float.__ge__, "<": float.__lt__, "<=": float.__le__}[operator]
    worst = max if operator in (">", ">=") else min
    result: list[tuple[str, datetime, list[Hour], datetime | None]] = []
    for entity in ("S1", "S2"):
        open_since: datetime | None = None
        of_episode: list[Hour] = []
        for hour in sorted((h for h in found if h.entity == entity), key=lambda h: h.at):
            if hour.value is None or hour.completeness is None or hour.completeness < 0.75:
                continue
            if violates(round(hour.value, 6), 35.0):
                open_since = open_since or hour.start
                of_episode.append(hour)
            elif open_since:
                result.append((entity, open_since, of_episode, hour.start))
                open_since, of_episode = None, []
        if open_since:
            result.append((entity, open_since, of_episode, None))
    return [
        (e, opened, known[-1].start + HOUR, closed, len(known), worst(round(h.value or 0, 6) for h in known))
        for e, opened, known, closed in result
    ]


@settings(max_examples=400, deadline=None)
@given(some_hours, operators)
def test_episodes_are_those_of_going_through_the_hours_one_by_one(found: list[Hour], operator: str) -> None:
    folded = episodes(found, rule_set(rule(operator))).sort("entity", "opened_at")
    shown = folded.select("entity", "opened_at", "last_violation_end", "closed_at", "n", "peak")
    assert shown.rows() == expected(found, operator)
    assert folded["alert_id"].n_unique() == folded.height


@settings(max_examples=150, deadline=None)
@given(some_hours, operators, st.randoms(use_true_random=False))
def test_the_order_of_days_and_hours_does_not_matter(found: list[Hour], operator: str, random: Random) -> None:
    rules = rule_set(rule(operator), rule(operator, 50.0, name="higher"))
    shuffled = random.sample(found, len(found))
    days = [runs(frame([]), rules.rules[0], "1h"), *days_of(shuffled, rules)]
    random.shuffle(days)
    key = ["rule", "entity", "opened_at"]
    assert_frame_equal(fold(pl.concat(days), rules).sort(key), episodes(found, rules).sort(key))


@settings(max_examples=100, deadline=None)
@given(some_hours)
def test_cutting_hours_into_days_makes_no_difference(found: list[Hour]) -> None:
    whole = frame(found).with_columns(day=pl.lit(START.date()))
    together = fold(runs(whole, rule(), "1h"), rule_set())
    key = ["entity", "opened_at"]
    assert_frame_equal(together.sort(key), episodes(found).sort(key))


@settings(max_examples=150, deadline=None)
@given(some_hours, st.data())
def test_an_hour_that_is_missing_closes_nothing(found: list[Hour], data: st.DataObject) -> None:
    lost = data.draw(st.sets(st.sampled_from(found))) if found else set()
    before, after = episodes(found), episodes([hour for hour in found if hour not in lost])
    well = {(h.entity, h.start) for h in found if h.value is not None and (h.completeness or 0) >= 0.75}
    closings = set(after.select("entity", "closed_at").drop_nulls().rows())
    assert closings <= well - {(h.entity, h.start) for h in lost}
    if not lost:
        assert_frame_equal(before, after)
