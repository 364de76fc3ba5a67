"""Contracts are read from pandera models, compiled to expressions that agree with pandera, and enforced by value."""

import math
from datetime import date
from typing import Any

import pandera.errors
import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaikai_assets.domains.air.contracts import Hourly, Measurements, Quarantine
from kaikai_assets.quality.contracts import (
    Contract,
    ContractColumn,
    ContractViolation,
    broken,
    columns,
    describe,
    key,
    metrics,
    schema,
    validate,
)

DAY = date(2025, 1, 1)


def by_name(contract: Contract) -> dict[str, ContractColumn]:
    return {column.name: column for column in columns(contract)}


def contract_of(dtype: Any, **field: Any) -> Contract:
    """A contract with one column, ``v``."""
    return type("Made", (pa.DataFrameModel,), {"__annotations__": {"v": dtype}, "v": pa.Field(**field)})


# reading ---------------------------------------------------------------------------------------------------------


def test_the_key_stands_in_the_order_of_the_contract() -> None:
    assert key(Measurements) == ["grain", "sensor_id", "time"]
    assert key(Hourly) == ["sensor_id", "hour"]
    assert key(Quarantine)[:3] == ["kind", "source", "column"]


def test_metrics_are_the_measured_columns_and_each_has_a_flag_made_of_it() -> None:
    names = [metric.name for metric in metrics(Measurements)]
    assert names[:3] == ["pm1", "pm25", "pm25_corrected"]
    assert len(names) == 14
    of = by_name(Measurements)
    assert all(of[f"{name}_flag"].made_of == (name,) for name in names)
    assert not any(of[f"{name}_flag"].metric for name in names)
    assert metrics(Hourly) == []


def test_units_decimals_types_and_checks_are_read() -> None:
    measurements, hourly = by_name(Measurements), by_name(Hourly)
    assert (measurements["co2"].unit, measurements["temperature"].unit) == ("ppm", "degC")
    assert measurements["tvoc_index"].unit is None
    assert measurements["co2"].checks == (
        ("greater_than_or_equal_to", (("min_value", 0),)),
        ("less_than_or_equal_to", (("max_value", 50_000),)),
    )
    assert measurements["co2"].nullable
    assert not measurements["sensor_id"].nullable
    assert (hourly["pm25_mean"].decimals, hourly["expected"].decimals) == (6, None)
    assert hourly["pm25_mean"].made_of == ("pm25", "pm25_mean")
    assert measurements["source"].arrival_dependent
    assert not measurements["time"].arrival_dependent
    assert measurements["co2"].description == "Carbon dioxide"


def test_the_schema_holds_exact_polars_types() -> None:
    found = schema(Measurements)
    assert list(found)[:4] == ["day", "grain", "sensor_id", "time"]
    assert found["time"] == pl.Datetime("us", "UTC")
    assert (found["day"], found["sensor_id"], found["pm25"]) == (pl.Date(), pl.String(), pl.Float64())
    assert (found["pm25_flag"], found["arrival_seq"]) == (pl.UInt8(), pl.Int64())


def test_metadata_that_nobody_reads_is_refused_with_its_place() -> None:
    class Typo(pa.DataFrameModel):
        pm25: float = pa.Field(metadata={"units": "ppm", "unit": "ppm"})

    with pytest.raises(TypeError, match=r"Typo\.pm25: unknown metadata \['units'\]"):
        columns(Typo)


@pytest.mark.parametrize(
    "changed",
    [
        {"metadata": {"unit": "ppb"}},
        {"metadata": {"unit": "ppm", "decimals": 3}},
        {"metadata": {"unit": "ppm", "key": True}},
        {"metadata": {"unit": "ppm", "metric": True}},
        {"metadata": {"unit": "ppm", "arrival_dependent": True}},
        {"nullable": False},
        {"ge": 1},
        {"le": 0},
    ],
)
def test_the_description_of_a_contract_changes_with_all_that_can_change_rows(changed: dict[str, Any]) -> None:
    same: dict[str, Any] = {"nullable": True, "ge": 0, "metadata": {"unit": "ppm"}}
    assert describe(contract_of(float, **same, description="a")) == describe(
        contract_of(float, **same, description="b")
    )
    assert describe(contract_of(float, **(same | changed))) != describe(contract_of(float, **same))


