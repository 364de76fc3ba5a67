"""The journal of alerts on both database systems: what is seen, done, logged, escalated and offered for telling."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from kaikai_assets.alerts.lifecycle import ESCALATION, Episode
from kaikai_assets.alerts.notifications import Notice
from kaikai_assets.landing.raw import Landed
from kaikai_assets.ledger.alerts import AlertError
from kaikai_assets.ledger.store import Ledger
from kaikai_assets_tests.alerts.moments import START, after, at, episode, frame

SOURCES: Mapping[str, str] = {"low": "a book"}
WITHIN = timedelta(hours=36)
HOUR = timedelta(hours=1)


@pytest.fixture
def ledger(url: str) -> Ledger:
    return Ledger(url)


def note(
    ledger: Ledger, *episodes: Episode, now: datetime = START + HOUR, missing: Collection[date] = (), domain: str = "d"
) -> int:
    return ledger.alerts.note(domain, frame(episodes), missing, SOURCES, now, WITHIN)


def claim(ledger: Ledger, now: datetime) -> list[Notice]:
    return ledger.outbox.claim(now, HOUR, WITHIN)


def a_file(arrived_at: datetime) -> Landed:
    return Landed(
        domain="d", source="s", kind="readings", identity="i", sha256="0" * 64, name="a.csv", bytes=1, records=1,
        arrival_seq=1, arrived_at=arrived_at, counted="c", days={START.date(): 1},
    )  # fmt: skip


def logged(ledger: Ledger) -> list[str]:
    return [entry.change for entry in ledger.alerts.log()]


def outbox(ledger: Ledger) -> list[tuple[str, str, datetime, datetime]]:
    return [(one.kind, one.state, one.since, one.until) for one in ledger.outbox.listed()]


def test_what_the_data_changes_is_logged_once(ledger: Ledger, url: str) -> None:
    assert note(ledger, episode(0, 5)) == 1
    assert note(ledger, episode(0, 5)) == 0
    assert note(ledger, episode(0, 9)) == 0
    assert note(ledger, episode(0, 9, 10)) == 1
    again = Ledger(url)
    assert note(again, episode(0, 9, 10)) == 0
    entries = ledger.alerts.log()
    assert [(e.change, e.effective_at, e.noted_at) for e in entries] == [
        ("opened", at(0), START + HOUR),
        ("cleared", at(10), START + HOUR),
    ]
    found = ledger.alerts.find(episode(0, 9).alert_id, at(60))
    assert (found.domain, found.seen.episode, found.first_seen_at) == ("d", episode(0, 9, 10), START + HOUR)


def test_a_null_value_and_an_assumption_are_kept(ledger: Ledger) -> None:
    one = episode(0, 5, peak=None, threshold=None, assumed="age_unknown")
    note(ledger, one)
    assert note(ledger, one) == 0
    assert ledger.alerts.find(one.alert_id, at(60)).seen.episode == one


def test_domains_and_entities_do_not_mix(ledger: Ledger) -> None:
    one, another = episode(0, 5), episode(0, 5, entity="P2")
    note(ledger, one, another)
    assert note(ledger, episode(0, 5, alert_id="x"), domain="other") == 1
    ledger.alerts.act("acknowledge", one.alert_id, "somebody", at(70))
    known = [*ledger.alerts.known("d", at(71)), *ledger.alerts.known("other", at(71))]
    assert {a.seen.episode.alert_id: a.state.acknowledged for a in known} == {
        one.alert_id: True,
        another.alert_id: False,
        "x": False,
    }


def test_superseded_alerts_stay_readable_and_acting_on_one_acts_on_its_successor(ledger: Ledger) -> None:
    old, new = episode(5, 9), episode(0, 9)
    note(ledger, old)
    note(ledger, new)
    found = ledger.alerts.find(old.alert_id, at(60))
    assert (found.seen.gone, found.seen.superseded_by) == (True, new.alert_id)
    acted = ledger.alerts.act("acknowledge", old.alert_id, "somebody", at(60))
    assert (acted.alert_id, acted.superseded, acted.changed) == (new.alert_id, True, True)
    assert "supersedes" in str(acted)
    assert ledger.alerts.find(new.alert_id, at(61)).state.acknowledged
    assert not ledger.alerts.act("acknowledge", new.alert_id, "somebody else", at(62)).changed
    assert logged(ledger) == ["opened", "opened", "superseded", "acknowledged"]


def test_an_acknowledgement_outlives_a_split(ledger: Ledger) -> None:
    note(ledger, episode(0, 9))
    ledger.alerts.act("acknowledge", episode(0, 9).alert_id, "somebody", at(10))
    note(ledger, episode(1, 3, 4), episode(6, 12))
    assert all(a.state.acknowledged for a in ledger.alerts.known("d", at(20)) if not a.seen.gone)


def test_resolve_silence_and_unsilence_are_logged_with_author_reason_and_end(ledger: Ledger) -> None:
    one = replace(episode(0, 5), severity="warn")
    note(ledger, one)
    ledger.alerts.act("silence", one.alert_id, "a", at(60), reason="works", expires_at=at(120))
    assert ledger.alerts.find(one.alert_id, at(61)).state.silenced_until == at(120)
    ledger.alerts.act("unsilence", one.alert_id, "b", at(62))
    assert ledger.alerts.find(one.alert_id, at(63)).state.silenced_until is None
    ledger.alerts.act("resolve", one.alert_id, "c", at(64), reason="done")
    rows = [(e.change, e.author, e.reason, e.expires_at) for e in ledger.alerts.log(one.alert_id, last=3)]
    assert rows == [
        ("silenced", "a", "works", at(120)),
        ("unsilenced", "b", "", None),
        ("resolved", "c", "done", None),
    ]
    assert ledger.alerts.find(one.alert_id, at(65)).state.resolved
    note(ledger, replace(one, last_violation_end=at(9)))
    assert not ledger.alerts.find(one.alert_id, at(66)).state.resolved
    assert logged(ledger)[-1] == "violated_again"


def test_what_cannot_be_done_says_why_and_leaves_nothing(ledger: Ledger) -> None:
    critical, warned = episode(0, 5), episode(0, 5, rule="high", severity="warn")
    note(ledger, critical, warned)
    act = ledger.alerts.act
    with pytest.raises(AlertError, match="no alert 'nothing'"):
        act("acknowledge", "nothing", "a", at(60))
    with pytest.raises(AlertError, match="no alert ''"):
        act("acknowledge", "", "a", at(60))
    with pytest.raises(AlertError, match="several alerts begin with 'set'"):
        act("acknowledge", "set", "a", at(60))
    with pytest.raises(AlertError, match="no alert '%'"):
        act("acknowledge", "%", "a", at(60))
    with pytest.raises(AlertError, match="author"):
        act("acknowledge", critical.alert_id, "", at(60))
    with pytest.raises(AlertError, match="reason"):
        act("resolve", critical.alert_id, "a", at(60))
    with pytest.raises(AlertError, match="reason"):
        act("silence", warned.alert_id, "a", at(60), expires_at=at(90))
    with pytest.raises(AlertError, match="critical alert cannot be silenced"):
        act("silence", critical.alert_id, "a", at(60), reason="r", expires_at=at(90))
    for end in (None, at(60), at(59)):
        with pytest.raises(AlertError, match="in the future"):
            act("silence", warned.alert_id, "a", at(60), reason="r", expires_at=end)
    with pytest.raises(AlertError, match="not silenced"):
        act("unsilence", warned.alert_id, "a", at(60))
    note(ledger, critical)
    with pytest.raises(AlertError, match="withdrawn"):
        act("acknowledge", warned.alert_id, "a", at(60))
    assert logged(ledger) == ["opened", "opened", "withdrawn"]


def test_escalation_comes_once_when_it_is_due_and_not_after_an_acknowledgement(ledger: Ledger) -> None:
    one, acknowledged = episode(0, 5), episode(0, 5, 6, entity="P2")
    note(ledger, one, acknowledged, episode(0, 5, entity="P3", severity="alert"))
    ledger.alerts.act("acknowledge", acknowledged.alert_id, "somebody", at(1))
    due = one.raised_at + ESCALATION
    assert ledger.alerts.escalate("d", SOURCES, due - timedelta(microseconds=1)) == 0
    assert ledger.alerts.escalate("other", SOURCES, due) == 0
    assert ledger.alerts.escalate("d", SOURCES, due) == 1
    assert ledger.alerts.escalate("d", SOURCES, due + HOUR) == 0
    (entry,) = (entry for entry in ledger.alerts.log() if entry.change == "escalated")
    assert (entry.alert_id, entry.effective_at) == (one.alert_id, due)
    # Late data that moves the alert does not escalate it again.
    note(ledger, episode(-3, 5), acknowledged)
    assert ledger.alerts.escalate("d", SOURCES, due + HOUR) == 0
    assert [kind for kind, *_ in outbox(ledger)].count("escalated") == 1


def test_a_cleared_alert_that_nobody_acknowledged_is_escalated_too(ledger: Ledger) -> None:
    note(ledger, episode(0, 5, 6), now=at(7))
    assert ledger.alerts.escalate("d", SOURCES, at(15)) == 1


def test_old_alerts_are_neither_told_nor_escalated(ledger: Ledger) -> None:
    note(ledger, episode(0, 5), now=at(5) + WITHIN + timedelta(seconds=1))
    (one,) = ledger.outbox.listed()
    assert (one.state, one.reason[:3]) == ("held", "old")
    assert ledger.alerts.escalate("d", SOURCES, START + 2 * WITHIN) == 0
    note(ledger, episode(0, 5, entity="P2"), episode(0, 5), now=at(5) + WITHIN)
    assert {one.entity: one.state for one in ledger.outbox.listed()} == {"P1": "held", "P2": "pending"}


def test_what_began_long_ago_and_goes_on_is_news(ledger: Ledger) -> None:
    began = -40 * 60
    note(ledger, episode(began, 0), now=at(0))
    assert outbox(ledger) == [("raised", "pending", at(began), after(0))]
    assert ledger.alerts.escalate("d", SOURCES, at(0)) == 1


def test_an_old_alert_that_is_found_to_go_on_is_told_and_escalated(ledger: Ledger) -> None:
    began = -40 * 60
    note(ledger, episode(began, began + 5), now=at(0))
    note(ledger, episode(began, -1), now=at(0))
    assert [one.key for one in claim(ledger, at(0))] == [one.key for one in ledger.outbox.listed()]
    assert ledger.alerts.escalate("d", SOURCES, at(0)) == 1


def test_of_a_ledger_made_anew_only_what_was_raised_after_the_last_arrival_is_told(ledger: Ledger) -> None:
    landed = a_file(arrived_at=at(30))
    ledger.landed.register(landed)
    note(ledger, episode(0, 20, entity="P0"))
    ledger.served.note_unknown([landed])
    note(ledger, episode(0, 20, entity="P0"), episode(0, 60), episode(31, 60, entity="P2"))
    note(ledger, episode(0, 60, alert_id="x"), domain="other")
    assert {(one.domain, one.entity): one.state for one in ledger.outbox.listed()} == {
        ("d", "P0"): "pending",
        ("d", "P1"): "held",
        ("d", "P2"): "pending",
        ("other", "P1"): "pending",
    }
    # A person dealt with it; what follows is a new matter.
    ledger.alerts.act("resolve", episode(0, 60).alert_id, "somebody", at(61), reason="done")
    note(ledger, episode(0, 90), now=at(90))
    assert [one.state for one in ledger.outbox.listed() if one.entity == "P1" and one.domain == "d"] == [
        "held",
        "pending",
    ]


def test_what_waits_for_longer_than_alerts_are_news_is_held_unless_they_go_on(ledger: Ledger) -> None:
    late = at(5) + WITHIN + HOUR
    note(ledger, episode(0, 5), episode(0, 5, entity="P2"))
    note(ledger, episode(0, 5), replace(episode(0, 5, entity="P2"), last_violation_end=late), now=late)
    assert [one.entity for one in claim(ledger, late)] == ["P2"]
    assert claim(ledger, late) == []
    assert [(one.state, one.reason[:3]) for one in ledger.outbox.listed() if one.entity == "P1"] == [("held", "old")]


@pytest.mark.parametrize("meanwhile", [[], [episode(0, 5, 6, severity="alert")]], ids=["withdrawn", "silenced"])
def test_what_was_held_waits_again_when_its_alert_is_active_again(ledger: Ledger, meanwhile: list[Episode]) -> None:
    note(ledger, episode(0, 5, severity="alert"), now=at(5))
    if meanwhile:
        act = ledger.alerts.act
        act("silence", episode(0, 5).alert_id, "a", at(5), reason="r", expires_at=at(30))
    note(ledger, *meanwhile, now=at(7))
    assert claim(ledger, at(7)) == []
    assert [one.state for one in ledger.outbox.listed()] == ["held"]
    note(ledger, episode(0, 60, severity="alert"), now=at(60))
    (one,) = claim(ledger, at(60))
    assert (one.since, one.until, one.state, one.reason) == (at(0), after(60), "sending", one.reason)


def test_what_cleared_while_silenced_is_not_told_though_late_data_changes_it(ledger: Ledger) -> None:
    one = episode(0, 5, severity="alert")
    note(ledger, one, now=at(5))
    ledger.alerts.act("silence", one.alert_id, "a", at(5), reason="r", expires_at=at(30))
    note(ledger, replace(one, closed_at=at(6)), now=at(7))
    assert claim(ledger, at(7)) == []
    note(ledger, replace(one, closed_at=at(6), peak=80.0), now=at(40))
    assert claim(ledger, at(40)) == []
    assert [(o.state, o.reason) for o in ledger.outbox.listed()] == [("held", "cleared while silenced")]


def test_a_silence_that_is_ended_early_is_noticed(ledger: Ledger) -> None:
    one = episode(0, 5, severity="alert")
    note(ledger, one)
    ledger.alerts.act("silence", one.alert_id, "a", at(60), reason="r", expires_at=at(24 * 60))
    assert claim(ledger, at(60)) == []
    ledger.alerts.act("unsilence", one.alert_id, "a", at(61))
    assert len(claim(ledger, at(180))) == 1


def test_a_server_that_asks_to_wait_is_waited_for_by_what_is_offered_later_too(ledger: Ledger) -> None:
    first, second = episode(0, 5), episode(0, 5, entity="P2")
    note(ledger, first)
    ledger.outbox.rest(claim(ledger, at(60)), at(120))
    note(ledger, first, second, now=at(61))
    assert claim(ledger, at(119)) == []
    assert sorted(one.entity for _ in range(2) for one in claim(ledger, at(120))) == ["P1", "P2"]
    assert {one.attempts for one in ledger.outbox.listed()} == {1}


@pytest.mark.parametrize("ahead", [timedelta(days=365), timedelta(hours=6)])
def test_a_clock_that_was_ahead_and_is_set_right_stops_nothing(ledger: Ledger, ahead: timedelta) -> None:
    within = timedelta(days=400)
    first, then = episode(0, 5, 6), episode(60, 65)
    asked, refused = episode(0, 5, entity="P2"), episode(0, 5, entity="P3")
    ledger.alerts.note("d", frame([first, asked, refused]), (), SOURCES, START + ahead, within)
    for now in (START + ahead, START + ahead, START + ahead + HOUR / 6):
        claimed = ledger.outbox.claim(now, HOUR, within)
        if claimed[0].entity == "P1":
            ledger.outbox.settle(claimed, "sent", "", now)
        elif claimed[0].entity == "P2":
            ledger.outbox.rest(claimed, now + HOUR / 6)
        else:
            pass  # its sender is killed
    assert ledger.outbox.abandon(at(70), HOUR / 60) == 0
    assert ledger.outbox.abandon(at(72), HOUR / 60) == 1
    ledger.alerts.note("d", frame([first, then, asked, refused]), (), SOURCES, at(72), within)
    assert [one.entity for one in ledger.outbox.claim(at(72), HOUR, within)] == ["P2"]
    assert [one.entity for one in ledger.outbox.claim(at(72) + HOUR, HOUR, within)] == ["P1"]
    assert ledger.outbox.claim(at(72) + HOUR, HOUR, within) == []


def test_an_entity_may_have_a_long_name(ledger: Ledger) -> None:
    name = "s" * 1000
    note(ledger, episode(0, 5, entity=name, alert_id="x"))
    ledger.alerts.act("acknowledge", "x", "somebody", at(60))
    assert [one.entity for one in ledger.outbox.listed()] == [name]


def test_info_is_not_told_and_the_text_holds_what_a_person_must_know(ledger: Ledger) -> None:
    note(ledger, episode(0, 5, severity="info"), episode(0, 5, entity="P2", assumed="age_unknown"))
    (one,) = ledger.outbox.listed()
    assert one.text == (
        "CRITICAL set/low: P2, since 2026-03-01 10:00:00 UTC, value 85, threshold 88, source: a book, "
        "assumed: age_unknown"
    )


def test_one_notice_for_overlapping_violations_however_late_data_moves_them(ledger: Ledger) -> None:
    note(ledger, episode(10, 15))
    note(ledger, episode(0, 15))  # starts earlier
    note(ledger, episode(0, 60))  # goes on
    note(ledger, episode(2, 5, 6), episode(20, 30, 31), episode(40, 60))  # is split
    note(ledger, episode(40, 90))  # the part at the start is gone
    assert outbox(ledger) == [("raised", "pending", at(0), after(90))]
    note(ledger, episode(40, 90, 91), episode(100, 110))
    assert [(since, until) for _, _, since, until in outbox(ledger)] == [(at(0), after(90)), (at(100), after(110))]


def test_violations_after_resolving_are_told_anew(ledger: Ledger) -> None:
    note(ledger, episode(0, 5))
    ledger.alerts.act("resolve", episode(0, 5).alert_id, "somebody", at(60), reason="done")
    note(ledger, episode(0, 9))
    assert [(since, until) for _, _, since, until in outbox(ledger)] == [(at(0), after(5)), (after(5), after(9))]


def test_what_overlaps_an_acknowledged_alert_is_not_told(ledger: Ledger) -> None:
    note(ledger, episode(0, 5))
    ledger.alerts.act("acknowledge", episode(0, 5).alert_id, "somebody", at(60))
    note(ledger, episode(0, 2, 3), episode(4, 9))
    assert len(outbox(ledger)) == 1


def test_changed_days_are_published_once_and_lost_ones_again(ledger: Ledger) -> None:
    tomorrow = 24 * 60
    note(ledger, episode(0, 5, 6), episode(tomorrow, tomorrow + 5), now=at(tomorrow + 10))
    due = ledger.alert_tables.due("d", set(), set(), at(0))
    assert [(row["day"], row["change"], row["entity"]) for row in due.log.sort("id").to_dicts()] == [
        (date(2026, 3, 2), change, "P1") for change in ("opened", "cleared", "opened")
    ]
    assert sorted(due.history["day"]) == [date(2026, 3, 1), date(2026, 3, 2)]
    ledger.alert_tables.mark("d", due)
    days = ({"2026-03-02"}, {"2026-03-01", "2026-03-02"})
    rest = ledger.alert_tables.due("d", *days, at(0))
    assert (rest.log.height, rest.history.height) == (0, 0)
    # Between reading and marking something else changes: it is still to be published.
    ledger.alerts.act("acknowledge", episode(0, 5).alert_id, "somebody", at(tomorrow + 11))
    ledger.alert_tables.mark("d", due)
    fresh = ledger.alert_tables.due("d", *days, at(0))
    assert fresh.log.sort("id")["change"].to_list() == ["opened", "cleared", "opened", "acknowledged"]
    assert fresh.history.select("alert_id", "acknowledged").rows() == [(episode(0, 5).alert_id, True)]
    lost = ledger.alert_tables.due("d", days[0], {"2026-03-01"}, at(0))
    assert set(lost.history["day"]) == {date(2026, 3, 1), date(2026, 3, 2)}
    assert ledger.alert_tables.due("other", set(), set(), at(0)).log.height == 0


def test_the_journal_can_be_brought_elsewhere(ledger: Ledger, tmp_path: Path) -> None:
    note(ledger, episode(0, 5, assumed="age_unknown"), episode(0, 5, entity="P2"))
    ledger.alerts.act("acknowledge", episode(0, 5).alert_id, "somebody", at(60))
    elsewhere = Ledger(f"sqlite:///{tmp_path / 'elsewhere.sqlite'}")
    elsewhere.journal.fill(ledger.journal.read())
    assert elsewhere.alerts.known("d", at(70)) == ledger.alerts.known("d", at(70))
    assert elsewhere.alerts.log() == ledger.alerts.log()
    assert elsewhere.outbox.listed() == ledger.outbox.listed()
    assert note(elsewhere, episode(0, 5, assumed="age_unknown"), episode(0, 5, entity="P2")) == 0


def test_erasing_an_entity_leaves_nothing_of_it_and_all_of_the_others(ledger: Ledger) -> None:
    one, another = episode(0, 5), episode(0, 5, entity="P2")
    note(ledger, one, another)
    for each in (one, another):
        ledger.alerts.act("acknowledge", each.alert_id, "somebody", at(60))
    ledger.privacy.forget("P1", set())
    held = ledger.journal.read()
    assert "P1" not in str(held)
    assert {name: len(rows) for name, rows in held.items() if rows} == {
        "alerts_seen": 1,
        "alert_actions": 1,
        "alert_status_log": 2,
        "notifications": 1,
    }
