"""Equal tables have equal hashes, different ones different hashes, however their rows are stored."""

import math
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from random import Random
from typing import Annotated, Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from kaikai_assets.lake.content import canonical, content_hashes
from kaikai_assets.quality.contracts import Contract, schema

DAYS = [date(2025, 1, 1) + timedelta(days=n) for n in range(3)]
NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


class Table(pa.DataFrameModel):
    day: pl.Date = pa.Field()
    sensor: str = pa.Field(nullable=True, metadata={"key": True})
    time: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(nullable=True, metadata={"key": True})
    text: str = pa.Field(nullable=True)
    other: str = pa.Field(nullable=True)
    mean: float = pa.Field(nullable=True, metadata={"decimals": 3})
    exact: float = pa.Field(nullable=True)
    small: pl.Float32 = pa.Field(nullable=True)
    count: int = pa.Field(nullable=True)
    flag: pl.UInt8 = pa.Field(nullable=True)
    yes: bool = pa.Field(nullable=True)
    arrival: int = pa.Field(nullable=True, metadata={"arrival_dependent": True})


class Whole(pa.DataFrameModel):
    sensor: str = pa.Field(metadata={"key": True})
    text: str = pa.Field(nullable=True)


class Keyless(pa.DataFrameModel):
    value: float = pa.Field(nullable=True)
    arrival: int = pa.Field(nullable=True, metadata={"arrival_dependent": True})


def row(**given: Any) -> dict[str, Any]:
    return {"day": DAYS[0], "sensor": "S1", "time": NOON, **given}


def table(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=schema(Table))


def hashes(*rows: dict[str, Any]) -> dict[str, tuple[int, str]]:
    return content_hashes(Table, canonical(Table, table(*rows)))


def hash_of(contract: Contract, **values: list[Any]) -> str:
    frame = pl.DataFrame(values, schema_overrides={n: t for n, t in schema(contract).items() if n in values})
    ((_, digest),) = content_hashes(contract, canonical(contract, frame)).values()
    return digest


# canonical rows --------------------------------------------------------------------------------------------------


def test_rows_are_sorted_by_day_and_key_with_nulls_first() -> None:
    later = NOON + timedelta(hours=1)
    rows = [
        row(day=DAYS[1], sensor="A"),
        row(sensor="b"),
        row(sensor="B"),
        row(sensor="B", time=later),
        row(sensor=None),
        row(sensor="B", time=None),
    ]
    found = canonical(Table, table(*rows)).select("day", "sensor", "time").rows()
    assert found == [
        (DAYS[0], None, NOON),
        (DAYS[0], "B", None),
        (DAYS[0], "B", NOON),
        (DAYS[0], "B", later),
        (DAYS[0], "b", NOON),
        (DAYS[1], "A", NOON),
    ]


@pytest.mark.parametrize("moved", range(5))
def test_one_row_out_of_order_is_put_in_its_place(moved: int) -> None:
    hours = [row(day=day, sensor=name, time=NOON + timedelta(hours=h)) for day in DAYS for name in "AB" for h in (0, 1)]
    shifted = [*hours[:moved], *hours[moved + 1 :], hours[moved]]
    assert_frame_equal(canonical(Table, table(*shifted)), canonical(Table, table(*hours)))
    assert canonical(Table, table(*shifted)).select("day", "sensor", "time").rows() == [
        (r["day"], r["sensor"], r["time"]) for r in hours
    ]


def test_columns_stand_in_the_order_and_types_of_the_contract_and_others_are_left_out() -> None:
    frame = pl.DataFrame(
        {"extra": [1], "count": [2.0], "day": [DAYS[0]], "flag": [1], "small": [0.1], "sensor": ["S1"], "time": [NOON]}
    )
    found = canonical(Table, frame)
    assert found.schema == pl.Schema(schema(Table))
    assert found.select("count", "flag", "text", "yes").row(0) == (2, 1, None, None)


@pytest.mark.parametrize("frame", [pl.DataFrame(), pl.DataFrame({"extra": []}), table()])
def test_no_rows_stay_no_rows(frame: pl.DataFrame) -> None:
    assert_frame_equal(canonical(Table, frame), table())
    assert content_hashes(Table, canonical(Table, frame)) == {}


def test_floats_are_rounded_to_the_decimals_of_their_column_only() -> None:
    found = canonical(Table, table(row(mean=0.12349, exact=0.12349999)))
    assert found.select("mean", "exact").row(0) == (0.123, 0.12349999)