def test_the_description_of_a_contract_changes_with_a_type() -> None:
    assert describe(contract_of(float)) != describe(contract_of(int))


# compiled checks -------------------------------------------------------------------------------------------------

bounds = st.sampled_from([-1.0, -0.0, 0.0, 0.1, 1.0, 5000.0])
numbers = st.lists(
    st.one_of(
        st.none(),
        bounds,
        st.floats(width=64),
        st.sampled_from([math.nan, math.inf, -math.inf, -0.0, math.nextafter(1, 2), math.nextafter(1, 0)]),
    ),
    min_size=1,
    max_size=12,
)


def broken_rows(contract: Contract, frame: pl.DataFrame) -> set[int]:
    (column,) = columns(contract)
    return set(frame.with_row_index().filter(broken(column))["index"])


def rows_that_pandera_refuses(contract: Contract, frame: pl.DataFrame) -> set[int]:
    try:
        contract.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        return set(error.failure_cases["index"])
    return set()


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(["ge", "gt", "le", "lt"]), bounds, max_size=2), numbers)
def test_compiled_ranges_break_exactly_where_pandera_does(checks: dict[str, float], values: list[float | None]) -> None:
    contract = contract_of(float, nullable=True, **checks)
    frame = pl.DataFrame({"v": values}, schema={"v": pl.Float64})
    assert broken_rows(contract, frame) == rows_that_pandera_refuses(contract, frame)


@settings(max_examples=100, deadline=None)
@given(
    st.sets(st.sampled_from(["a", "b", "", "ä"]), min_size=1),
    st.lists(st.sampled_from(["a", "b", "", "ä", "A", None]), min_size=1),
)
def test_compiled_lists_of_allowed_texts_break_exactly_where_pandera_does(
    allowed: set[str], values: list[str | None]
) -> None:
    contract = contract_of(str, nullable=True, isin=sorted(allowed))
    frame = pl.DataFrame({"v": values}, schema={"v": pl.String})
    assert broken_rows(contract, frame) == rows_that_pandera_refuses(contract, frame)


@settings(max_examples=100, deadline=None)
@given(st.sets(bounds, min_size=1), numbers)
def test_compiled_lists_of_allowed_numbers_break_exactly_where_pandera_does(
    allowed: set[float], values: list[float | None]
) -> None:
    contract = contract_of(float, nullable=True, isin=sorted(allowed))
    frame = pl.DataFrame({"v": values}, schema={"v": pl.Float64})
    assert broken_rows(contract, frame) == rows_that_pandera_refuses(contract, frame)


def test_a_null_breaks_no_check_and_nan_breaks_an_upper_limit() -> None:
    frame = pl.DataFrame({"v": [None, math.nan, 1.0, 5.0, 5.1]})
    assert broken_rows(contract_of(float, nullable=True, ge=0, le=5), frame) == {1, 4}


@pytest.mark.parametrize(
    "check", [{"ne": 5}, {"eq": 5}, {"notin": [5]}, {"in_range": {"min_value": 0, "max_value": 1}}]
)
def test_a_check_without_an_expression_is_refused_rather_than_passed_over(check: dict[str, Any]) -> None:
    (column,) = columns(contract_of(float, nullable=True, **check))
    with pytest.raises(TypeError, match=r"^v: check '\w+' cannot be compiled"):
        broken(column)


# validation ------------------------------------------------------------------------------------------------------


class Readings(pa.DataFrameModel):
    day: pl.Date = pa.Field()
    sensor: str = pa.Field(nullable=True, metadata={"key": True})
    hour: int = pa.Field(metadata={"key": True})
    value: float = pa.Field(nullable=True, ge=0, le=5)
    flag: pl.UInt8 = pa.Field(isin=[1, 2])

    class Config:
        strict = True


def readings(*rows: tuple[Any, ...]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=schema(Readings), orient="row")


GOOD = readings((DAY, "a", 1, 0.0, 1), (DAY, "a", 2, 5.0, 2), (DAY, "b", 1, None, 1))


