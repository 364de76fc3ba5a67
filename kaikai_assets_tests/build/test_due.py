"""Which days are asked for, and in what ranges: a table of situations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaikai_assets.build.due import broken, days_between, due, ranges, rests, suspects
from kaikai_assets.build.pending import Plan
from kaikai_assets.build.standing import standing
from kaikai_assets.ledger.targets import KILLED, Attempt, Target
from kaikai_assets.settings import Settings

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
TODAY = NOW.date()
SETTINGS = Settings(run_days=10, retry_s=30, attempts=3)


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def target(day: date | None) -> Target:
    return "bronze/t", day.isoformat() if day else ""


def pending(days: Iterable[date | None]) -> Plan:
    """A plan in which these days of a table are pending."""
    targets = {target(day) for day in days}
    nothing: dict[Target, tuple[Target, ...]] = dict.fromkeys(targets, ())
    return Plan(dict.fromkeys(targets, "d"), nothing, nothing, {t: t for t in targets}, set(targets), set(targets))


def chain(**needs: tuple[str, ...]) -> Plan:
    """A plan of one day: each target needs, and reads, some of those before it; all have changed."""
    part = ago(3).isoformat()
    targets = {(name, part): tuple((of, part) for of in named) for name, named in needs.items()}
    return Plan(dict.fromkeys(targets, "d"), targets, targets, {t: t for t in targets}, set(targets), set(targets))


def failed(day: date, attempts: int, error: str = "ValueError: bad", age_s: float = 10_000, **more: bool) -> Attempt:
    return Attempt("d", attempts, error, NOW - timedelta(seconds=age_s), **more)


def asked(
    days: Iterable[date | None],
    attempts: Mapping[Target, Attempt] | None = None,
    in_flight: Iterable[tuple[date, date]] = (),
    settings: Settings = SETTINGS,
) -> list[tuple[int, int]]:
    """Ranges asked for, as days before today."""
    found = due(pending(days), attempts or {}, list(in_flight), NOW, settings)
    return [((TODAY - request.start).days, (TODAY - request.end).days) for request in found]


def test_today_and_yesterday_are_asked_for_beside_one_range_of_older_days_the_oldest_first() -> None:
    assert asked([ago(n) for n in (0, 1, 5, 6, 7, 20, 40)]) == [(1, 0), (40, 40)]


def test_a_range_spans_days_that_need_nothing_up_to_its_limit() -> None:
    assert asked([ago(2), ago(11)]) == [(11, 2)]
    assert asked([ago(2), ago(12)]) == [(12, 12)]


def test_days_in_flight_are_not_asked_for_and_older_ones_wait_while_older_ones_are_in_flight() -> None:
    days = [ago(n) for n in (0, 5, 30)]
    assert asked(days, in_flight=[(ago(6), ago(4))]) == [(0, 0)]
    assert asked(days, in_flight=[(ago(0), ago(0))]) == [(30, 30)]
    assert asked(days, in_flight=[(ago(6), ago(4))], settings=SETTINGS.model_copy(update={"older_runs": 2})) == [
        (0, 0),
        (30, 30),
    ]


def test_days_that_have_not_begun_or_are_no_partitions_are_not_asked_for() -> None:
    assert asked([ago(-1), date(2019, 12, 31)]) == []


def test_an_unpartitioned_table_alone_is_asked_for_by_way_of_today() -> None:
    assert asked([None]) == [(0, 0)]
    assert asked([None], in_flight=[(ago(3), ago(3))]) == []


def test_a_target_that_failed_rests_twice_as_long_each_time_up_to_an_hour() -> None:
    day = ago(5)
    waits = [
        next(s for s in range(0, 5000, 10) if asked([day], {target(day): failed(day, n, age_s=s, transient=True)}))
        for n in (1, 2, 3, 30)
    ]
    assert waits == [30, 60, 120, 3600]


def test_a_broken_target_is_left_alone_until_its_inputs_change() -> None:
    day = ago(5)
    assert asked([day], {target(day): failed(day, 3)}) == []
    assert asked([day], {target(day): Attempt("another digest", 3, "bad", NOW)}) == [(5, 5)]


def test_a_target_that_only_lacked_a_disk_is_never_given_up() -> None:
    day = ago(5)
    attempts = {target(day): failed(day, 50, transient=True)}
    assert asked([day], attempts) == [(5, 5)]
    assert broken(pending([day]), attempts, 3) == {}


def test_days_whose_runs_were_killed_have_the_last_attempt_to_themselves_after_the_others() -> None:
    days = [ago(n) for n in range(3, 9)]
    attempts = {target(ago(n)): failed(ago(n), 2, KILLED) for n in (4, 6)}
    assert suspects(pending(days), attempts, 3) == {ago(4), ago(6)}
    more = SETTINGS.model_copy(update={"older_runs": 9})
    assert asked(days, attempts, settings=more) == [(8, 7), (5, 5), (3, 3), (6, 6), (4, 4)]


def test_what_needs_a_target_that_cannot_move_cannot_either() -> None:
    made = chain(a=(), b=("a",), c=("b",), d=("a",), e=("d", "c"))
    held = {("b", ago(3).isoformat())}
    assert {name for name, _ in made.active(held)} == {"a", "b", "c", "d", "e"}
    made.changed.discard(("a", ago(3).isoformat()))
    assert {name for name, _ in made.active(held)} == {"d"}


def test_a_clock_that_was_set_back_lets_nothing_rest_for_years() -> None:
    assert not rests(1, NOW + timedelta(days=400), NOW, 30)
    assert rests(1, NOW, NOW, 30)


def test_the_same_work_has_the_same_stamp_and_other_work_another() -> None:
    def stamp(days: list[date]) -> str:
        return due(pending(days), {}, [], NOW, SETTINGS)[0].stamp

    assert stamp([ago(3), ago(4)]) == stamp([ago(4), ago(3)])
    assert stamp([ago(3), ago(4)]) != stamp([ago(3)])


@given(
    st.sets(st.integers(0, 400), max_size=40),
    st.integers(0, 40),
    st.sets(st.integers(0, 400), max_size=5),
)
def test_ranges_cover_all_days_once_within_their_limit_and_around_what_stands_apart(
    numbers: set[int], most: int, apart: set[int]
) -> None:
    days = {ago(n) for n in numbers - apart}
    found = ranges(days, most, {ago(n) for n in apart})
    covered = [day for start, end in found for day in days_between(start, end)]
    assert len(covered) == len(set(covered))
    assert days <= set(covered)
    assert not {ago(n) for n in apart} & set(covered)
    assert all(not most or (end - start).days < most for start, end in found)
    assert found == sorted(found)


@dataclass
class Case:
    name: str
    attempt: Attempt | None
    pending_h: float
    state: str | None


@pytest.mark.parametrize(
    "case",
    [
        Case("pending for an hour", None, 1, None),
        Case("pending for seven hours", None, 7, "overdue"),
        Case("in flight for the first time", failed(TODAY, 1, KILLED), 1, None),
        Case("killed before", failed(TODAY, 2, KILLED), 1, "failed"),
        Case("failed once", failed(TODAY, 1), 1, "failed"),
        Case("failed as often as it may", failed(TODAY, 3), 1, "broken"),
        Case("failed often for want of a disk", failed(TODAY, 30, transient=True), 1, "failed"),
        Case("failed with other inputs", Attempt("other", 3, "bad", NOW), 1, None),
    ],
    ids=lambda case: case.name,
)
def test_what_an_operator_must_know(case: Case) -> None:
    attempts = {target(TODAY): case.attempt} if case.attempt else {}
    since = {TODAY.isoformat(): NOW - timedelta(hours=case.pending_h)}
    found = standing(pending([TODAY]), attempts, since, NOW, most=3, overdue_s=6 * 3600)
    assert [one.state for one in found] == ([case.state] if case.state else [])


def test_what_waits_for_another_target_is_not_named_beside_it() -> None:
    made = pending([TODAY])
    reader = ("silver/t", TODAY.isoformat())
    made.digests[reader], made.reads[reader] = "d", (target(TODAY),)
    made.pending.add(reader)
    since = {TODAY.isoformat(): NOW - timedelta(hours=7)}
    found = standing(made, {}, since, NOW, most=3, overdue_s=6 * 3600)
    assert [one.target for one in found] == [target(TODAY)]