def test_the_last_bit_of_a_sum_decides_nothing_half_way_between_two_decimals() -> None:
    half = 0.0025 + 99.186
    values = [math.nextafter(half, 0), half, math.nextafter(half, 100)]
    assert len({round(value, 3) for value in values}) == 2
    found = canonical(Table, table(*(row(sensor=str(n), mean=value) for n, value in enumerate(values))))
    assert found["mean"].n_unique() == 1


@pytest.mark.parametrize("zero", [-0.0, 0.0, -0.0004])
@pytest.mark.parametrize("count", [1, 3])
def test_there_is_one_zero(zero: float, count: int) -> None:
    rows = [row(sensor=str(n), mean=zero, exact=zero * 0, small=zero * 0) for n in range(count)]
    found = canonical(Table, table(*rows))
    signs = {math.copysign(1, value) for name in ("mean", "exact", "small") for value in found[name]}
    assert signs == {1}
    assert hashes(*rows) == hashes(*(r | {"mean": 0.0, "exact": 0.0, "small": 0.0} for r in rows))


def test_what_is_not_a_number_is_nothing() -> None:
    assert canonical(Table, table(row(mean=math.nan, exact=math.nan))).select("mean", "exact").row(0) == (None, None)


some_floats = st.one_of(
    st.floats(), st.floats(-1e4, 1e4), st.floats(1e9, 1e20), st.sampled_from([0.0005, 0.0015, -0.0005, 1e15, 1e300])
)


@settings(max_examples=300, deadline=None)
@given(st.lists(some_floats, min_size=1, max_size=5))
def test_canonical_rows_are_canonical_already(values: list[float]) -> None:
    once = canonical(Table, table(*(row(sensor=str(n), mean=v, exact=v) for n, v in enumerate(values))))
    assert_frame_equal(canonical(Table, once), once, check_exact=True)
    assert content_hashes(Table, canonical(Table, once)) == content_hashes(Table, once)


# hashes ----------------------------------------------------------------------------------------------------------

cells = st.fixed_dictionaries(
    {
        "text": st.sampled_from([None, "", "a", "ab", "b", "µ", "null"]),
        "other": st.sampled_from([None, "", "a", "ab", "b"]),
        "mean": st.sampled_from([None, 0.0, -0.0, 0.001, -0.001]),
        "exact": st.sampled_from([None, 0.0, -0.0, 5e-324, 1.0]),
        "small": st.sampled_from([None, 0.0, -0.0, 1.0]),
        "count": st.sampled_from([None, 0, 1, 256]),
        "flag": st.sampled_from([None, 0, 1]),
        "yes": st.sampled_from([None, False, True]),
        "arrival": st.integers(0, 3),
    }
)
keys = st.tuples(st.sampled_from(DAYS), st.sampled_from(["S1", "S2", "", None]), st.sampled_from([NOON, None]))
tables = st.dictionaries(keys, cells, max_size=8).map(
    lambda found: [{"day": d, "sensor": s, "time": t, **c} for (d, s, t), c in found.items()]
)


@settings(max_examples=200, deadline=None)
@given(tables, st.randoms(use_true_random=False), st.integers(1, 4))
def test_hashes_do_not_depend_on_row_order_chunks_further_columns_or_arrival(
    rows: list[dict[str, Any]], random: Random, chunk: int
) -> None:
    shuffled = [r | {"arrival": random.randint(0, 9)} for r in random.sample(rows, len(rows))]
    chunks = [table(*shuffled[start : start + chunk]) for start in range(0, len(rows), chunk)]
    frame = pl.concat([table(), *chunks], rechunk=False).with_columns(extra=pl.lit("x"))
    found = canonical(Table, frame)
    assert content_hashes(Table, found) == hashes(*rows)
    # Also as a view into a larger frame, and in pieces.
    pieces = pl.concat([found[n : n + 1] for n in range(found.height)] or [found], rechunk=False)
    assert content_hashes(Table, pieces) == hashes(*rows)