@pytest.mark.parametrize("frame", [GOOD, GOOD.head(1), GOOD.clear()])
def test_rows_that_keep_their_contract_pass(frame: pl.DataFrame) -> None:
    validate("silver/readings", Readings, frame)


@given(
    field=st.sampled_from([{}, {"nullable": True}, {"ge": 0.0}, {"nullable": True, "gt": 0.0, "lt": 2.0}]),
    values=st.lists(st.sampled_from([None, math.nan, math.inf, -1.0, -0.0, 1.0, 2.0]), max_size=4),
    dtype=st.sampled_from([pl.Float64, pl.Float32]),
)
def test_rows_pass_exactly_where_pandera_passes_them(
    field: dict[str, Any], values: list[float | None], dtype: type[pl.DataType]
) -> None:
    contract, frame = contract_of(pl.Float64, **field), pl.DataFrame({"v": values}, schema={"v": dtype})
    try:
        contract.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors:
        with pytest.raises(ContractViolation):
            validate("t", contract, frame)
    else:
        validate("t", contract, frame)


def _all_equal(_data: object) -> bool:
    return True


@pytest.mark.parametrize(
    "more",
    [
        {"v": pa.Field(unique=True)},
        {"v": pa.Field(coerce=True)},
        {"v": pa.Field(ge=0, ignore_na=False)},
        {"v": pa.Field(str_length={"min_value": 1})},
        {"all_equal": pa.dataframe_check(_all_equal)},
        {"all_equal": pa.check("v")(_all_equal)},
        {"Config": type("Config", (), {"unique": ["v"]})},
    ],
)
def test_what_a_contract_says_beyond_what_is_compiled_is_refused_rather_than_passed_over(more: dict[str, Any]) -> None:
    contract = type("Made", (pa.DataFrameModel,), {"__annotations__": {"v": float}, "v": pa.Field(), **more})
    with pytest.raises(TypeError, match=r"says more|cannot be compiled"):
        validate("t", contract, pl.DataFrame({"v": [1.0]}))


def test_a_violation_names_table_column_rule_and_count_the_most_frequent_first() -> None:
    frame = readings((DAY, "a", 1, -1.0, 1), (DAY, "a", 2, 9.0, 7), (DAY, "b", 1, 8.0, 1))
    with pytest.raises(ContractViolation) as violation:
        validate("silver/readings", Readings, frame)
    assert str(violation.value) == (
        "silver/readings: value: less_than_or_equal_to(5): 2 rows; value: greater_than_or_equal_to(0): 1 rows; "
        "flag: isin([1, 2]): 1 rows"
    )


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        (GOOD.with_columns(hour=pl.lit(None, pl.Int64)), "hour: not_nullable: 3 rows"),
        (GOOD.drop("value"), "value: column_in_dataframe"),
        (GOOD.with_columns(extra=1), "extra: column_in_schema"),
        (GOOD.with_columns(pl.col("value").cast(pl.Float32)), r"value: dtype\('Float64'\)"),
        (GOOD.with_columns(value=pl.lit(math.nan)), r"value: less_than_or_equal_to\(5\): 3 rows"),
    ],
)
def test_nulls_absent_and_unknown_columns_and_types_are_violations_that_name_the_column(
    frame: pl.DataFrame, named: str
) -> None:
    with pytest.raises(ContractViolation, match=f"^silver/readings: .*{named}"):
        validate("silver/readings", Readings, frame)


def test_a_repeated_key_is_a_violation_even_where_a_part_of_it_is_null() -> None:
    frame = readings((DAY, None, 1, 1.0, 1), (DAY, None, 1, 2.0, 1), (DAY, "a", 1, 1.0, 1), (DAY, "a", 1, 1.0, 1))
    with pytest.raises(ContractViolation, match=r"^silver/readings: key \(day, sensor, hour\) is not unique: 2 rows$"):
        validate("silver/readings", Readings, frame)


def test_the_same_key_on_two_days_is_no_repetition() -> None:
    validate("silver/readings", Readings, readings((DAY, "a", 1, 1.0, 1), (date(2025, 1, 2), "a", 1, 1.0, 1)))


def test_a_table_without_a_key_may_repeat_rows() -> None:
    validate("t", contract_of(int), pl.DataFrame({"v": [1, 1]}))
