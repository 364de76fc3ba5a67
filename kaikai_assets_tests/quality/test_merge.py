"""Many deliveries become one row a key, whatever the order and however often they come."""

from collections import Counter
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from kaikai_assets.quality.merge import Merged, merge

KEY = ["entity", "time"]
METRICS = ["a", "b"]
Cell = float | None | str
"""A value, nothing, or ``"bad"``: a cell that could not be read."""


@dataclass(frozen=True)
class Record:
    """A record as it comes out of typing. Its file is its arrival."""

    arrival: int
    number: int
    entity: str | None = "S1"
    time: int = 0
    a: Cell = None
    b: Cell = None
    ahead: bool = False

    @property
    def key(self) -> tuple[str | None, int]:
        return self.entity, self.time

    def value(self, metric: str) -> float | None:
        cell: Cell = getattr(self, metric)
        return None if isinstance(cell, str) else cell

    @property
    def row(self) -> dict[str, Any]:
        cells = {metric: self.value(metric) for metric in METRICS}
        bad = {f"{metric}_bad": getattr(self, metric) == "bad" for metric in METRICS}
        return {
            "entity": self.entity,
            "time": self.time,
            "source": f"source {self.arrival % 2}",
            "raw_file": f"{self.arrival}.csv",
            "arrival_seq": self.arrival,
            "record": self.number,
            "ahead": self.ahead,
            **cells,
            **bad,
        }


SCHEMA = {name: pl.Series([value]).dtype for name, value in Record(1, 1, a=1.0, b=1.0).row.items()}


def merged(records: list[Record]) -> Merged:
    return merge(pl.DataFrame([record.row for record in records], schema=SCHEMA), KEY, METRICS)


def assert_same(one: Merged, other: Merged) -> None:
    assert_frame_equal(one.rows, other.rows)
    order = [*KEY, "column", "arrival_seq", "record"]
    assert_frame_equal(one.contradictions.sort(order), other.contradictions.sort(order))


def only(*records: Record) -> dict[str, Any]:
    """The one row that records of one key become."""
    rows = merged(list(records)).rows
    assert rows.height == 1
    return rows.row(0, named=True)


# by example ------------------------------------------------------------------------------------------------------


def test_a_single_record_stays_as_it_is() -> None:
    record = Record(1, 2, a=5.0, b="bad")
    assert only(record) | {"ahead": False} == record.row | {"a_doubt": False, "b_doubt": False}


def test_a_later_value_corrects_an_earlier_one() -> None:
    assert only(Record(1, 1, a=5.0), Record(2, 1, a=4.0))["a"] == 4.0


def test_an_empty_cell_erases_nothing_and_neither_does_a_bad_one() -> None:
    row = only(Record(1, 1, a=5.0, b=1.0), Record(2, 1, b="bad"))
    assert (row["a"], row["b"], row["a_bad"], row["b_bad"]) == (5.0, 1.0, False, True)


def test_deliveries_that_fill_different_cells_complete_each_other() -> None:
    row = only(Record(1, 1, a=5.0), Record(2, 1, b=1.0))
    assert (row["a"], row["b"]) == (5.0, 1.0)


def test_a_redelivery_never_undoes_a_correction() -> None:
    row = only(Record(1, 1, a=5.0), Record(2, 1, a=4.0), Record(3, 1, a=5.0), Record(4, 9, a=5.0, b=2.0))
    assert (row["a"], row["b"]) == (4.0, 2.0)


def test_a_value_that_comes_back_in_another_record_keeps_its_first_rank() -> None:
    assert only(Record(1, 1, a=5.0, b=1.0), Record(2, 1, a=4.0), Record(3, 1, a=5.0, b=2.0))["a"] == 4.0