@settings(max_examples=300, deadline=None)
@given(tables, tables)
def test_hashes_are_equal_exactly_where_values_are(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    def days(rows: list[dict[str, Any]]) -> dict[str, set[tuple[Any, ...]]]:
        found: dict[str, set[tuple[Any, ...]]] = {}
        for r in rows:
            found.setdefault(r["day"].isoformat(), set()).add(tuple(v for n, v in r.items() if n != "arrival"))
        return found

    mine, yours = hashes(*one), hashes(*other)
    assert mine.keys() == days(one).keys()
    assert {day: n for day, (n, _) in mine.items()} == {day: len(rows) for day, rows in days(one).items()}
    for day in mine.keys() & yours.keys():
        assert (mine[day] == yours[day]) == (days(one)[day] == days(other)[day])


@settings(max_examples=200, deadline=None)
@given(tables)
def test_the_hash_of_a_day_does_not_depend_on_the_other_days(rows: list[dict[str, Any]]) -> None:
    alone = [hashes(*(r for r in rows if r["day"] == day)) for day in DAYS]
    assert hashes(*rows) == {day: found for of_day in alone for day, found in of_day.items()}


@settings(max_examples=200, deadline=None)
@given(tables.filter(bool), st.data())
def test_any_change_of_one_value_changes_the_hash_of_its_day_only(
    rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from([n for n in rows[at] if n not in ("day", "sensor", "time", "arrival")]))
    value = data.draw(cells)[name]
    changed = [*rows[:at], rows[at] | {name: value}, *rows[at + 1 :]]
    before, after = hashes(*rows), hashes(*changed)
    different = {day for day in before if before[day] != after[day]}
    assert different == ({rows[at]["day"].isoformat()} if value != rows[at][name] else set())


def test_nothing_empty_and_zero_are_three_things() -> None:
    assert len({str(hashes(row(text=text))) for text in (None, "", "0", "null")}) == 4
    assert len({str(hashes(row(count=count, yes=yes))) for count in (None, 0) for yes in (None, False)}) == 4
    assert hashes(row(mean=None)) != hashes(row(mean=0.0))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["ab", "c"], ["a", "bc"]),
        (["", "a"], ["a", ""]),
        ([None, "a"], ["a", None]),
        (["a", None], ["a", ""]),
        (["|text:String|", ""], ["", "|text:String|"]),
    ],
)
def test_texts_that_are_the_same_when_joined_differ(one: list[str | None], other: list[str | None]) -> None:
    assert hash_of(Whole, sensor=["1", "2"], text=one) != hash_of(Whole, sensor=["1", "2"], text=other)


def test_a_text_does_not_wander_from_one_column_to_the_next() -> None:
    assert hashes(row(text="a", other="")) != hashes(row(text="", other="a"))
    assert hashes(row(text="a", other=None)) != hashes(row(text=None, other="a"))


def test_a_row_less_changes_the_hash() -> None:
    assert hashes(row()) != hashes(row(), row(sensor=None))


def test_a_table_without_days_is_one_part() -> None:
    frame = canonical(Whole, pl.DataFrame({"sensor": ["b", "a"], "text": [None, "x"]}))
    assert list(content_hashes(Whole, frame)) == [""]
    assert content_hashes(Whole, frame)[""][0] == 2
    assert content_hashes(Whole, frame.clear())[""][0] == 0


def test_a_table_without_a_key_does_not_depend_on_the_order_of_rows_either() -> None:
    assert hash_of(Keyless, value=[1.0, 2.0, 1.0], arrival=[1, 2, 3]) == hash_of(
        Keyless, value=[2.0, 1.0, 1.0], arrival=[1, 2, 3]
    )
    assert hash_of(Keyless, value=[1.0, 2.0, 1.0]) != hash_of(Keyless, value=[1.0, 2.0, 2.0])


def test_long_runs_are_told_apart() -> None:
    columns: list[list[Any]] = [
        [None] * 40,
        [""] * 40,
        ["x"] * 40,
        [None] * 39 + ["x"],
        [None] * 38 + ["x"] * 2,
        ["x"] * 39 + [None],
        ["x"] * 20 + ["y"] * 20,
        ["x"] * 19 + ["y"] * 21,
        ["x"] * 20 + ["y"] * 19 + ["x"],
    ]
    found = [hash_of(Whole, sensor=[f"{n:02}" for n in range(40)], text=texts) for texts in columns]
    assert len(set(found)) == len(columns)


some_runs = st.lists(st.tuples(st.sampled_from([None, "", "x", "µg"]), st.integers(1, 30)), max_size=6)


@settings(max_examples=300, deadline=None)
@given(st.lists(some_runs, min_size=len(DAYS), max_size=len(DAYS)))
def test_a_day_has_one_hash_whatever_days_stand_beside_it(of_days: list[list[tuple[str | None, int]]]) -> None:
    rows = [
        [
            row(day=day, time=NOON + timedelta(minutes=n), text=text, count=None if text is None else len(text))
            for n, text in enumerate(text for text, length in runs for _ in range(length))
        ]
        for day, runs in zip(DAYS, of_days, strict=True)
    ]
    assert hashes(*chain(*rows)) == {day: found for of_day in rows for day, found in hashes(*of_day).items()}


def test_a_hash_is_the_same_in_every_process_and_version() -> None:
    assert hashes(row(text="µ", mean=0.5, count=-1, yes=True, flag=9)) == {
        "2025-01-01": (1, "602e1973776c25399191166f8ffb2ac2")
    }
