"""The ledger keeps what landed and what was built, for several processes at once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.exc import IntegrityError

from kaikai_assets.ledger import schema
from kaikai_assets.ledger.runs import LoggedRun
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.ledger.targets import Account, Attempt, Built, Target
from kaikai_assets_tests.ledger.processes import at_once
from kaikai_assets_tests.ledger.writers import (
    DAY,
    NOW,
    begin_again,
    build_and_account,
    landed,
    open_new,
    register_same,
    take_numbers,
)

NEXT = DAY + timedelta(days=1)
TARGET: Target = ("gold/t", "2025-01-01")
OTHER: Target = ("gold/t", "2025-01-02")
WHOLE: Target = ("gold/whole", "")


@pytest.fixture
def ledger(url: str) -> Ledger:
    return Ledger(url)


# arrival numbers -------------------------------------------------------------------------------------------------


def test_arrival_numbers_increase_from_one_and_outlast_the_process(url: str) -> None:
    assert [Ledger(url).landed.next_arrival() for _ in range(3)] == [1, 2, 3]


def test_a_ledger_made_anew_goes_on_after_the_last_file_it_learned_of(ledger: Ledger) -> None:
    assert ledger.landed.register(landed(41))
    assert ledger.landed.next_arrival() == 42


def test_a_file_registered_late_does_not_set_the_numbers_back(ledger: Ledger) -> None:
    numbers = [ledger.landed.next_arrival() for _ in range(3)]
    assert ledger.landed.register(landed(7))
    assert ledger.landed.register(landed(2))
    assert [*numbers, ledger.landed.next_arrival()] == [1, 2, 3, 8]


# files -----------------------------------------------------------------------------------------------------------


def test_an_empty_ledger_knows_nothing(ledger: Ledger) -> None:
    assert ledger.landed.is_empty()
    assert ledger.landed.last_arrival("air") == 0
    assert (
        ledger.landed.files("air"),
        ledger.landed.file_days("air"),
        ledger.targets.built(),
        ledger.targets.attempts(),
    ) == ({}, [], {}, {})


def test_a_registered_file_is_found_with_its_days(ledger: Ledger) -> None:
    assert ledger.landed.register(landed(5, "a", {DAY: 3, NEXT: 4}))
    assert not ledger.landed.is_empty()
    assert ledger.landed.has("a")
    assert not ledger.landed.has("b")
    assert ledger.landed.last_arrival("air") == 5
    assert sorted(ledger.landed.file_days("air")) == [(DAY, 5, 3), (NEXT, 5, 4)]
    assert ledger.landed.files("air") == {
        5: {
            "arrival_seq": 5,
            "identity": "a",
            "source": "wide",
            "kind": "readings",
            "sha256": "0" * 64,
            "raw_file": "air/wide/a/5.csv",
            "arrived_at": NOW,
        }
    }


def test_domains_do_not_see_each_others_files(ledger: Ledger) -> None:
    ledger.landed.register(landed(5, days={DAY: 3}))
    assert not ledger.landed.is_empty()
    assert (ledger.landed.last_arrival("vitals"), ledger.landed.files("vitals"), ledger.landed.file_days("vitals")) == (
        0,
        {},
        [],
    )
    assert ledger.landed.unannounced("vitals") == {}


def test_an_identity_is_registered_once_and_keeps_its_first_arrival(ledger: Ledger) -> None:
    assert ledger.landed.register(landed(1, "a", {DAY: 3}))
    assert not ledger.landed.register(landed(1, "a", {DAY: 3}))
    assert not ledger.landed.register(landed(2, "a", {NEXT: 9}))
    assert list(ledger.landed.files("air")) == [1]
    assert ledger.landed.file_days("air") == [(DAY, 1, 3)]


def test_another_file_under_a_taken_arrival_number_is_an_error_and_not_a_redelivery(ledger: Ledger) -> None:
    ledger.landed.register(landed(1, "a", {DAY: 3}))
    with pytest.raises(IntegrityError):
        ledger.landed.register(landed(1, "b", {DAY: 5}))
    assert not ledger.landed.has("b")
    assert ledger.landed.file_days("air") == [(DAY, 1, 3)]


def test_instants_are_kept_in_utc_whatever_zone_they_come_in(ledger: Ledger) -> None:
    arrived = datetime(2025, 1, 1, 17, 45, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    ledger.landed.register(landed(1).model_copy(update={"arrived_at": arrived}))
    assert ledger.landed.files("air")[1]["arrived_at"] == datetime(2025, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert ledger.landed.files("air")[1]["arrived_at"].utcoffset() == timedelta(0)


def test_redeliveries_and_rejections_are_noted_each_time_they_come(ledger: Ledger, url: str) -> None:
    later = NOW + timedelta(minutes=1)
    ledger.landed.note_redelivery("a", "again.csv", NOW, NOW)
    ledger.landed.note_redelivery("a", "again.csv", later, NOW)
    ledger.landed.note_redelivery("a", "again.csv", later, later)
    ledger.landed.note_rejection("air", "x.csv", "empty file", NOW)
    with create_engine(url).connect() as connection:
        assert [row.name for row in connection.execute(select(schema.redeliveries))] == ["again.csv"] * 2
        (rejection,) = connection.execute(select(schema.rejections))
    assert (rejection.domain, rejection.name, rejection.reason) == ("air", "x.csv", "empty file")


# raw events ------------------------------------------------------------------------------------------------------


def test_days_of_new_files_are_due_until_they_are_announced(ledger: Ledger) -> None:
    ledger.landed.register(landed(1, days={DAY: 3, NEXT: 4}))
    ledger.landed.register(landed(2, days={DAY: 5}))
    ledger.landed.register(landed(3, days={DAY: 7}, domain="vitals"))
    assert ledger.landed.unannounced("air") == {DAY: (2, 8), NEXT: (1, 4)}
    ledger.landed.announced("air", [DAY], 1)
    assert ledger.landed.unannounced("air") == {DAY: (1, 5), NEXT: (1, 4)}
    ledger.landed.announced("air", [DAY, NEXT], 1)
    assert ledger.landed.unannounced("air") == {DAY: (1, 5)}
    assert ledger.landed.unannounced("vitals") == {DAY: (1, 7)}


def test_a_file_that_landed_while_events_were_emitted_stays_due(ledger: Ledger) -> None:
    ledger.landed.register(landed(1, days={DAY: 3}))
    up_to = ledger.landed.last_arrival("air")
    ledger.landed.register(landed(2, days={DAY: 5}))
    ledger.landed.announced("air", [DAY], up_to)
    assert ledger.landed.unannounced("air") == {DAY: (1, 5)}


def test_announcing_nothing_or_again_changes_nothing(ledger: Ledger) -> None:
    ledger.landed.register(landed(1, days={DAY: 3}))
    ledger.landed.announced("air", [DAY], 0)
    ledger.landed.announced("air", [], 1)
    assert ledger.landed.unannounced("air") == {DAY: (1, 3)}
    for _ in range(2):
        ledger.landed.announced("air", [DAY], 1)
        assert ledger.landed.unannounced("air") == {}


# builds and attempts ---------------------------------------------------------------------------------------------


def test_a_build_replaces_the_one_before_it_and_leaves_others(ledger: Ledger) -> None:
    old, new, other = Built("d1", "o1", 1, 1), Built("d2", "o2", 2, 2), Built("d", "o", 0, 1)
    ledger.targets.record_built({TARGET: old, WHOLE: other}, NOW)
    ledger.targets.record_built({TARGET: new}, NOW)
    ledger.targets.record_built({}, NOW)
    assert ledger.targets.built() == {TARGET: new, WHOLE: other}


def test_attempts_at_the_same_digest_are_counted_and_another_digest_starts_anew(ledger: Ledger) -> None:
    def begun(digest: str) -> int:
        ledger.targets.begin_attempts({TARGET: digest}, NOW)
        return ledger.targets.attempts()[TARGET].attempts

    assert [begun("a"), begun("a"), begun("a"), begun("b"), begun("b"), begun("a")] == [1, 2, 3, 1, 2, 1]


def test_targets_are_counted_each_on_its_own(ledger: Ledger) -> None:
    ledger.targets.begin_attempts({TARGET: "a", OTHER: "a"}, NOW)
    ledger.targets.begin_attempts({TARGET: "a", WHOLE: "w"}, NOW)
    assert {target: attempt.attempts for target, attempt in ledger.targets.attempts().items()} == {
        TARGET: 2,
        OTHER: 1,
        WHOLE: 1,
    }


def test_an_attempt_says_when_it_was_made_and_why_it_failed(ledger: Ledger) -> None:
    ledger.targets.begin_attempts({TARGET: "a", OTHER: "a"}, NOW)
    ledger.targets.record_error(TARGET, "disk full")
    found = ledger.targets.attempts()
    assert found[TARGET] == Attempt("a", 1, "disk full", NOW)
    assert "before it said why" in found[OTHER].error


def test_a_new_attempt_forgets_the_error_of_the_last(ledger: Ledger) -> None:
    ledger.targets.begin_attempts({TARGET: "a"}, NOW)
    ledger.targets.record_error(TARGET, "disk full")
    ledger.targets.begin_attempts({TARGET: "a"}, NOW + timedelta(minutes=1))
    assert "before it said why" in ledger.targets.attempts()[TARGET].error
    assert ledger.targets.attempts()[TARGET].at == NOW + timedelta(minutes=1)


def test_a_build_clears_the_attempts_at_it_and_only_those(ledger: Ledger) -> None:
    ledger.targets.begin_attempts({TARGET: "a", OTHER: "a", WHOLE: "a"}, NOW)
    ledger.targets.record_built({TARGET: Built("a", "o", 1, 1), WHOLE: Built("a", "o", 1, 1)}, NOW)
    assert list(ledger.targets.attempts()) == [OTHER]


def test_an_error_without_an_attempt_makes_none(ledger: Ledger) -> None:
    ledger.targets.begin_attempts({}, NOW)
    ledger.targets.record_error(TARGET, "disk full")
    assert ledger.targets.attempts() == {}


def test_accounts_of_a_day_are_replaced_whole(ledger: Ledger) -> None:
    a, b = Account("2025-01-01", "a", 3, 1, 1, 1), Account("2025-01-01", "b", 1, 1, 0, 0)
    other = Account("2025-01-02", "a", 2, 2, 0, 0)
    first, second = ("silver/air", "2025-01-01"), ("silver/air", "2025-01-02")
    built = Built("a", "o", 1, 1)
    ledger.targets.record_built(
        {first: built, second: built}, NOW, {("air", first[1]): [b, a], ("air", second[1]): [other]}
    )
    assert ledger.targets.accounts("air") == [a, b, other]
    ledger.targets.record_built({first: built}, NOW, {("air", first[1]): [b]})
    assert ledger.targets.accounts("air") == [b, other]
    ledger.targets.record_built({first: built}, NOW, {("air", first[1]): []})
    assert ledger.targets.accounts("air") == [other]
    assert ledger.targets.accounts("vitals") == []


# runs ------------------------------------------------------------------------------------------------------------


def test_the_latest_runs_come_first_and_those_that_never_began_last(ledger: Ledger) -> None:
    def run(name: str, started_at: datetime | None) -> LoggedRun:
        return LoggedRun(name, "air_job", "air", "", "FAILURE", started_at, NOW, 1, 2, 3, "a\x00b")

    never, early, late = run("never", None), run("early", NOW - timedelta(hours=1)), run("late", NOW)
    for each in (never, late, early, late):
        ledger.runs.note(each)
    assert [each.run_id for each in ledger.runs.latest(5)] == ["late", "early", "never"]
    assert ledger.runs.latest(1) == [replace(late, error="a\\x00b")]


# several processes -----------------------------------------------------------------------------------------------


def test_new_ledgers_that_several_processes_open_at_once_are_made_once(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path / f'{n}.sqlite'}" for n in range(60)]
    taken = at_once(open_new, [(urls,)] * 5)
    assert all(sorted(of_ledger) == [1, 2, 3, 4, 5] for of_ledger in zip(*taken, strict=True))


def test_eight_processes_that_open_a_new_ledger_at_once_never_share_an_arrival_number(url: str) -> None:
    taken = at_once(take_numbers, [(url, 50)] * 8)
    assert sorted(number for numbers in taken for number in numbers) == list(range(1, 401))
    assert all(numbers == sorted(numbers) for numbers in taken)


def test_of_several_processes_that_register_a_file_exactly_one_does(url: str) -> None:
    done = at_once(register_same, [(url, number, 20) for number in range(1, 5)])
    assert [sum(of_file) for of_file in zip(*done, strict=True)] == [1] * 20
    ledger = Ledger(url)
    assert len(ledger.landed.files("air")) == 20
    assert ledger.landed.unannounced("air") == {DAY: (20, 20)}
    assert ledger.landed.next_arrival() > max(ledger.landed.files("air"))


def test_no_attempt_of_several_processes_goes_uncounted(url: str) -> None:
    at_once(begin_again, [(url, 25)] * 4)
    assert Ledger(url).targets.attempts()[TARGET].attempts == 100


def test_builds_and_accounts_of_several_processes_are_each_wholly_those_of_one(url: str) -> None:
    at_once(build_and_account, [(url, number, 25) for number in range(4)])
    ledger = Ledger(url)
    built = ledger.targets.built()[TARGET]
    assert built == Built(f"d{built.seen}", f"o{built.seen}", built.seen, built.seen)
    one, other = ledger.targets.accounts("air")
    assert (one.source, other.source, one.records) == ("a", "b", other.records)
    with create_engine(url).connect() as connection:
        assert len(connection.execute(select(schema.redeliveries)).all()) == 100
