"""The design's invariants on the whole product: files land in the inbox, days are built in the lake."""

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.landing.raw import sidecars
from kaikai_assets_tests.end_to_end.product import DERIVED, outputs
from kaikai_assets_tests.properties.deliveries import DAYS, READINGS, File, files, files_of, settled_lines
from kaikai_assets_tests.properties.product import (
    TABLES,
    Clock,
    assert_up_to_date,
    days_to_build,
    deliver,
    expected,
    fresh,
    interrupted_before,
    some_tables,
    stored,
    work,
)

pytestmark = pytest.mark.slow

examples = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


works = st.fixed_dictionaries(
    {
        "days": st.frozensets(st.sampled_from(DAYS)),
        "tables": st.one_of(st.just(TABLES), some_tables),
        "only_pending": st.booleans(),
        "reparse": st.booleans(),
    }
)
"""Runs as any road through Dagster may start them."""

groups = st.sampled_from([1, 4, 1_000_000])
minutes = st.sampled_from([0, 0, 1, 20, 60, 1440, -30])


@examples
@given(st.lists(files(), min_size=1, max_size=6), groups)
def test_every_record_is_accounted_for_and_every_table_is_a_clean_rebuild(given: list[File], group: int) -> None:
    with fresh(Clock(), group) as platform:
        for number, file in enumerate(given):
            deliver(platform, file, f"{number}")
        landed = {(f.source, f.sha256): f.records for f in sidecars(platform.settings.raw)}
        assert sum(landed.values()) == sum(file.records for file in set(given))
        assert_up_to_date(platform)


@examples
@given(st.lists(st.tuples(files(), minutes, st.lists(works, max_size=2)), min_size=1, max_size=4), groups)
def test_any_runs_between_arrivals_end_as_one_clean_build(
    history: list[tuple[File, int, list[dict[str, Any]]]], group: int
) -> None:
    clock = Clock()
    with fresh(clock, group) as platform:
        for number, (file, passed, runs) in enumerate(history):
            clock.advance(passed)
            deliver(platform, file, f"{number}")
            for run in runs:
                work(platform, **run)
        assert_up_to_date(platform)


@examples
@given(st.lists(settled_lines, min_size=1, max_size=16), st.randoms(use_true_random=False))
def test_without_contradictions_any_order_batching_and_repetition_of_records_gives_the_same_tables(
    given: list[tuple[str, str]], random: Random
) -> None:
    again = given + random.sample(given, len(given) // 2)
    random.shuffle(again)
    shuffled = files_of(again, random.randint(1, len(again)))
    random.shuffle(shuffled)
    with fresh(Clock()) as ordered, fresh(Clock()) as other:
        for number, file in enumerate(files_of(given, len(given))):
            deliver(ordered, file, f"{number}")
        for number, file in enumerate(shuffled):
            deliver(other, file, f"{number}")
            if random.random() < 0.2:
                work(other, random.sample(DAYS, 2))
        work(other, days_to_build(other))
        once = {target: output for target, output in expected(ordered).items() if target[0] in DERIVED}
        assert outputs(other) == once


OF_ONE_DAY = {AIR.bronze, "silver/air_measurements", "silver/air_quarantine"}
"""Tables whose day reads no other day: it always tells of all files up to one arrival."""


@examples
@given(st.lists(st.tuples(files().filter(lambda f: f.source in READINGS), st.integers(1, 40)), min_size=1, max_size=4))
def test_a_kill_at_any_write_leaves_each_day_as_some_run_would_have_made_it(history: list[tuple[File, int]]) -> None:
    with fresh(Clock()) as platform:
        states = [expected(platform)]
        for number, (file, write) in enumerate(history):
            with interrupted_before(write):
                deliver(platform, file, f"{number}")
                work(platform, days_to_build(platform))
            platform.land(AIR)
            states.append(expected(platform))
            found = stored(platform)
            for target in {t for state in states for t in state if t[0] in OF_ONE_DAY}:
                assert found.get(target) in {state.get(target) for state in states}
        assert_up_to_date(platform)
