"""The quarantine holds each content once: what came again is counted, not listed again."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaikai_assets.domains.air.contracts import Quarantine
from kaikai_assets.lake.content import canonical
from kaikai_assets.quality.contracts import validate
from kaikai_assets.quality.merge import merge
from kaikai_assets.quality.quarantine import from_contradictions, mark_repeated
from kaikai_assets_tests.quality.bronze import ARRIVAL, ENTITY, conformed, record

SCHEMA = conformed().quarantine.schema
ENTRY: dict[str, Any] = {
    "day": date(2025, 1, 1),
    "source": "wide",
    "raw_file": "1.csv",
    "record": 1,
    "arrival_seq": 1,
    "kind": "cell",
    ENTITY: "S1",
    "time": ARRIVAL,
    "column": "pm25",
    "raw_value": "x",
    "rule": "not_a_number",
    "reason": "the cell is not a number",
}
CONTENT = ("day", "kind", "source", ENTITY, "time", "column", "raw_value", "rule")


def entries(*changes: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([ENTRY | change for change in changes], schema=SCHEMA)


def repeated(*changes: dict[str, Any]) -> dict[tuple[int, int], bool]:
    """By arrival and record."""
    marked = mark_repeated(entries(*changes), ENTITY)
    return {(row["arrival_seq"], row["record"]): row["repeated"] for row in marked.iter_rows(named=True)}


def test_the_first_arrival_of_a_content_stands_and_later_ones_are_repeated() -> None:
    later = {"arrival_seq": 2, "raw_file": "0.csv", "record": 0}
    assert repeated(later, {}, {"record": 9}) == {(1, 1): False, (1, 9): True, (2, 0): True}


@pytest.mark.parametrize(
    "change",
    [
        {"day": date(2025, 1, 2)},
        {"kind": "record"},
        {"source": "long"},
        {ENTITY: "S2"},
        {ENTITY: None},
        {"time": datetime(2025, 1, 1, tzinfo=UTC)},
        {"time": None},
        {"column": "co2"},
        {"column": None},
        {"raw_value": "y"},
        {"raw_value": None},
        {"rule": "impossible"},
    ],
)
def test_another_content_is_no_repetition(change: dict[str, Any]) -> None:
    assert set(repeated({}, {**change, "arrival_seq": 2}).values()) == {False}
    assert sorted(repeated(change, {**change, "arrival_seq": 2}).values()) == [False, True]


def test_an_empty_quarantine_stays_empty() -> None:
    assert mark_repeated(entries(), ENTITY).height == 0


some: Callable[..., Any] = st.sampled_from
changes = st.fixed_dictionaries(
    {
        "arrival_seq": st.integers(1, 3),
        ENTITY: some([None, "S1"]),
        "column": some([None, "pm25"]),
        "raw_value": some(["x", "y"]),
        "day": some([date(2025, 1, 1), date(2025, 1, 2)]),
    }
)


@settings(max_examples=200, deadline=None)
@given(st.lists(changes, max_size=12), st.randoms(use_true_random=False))
def test_exactly_the_earliest_of_each_content_stands_in_whatever_order_they_are_given(
    given: list[dict[str, Any]], random: Any
) -> None:
    numbered = [change | {"record": number} for number, change in enumerate(given)]
    first: dict[tuple[Any, ...], tuple[int, int]] = {}
    for entry in sorted((ENTRY | c for c in numbered), key=lambda e: (e["arrival_seq"], e["record"])):
        first.setdefault(tuple(entry[name] for name in CONTENT), (entry["arrival_seq"], entry["record"]))
    random.shuffle(numbered)
    assert {at for at, again in repeated(*numbered).items() if not again} == set(first.values())


def test_what_stands_satisfies_the_contract_of_a_quarantine_contradictions_included() -> None:
    found = conformed(
        record(1, pm25="1", co2="x"),
        record(2, pm25="2"),
        record(3, at=None, pm25="1"),
        record(4, at=None, pm25="1"),
        record(3, pm25="x", arrival_seq=2, raw_file="b.csv"),
    )
    merged = merge(found.rows, ["day", "grain", ENTITY, "time"], ["pm25", "temperature", "co2"])
    listed = from_contradictions(merged.contradictions, ENTITY)
    assert listed.select("kind", "column", "raw_value", "rule", "record").rows() == [
        ("cell", "pm25", "1.0", "contradiction", 1)
    ]
    marked = mark_repeated(pl.concat([found.quarantine, listed], how="diagonal_relaxed"), ENTITY)
    assert sorted(marked.filter("repeated").select("rule", "record").rows()) == [("no_time", 4)]
    validate("silver/air_quarantine", Quarantine, canonical(Quarantine, marked.filter(~pl.col("repeated"))))