def test_of_two_values_of_one_file_the_larger_wins_is_doubtful_and_the_other_is_listed() -> None:
    found = merged([Record(1, 1, a=7.0), Record(1, 2, a=9.0), Record(1, 3, a=8.0)])
    assert found.rows.select("a", "a_doubt", "b_doubt").rows() == [(9.0, True, False)]
    assert found.contradictions.sort("record").to_dicts() == [
        {
            "entity": "S1",
            "time": 0,
            "source": "source 1",
            "raw_file": "1.csv",
            "record": number,
            "arrival_seq": 1,
            "column": "a",
            "raw_value": value,
        }
        for number, value in [(1, "7.0"), (3, "8.0")]
    ]


def test_a_contradiction_that_a_later_file_settles_is_none() -> None:
    found = merged([Record(1, 1, a=7.0), Record(1, 2, a=9.0), Record(2, 1, a=1.0)])
    assert found.rows.select("a", "a_doubt").rows() == [(1.0, False)]
    assert found.contradictions.height == 0


def test_a_repetition_within_one_file_is_no_contradiction() -> None:
    found = merged([Record(1, 1, a=7.0), Record(1, 2, a=7.0)])
    assert found.rows.select("a", "a_doubt", "record").rows() == [(7.0, False, 1)]


def test_a_value_that_came_ahead_of_time_is_doubtful_until_another_replaces_it() -> None:
    early = Record(1, 1, a=7.0, ahead=True)
    assert only(early)["a_doubt"]
    assert only(early, Record(2, 1, a=7.0))["a_doubt"]
    assert not only(early, Record(2, 1, a=8.0))["a_doubt"]
    assert only(early, Record(2, 1, b=8.0))["a_doubt"]


def test_the_record_whose_content_was_seen_latest_leads() -> None:
    row = only(Record(1, 5, a=5.0), Record(2, 6, a=4.0), Record(3, 7, a=5.0))
    assert (row["source"], row["raw_file"], row["arrival_seq"], row["record"]) == ("source 0", "2.csv", 2, 6)


def test_keys_may_hold_nulls() -> None:
    found = merged([Record(1, 1, entity=None, a=5.0), Record(2, 1, entity=None, a=4.0), Record(1, 2, a=1.0)])
    assert found.rows.select("entity", "a").rows() == [(None, 4.0), ("S1", 1.0)]


def test_rows_without_metrics_merge_by_key_alone() -> None:
    rows = pl.DataFrame([record.row for record in (Record(1, 1), Record(2, 1))], schema=SCHEMA)
    found = merge(rows.drop("a", "b", "a_bad", "b_bad"), KEY, [])
    assert found.rows["arrival_seq"].to_list() == [1]


def test_texts_merge_by_the_same_rule() -> None:
    rows = pl.DataFrame([record.row for record in (Record(1, 1), Record(2, 1), Record(3, 1))], schema=SCHEMA)
    named = rows.with_columns(a=pl.Series(["Plateau", "Médina", "Plateau"]))
    assert merge(named, KEY, ["a"]).rows["a"].to_list() == ["Médina"]


# by an oracle ----------------------------------------------------------------------------------------------------

cells = st.sampled_from([None, None, "bad", 0.0, 1.0, 2.0])


@st.composite
def deliveries(draw: st.DrawFn) -> list[Record]:
    """Records of a few files; a reading is ahead of time in all arrivals before some one."""
    ahead_until = {time: draw(st.integers(0, 3)) for time in (0, 1)}
    found = []
    for number in range(draw(st.integers(0, 14))):
        arrival, time = draw(st.integers(1, 4)), draw(st.sampled_from([0, 1]))
        entity = draw(st.sampled_from(["S1", "S2", None]))
        ahead = arrival <= ahead_until[time]
        found.append(Record(arrival, number, entity, time, draw(cells), draw(cells), ahead))
    return found


