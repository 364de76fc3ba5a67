"""What became of alerts that were seen, when late data moves, splits, merges or removes them."""

from collections.abc import Sequence
from dataclasses import astuple
from datetime import date

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from kaikai_assets.alerts.lifecycle import Action, Episode, as_episodes, state
from kaikai_assets.alerts.supersession import SEEN, Seen, compare
from kaikai_assets_tests.alerts.moments import MATTER, START, action, at, episode, frame


def follow(
    seen: dict[str, Seen], episodes: Sequence[Episode], actions: Sequence[Action] = (), missing: Sequence[date] = ()
) -> list[tuple[str, float]]:
    """Compare, and keep what changed in ``seen``; the changes and their minutes."""
    before = pl.DataFrame([(*astuple(o.episode), o.gone, o.superseded_by) for o in seen.values()], SEEN, orient="row")
    rows, changes = compare(before, frame(episodes), {MATTER: actions}, frozenset(missing), at(10_000))
    found = zip(as_episodes(rows), rows["gone"], rows["superseded_by"], strict=True)
    seen |= {one.alert_id: Seen(one, gone, successor) for one, gone, successor in found}
    return [(change, (when - START).total_seconds() / 60) for change, when in changes.select("change", "at").rows()]


def test_opening_growing_clearing_and_reopening() -> None:
    seen: dict[str, Seen] = {}
    assert follow(seen, [episode(0, 5)]) == [("opened", 0)]
    assert follow(seen, [episode(0, 9)]) == []
    assert seen[episode(0, 9).alert_id].episode == episode(0, 9)
    assert follow(seen, [episode(0, 9, 10)]) == [("cleared", 10)]
    assert follow(seen, [episode(0, 9, 11)]) == [("cleared", 11)]
    assert follow(seen, [episode(0, 15)]) == [("reopened", 11)]
    assert follow(seen, [episode(0, 15)]) == []


def test_an_alert_that_is_over_when_it_is_first_seen_is_opened_and_cleared() -> None:
    assert follow({}, [episode(0, 5, 6)]) == [("opened", 0), ("cleared", 6)]


def test_a_late_start_supersedes() -> None:
    old, new = episode(5, 9), episode(0, 9)
    seen: dict[str, Seen] = {}
    follow(seen, [old])
    assert follow(seen, [new]) == [("opened", 0), ("superseded", 5)]
    assert seen[old.alert_id] == Seen(old, gone=True, superseded_by=new.alert_id)


def test_a_merge_supersedes_both_and_a_split_leads_to_the_earliest() -> None:
    one, two, both = episode(0, 5, 6), episode(10, 15), episode(0, 15)
    seen: dict[str, Seen] = {}
    follow(seen, [one, two])
    follow(seen, [both])
    assert not seen[one.alert_id].gone
    assert seen[two.alert_id].superseded_by == one.alert_id == both.alert_id
    early, late = episode(1, 5, 6), episode(10, 15)
    follow(seen, [early, late])
    assert seen[both.alert_id].superseded_by == early.alert_id
    assert seen[late.alert_id] == Seen(late)


def test_what_nothing_overlaps_is_withdrawn_and_may_come_back() -> None:
    one = episode(0, 5)
    seen: dict[str, Seen] = {}
    follow(seen, [one])
    assert follow(seen, [episode(60, 65)]) == [("withdrawn", 0), ("opened", 60)]
    assert follow(seen, [one, episode(60, 65)]) == [("restored", 0)]
    assert seen[one.alert_id] == Seen(one)


def test_a_successor_that_goes_itself_is_replaced_by_its_own() -> None:
    seen: dict[str, Seen] = {}
    for opened in (10, 5, 0):
        follow(seen, [episode(opened, 20)])
    assert {seen[episode(o, 20).alert_id].superseded_by for o in (10, 5)} == {episode(0, 20).alert_id}


def test_another_entity_or_rule_supersedes_nothing() -> None:
    seen: dict[str, Seen] = {}
    follow(seen, [episode(0, 5)])
    changes = follow(seen, [episode(0, 5, entity="P2"), episode(0, 5, rule="high")])
    assert [change for change, _ in changes].count("withdrawn") == 1


def test_nothing_is_gone_while_its_day_is_to_be_built() -> None:
    one = episode(0, 5)
    seen: dict[str, Seen] = {}
    follow(seen, [one])
    assert follow(seen, [], missing=[START.date()]) == []
    assert follow(seen, []) == [("withdrawn", 0)]


def test_violations_after_resolving_are_said() -> None:
    seen: dict[str, Seen] = {}
    follow(seen, [episode(0, 5)])
    assert follow(seen, [episode(0, 9)], [action("resolve", 0, 5.5, 6)]) == [("violated_again", 5.5)]


# any data: a minute violates or is well; an episode is a row of violating minutes
minutes = st.lists(st.booleans(), min_size=12, max_size=12)


def episodes_of(violating: Sequence[bool]) -> list[Episode]:
    found, opened = [], None
    for minute, bad in enumerate([*violating, False]):
        if bad and opened is None:
            opened = minute
        if not bad and opened is not None:
            found.append(episode(opened, minute, minute if minute < len(violating) else None))
            opened = None
    return found


@given(st.lists(minutes, max_size=5), minutes, st.data())
def test_any_arrivals_end_in_the_same_states_and_what_was_acknowledged_stays_so(
    arrivals: list[list[bool]], last: list[bool], data: st.DataObject
) -> None:
    seen: dict[str, Seen] = {}
    actions: list[Action] = []
    for violating in arrivals:
        follow(seen, episodes_of(violating), actions)
        there = [row.episode for row in seen.values() if not row.gone]
        acknowledges = data.draw(st.booleans(), "acknowledges")
        if there and acknowledges:
            one = there[data.draw(st.integers(0, len(there) - 1), "which")]
            actions.append(Action("acknowledge", *MATTER, one.opened_at, one.until, at(99), "somebody", ""))
    follow(seen, episodes_of(last), actions)
    final = episodes_of(last)
    # The same as if nothing had arrived before, but for the journal.
    assert {row.episode for row in seen.values() if not row.gone} == set(final)
    for one in final:
        touched = any(a.since < one.until and one.opened_at < a.until for a in actions)
        assert state(one, actions, at(100)).acknowledged == touched
    for row in seen.values():
        overlap = [e for e in final if e.opened_at < row.episode.until and row.episode.opened_at < e.until]
        assert row.superseded_by == (overlap[0].alert_id if row.gone and overlap else None)
    assert follow(seen, final, actions) == []
