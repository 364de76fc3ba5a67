"""State of an alert: a function of its episode, of the journal, and of an explicit instant."""

from dataclasses import asdict, replace
from datetime import UTC, timedelta

import polars as pl
import pytest

from kaikai_assets.alerts.lifecycle import ESCALATION, Action, Kind, as_episodes, episodes, state
from kaikai_assets_tests.alerts.moments import action, at, episode

OPEN, CLEARED = episode(0, 5), episode(0, 5, 6)
ACK = action("acknowledge", 0, 5, 7)


@pytest.mark.parametrize("one", [OPEN, CLEARED])
@pytest.mark.parametrize("actions", [[], [ACK]])
def test_active_and_acknowledged_are_independent(one: object, actions: list[Action]) -> None:
    found = state(one, actions, at(10))  # type: ignore[arg-type]
    assert (found.active, found.acknowledged) == (one is OPEN, bool(actions))
    assert not found.resolved


def test_an_acknowledgement_holds_while_the_alert_goes_on() -> None:
    assert state(episode(0, 90), [ACK], at(100)).acknowledged


@pytest.mark.parametrize(("opened", "end", "held"), [(4, 9, True), (-5, 0, True), (5, 9, False), (-5, -1, False)])
def test_an_acknowledgement_counts_for_what_overlaps_it(opened: float, end: float, held: bool) -> None:
    assert state(episode(opened, end), [ACK], at(100)).acknowledged == held


def test_the_last_instant_of_an_alert_that_is_split_is_still_acknowledged() -> None:
    whole = episode(0, 5)
    made = Action("acknowledge", *whole.matter, whole.opened_at, whole.until, at(9), "somebody", "")
    assert state(episode(5, 5), [made], at(10)).acknowledged


def test_violations_of_one_instant_can_be_acknowledged() -> None:
    one = episode(3, 3)
    made = Action("acknowledge", *one.matter, one.opened_at, one.until, at(9), "somebody", "")
    assert state(one, [made], at(10)).acknowledged
    assert not state(episode(4, 4), [made], at(10)).acknowledged


def test_resolving_ends_no_violation_and_what_follows_is_a_new_matter() -> None:
    done = [ACK, Action("resolve", *OPEN.matter, OPEN.opened_at, OPEN.until, at(8), "somebody", "done")]
    before = state(OPEN, done, at(10))
    assert (before.active, before.resolved, before.acknowledged, before.escalation_due) == (True, True, True, None)
    after = state(episode(0, 9), done, at(10))
    assert (after.active, after.resolved, after.acknowledged) == (True, False, False)
    assert (after.since, after.escalation_due) == (OPEN.until, OPEN.until + ESCALATION)
    again = state(episode(0, 9), [*done, action("acknowledge", 0, 9, 11)], at(12))
    assert (again.resolved, again.acknowledged, again.escalation_due) == (False, True, None)


def test_escalation_is_due_a_quarter_of_an_hour_after_raising_whatever_the_time() -> None:
    one = episode(0, 5, 6, raised_at=at(2))
    for now in (at(-100), at(3), at(10_000)):
        assert state(one, [], now).escalation_due == at(17)


@pytest.mark.parametrize("severity", ["info", "warn", "alert"])
def test_only_critical_alerts_escalate(severity: str) -> None:
    assert state(replace(OPEN, severity=severity), [], at(100)).escalation_due is None


@pytest.mark.parametrize("kind", ["acknowledge", "resolve", "escalate"])
def test_nothing_is_due_once_it_was_dealt_with(kind: Kind) -> None:
    assert state(OPEN, [action(kind, 0, 6, 7)], at(100)).escalation_due is None


def test_a_silence_ends_at_its_end_or_when_it_is_taken_back_and_outlives_what_moves() -> None:
    warned = replace(episode(60, 65), severity="warn")
    silence = action("silence", 0, 5, 7, expires=120)
    assert state(warned, [silence], at(6)).silenced_until is None
    assert state(warned, [silence], at(119)).silenced_until == at(120)
    assert state(warned, [silence], at(120)).silenced_until is None
    assert state(warned, [silence, action("unsilence", 0, 5, 50)], at(60)).silenced_until is None
    assert state(warned, [silence, action("silence", 0, 5, 8, expires=90)], at(60)).silenced_until == at(90)


def test_a_critical_alert_is_never_silenced() -> None:
    assert state(OPEN, [action("silence", 0, 5, 7, expires=120)], at(60)).silenced_until is None


def test_rows_of_a_domain_become_episodes() -> None:
    rows = pl.DataFrame([asdict(OPEN), asdict(CLEARED)]).rename({"entity": "sensor_id"})
    found = as_episodes(episodes(rows.with_columns(another=1), "sensor_id"))
    assert found == [OPEN, CLEARED]
    assert found[0].opened_at.tzinfo is UTC
    assert found[0].until - found[0].opened_at == timedelta(minutes=5, microseconds=1)
