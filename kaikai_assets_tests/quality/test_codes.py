"""Rows are ordered by their codes as by their columns, and equal where they are."""

from datetime import UTC

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaikai_assets.quality.codes import codes, in_order

SCHEMA = {"day": pl.Date(), "entity": pl.String(), "time": pl.Datetime("us", "UTC"), "number": pl.Int64()}
rows = st.tuples(
    st.none() | st.dates(),
    st.none() | st.text(max_size=3),
    st.none() | st.datetimes(timezones=st.just(UTC)),
    st.none() | st.integers(-(2**40), 2**40),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(rows, max_size=10).flatmap(lambda few: st.permutations(few + few[:3])))
def test_codes_stand_for_the_rows_in_their_order(given: list[tuple[object, ...]]) -> None:
    frame = pl.DataFrame(given, schema=SCHEMA, orient="row")
    for by in (["day", "entity", "time", "number"], ["time", "number"], ["entity"]):
        assert (
            in_order(pl.concat([frame[1:], frame[:1]], rechunk=False), by).select(by).equals(frame.sort(by).select(by))
        )
        coded = frame.with_columns(code=codes(frame, by))
        assert coded.sort("code").select(by).equals(frame.sort(by).select(by))
        assert coded["code"].n_unique() == frame.select(by).n_unique()


@pytest.mark.parametrize("count", [0, 1])
def test_without_columns_to_tell_them_apart_all_are_equal(count: int) -> None:
    assert codes(pl.DataFrame({"a": [None] * count}), []).to_list() == [0] * count


@pytest.mark.parametrize("same", ["x", None])
def test_a_column_of_one_value_changes_nothing_wherever_it_stands(same: str | None) -> None:
    frame = pl.DataFrame(
        {"same": [same] * 4, "a": ["n", None, "m", "n"], "b": [1, 2, 2, 0]}, schema_overrides={"same": pl.String}
    )
    for by in (["same", "a", "b"], ["a", "same", "b"], ["a", "b", "same"]):
        assert codes(frame, by).arg_sort().to_list() == [1, 2, 3, 0]


def test_floats_are_no_key_even_where_all_are_the_same() -> None:
    with pytest.raises(TypeError, match="floats are no key"):
        codes(pl.DataFrame({"x": [1.0, 1.0]}), ["x"])