def expected(records: list[Record]) -> tuple[list[dict[str, Any]], Counter[tuple[Any, ...]]]:
    """The rule in plain Python: the rank of a value is the first arrival of that very value among its key's records;
    the highest rank wins, of equal ranks the larger value."""
    rows, losers = [], Counter[tuple[Any, ...]]()
    for key in {record.key for record in records}:
        of_key = sorted((r for r in records if r.key == key), key=lambda r: (r.arrival, r.number))
        row: dict[str, Any] = dict(zip(KEY, key, strict=True))
        for metric in METRICS:
            first: dict[float, Record] = {}
            for record in of_key:
                value = record.value(metric)
                if value is not None:
                    first.setdefault(value, record)
            top = max((r.arrival for r in first.values()), default=0)
            tied = sorted((value for value, r in first.items() if r.arrival == top), reverse=True)
            row[metric] = tied[0] if tied else None
            row[f"{metric}_doubt"] = bool(tied) and (len(tied) > 1 or first[tied[0]].ahead)
            row[f"{metric}_bad"] = any(getattr(record, metric) == "bad" for record in of_key)
            losers.update((*key, metric, str(v), first[v].arrival, first[v].number) for v in tied[1:])
        contents: dict[tuple[Cell, Cell], Record] = {}
        for record in of_key:
            contents.setdefault((record.a, record.b), record)
        leading = list(contents.values())[-1]
        row |= {"arrival_seq": leading.arrival, "record": leading.number}
        rows.append(row)
    return rows, losers


@settings(max_examples=500, deadline=None)
@given(deliveries())
def test_the_value_first_seen_latest_wins(records: list[Record]) -> None:
    found = merged(records)
    rows, losers = expected(records)
    # What is not there cannot be doubtful: the mark of an empty cell means nothing.
    shown = found.rows.with_columns(pl.col(f"{m}_doubt") & pl.col(m).is_not_null() for m in METRICS)
    names = list(rows[0]) if rows else []
    assert Counter(tuple(row[n] for n in names) for row in rows) == Counter(shown.select(names).rows())
    listed = found.contradictions.select(*KEY, "column", "raw_value", "arrival_seq", "record").rows()
    assert Counter(listed) == losers


@settings(max_examples=200, deadline=None)
@given(deliveries())
def test_there_is_one_row_for_each_key_in_the_order_of_keys(records: list[Record]) -> None:
    keys = merged(records).rows.select(KEY)
    assert Counter(keys.rows()) == Counter({record.key for record in records})
    assert_frame_equal(keys, keys.sort(KEY))


@settings(max_examples=200, deadline=None)
@given(deliveries(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(records: list[Record], random: Random) -> None:
    shuffled = random.sample(records, len(records))
    assert_same(merged(shuffled), merged(records))


@settings(max_examples=300, deadline=None)
@given(deliveries(), st.data())
def test_redelivering_any_records_any_number_of_times_changes_nothing(
    records: list[Record], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(records), max_size=10)) if records else []
    arrivals = data.draw(st.lists(st.integers(5, 8), min_size=len(again), max_size=len(again)))
    later = [
        replace(record, arrival=arrival, number=100 + number, ahead=False)
        for number, (record, arrival) in enumerate(zip(again, arrivals, strict=True))
    ]
    assert_same(merged(records + later), merged(records))


@settings(max_examples=200, deadline=None)
@given(deliveries(), st.permutations([1, 2, 3, 4]))
def test_without_contradicting_values_the_order_of_landing_does_not_matter(
    records: list[Record], order: list[int]
) -> None:
    def agreed(cell: Cell, record: Record, metric: str) -> Cell:
        return cell if not isinstance(cell, float) else float(len(f"{record.entity}{metric}") + record.time)

    agreeing = [replace(r, a=agreed(r.a, r, "a"), b=agreed(r.b, r, "bb"), ahead=False) for r in records]
    landed = [replace(record, arrival=order[record.arrival - 1]) for record in agreeing]
    arrival_dependent = ["source", "raw_file", "arrival_seq", "record"]
    one, other = merged(agreeing), merged(landed)
    assert one.contradictions.height == other.contradictions.height == 0
    assert_frame_equal(one.rows.drop(arrival_dependent), other.rows.drop(arrival_dependent))
