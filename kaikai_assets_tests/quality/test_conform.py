"""Texts become numbers in contract units; what cannot be used is set aside, once, with its rule."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaikai_assets.domains.air.contracts import Measurements
from kaikai_assets.landing.sources import Source
from kaikai_assets.quality.conform import REASONS
from kaikai_assets.quality.contracts import columns
from kaikai_assets.quality.merge import merge
from kaikai_assets_tests.quality.bronze import ARRIVAL, ENTITY, FIRST_DAY, LONG, conformed, record, source

MICROSECOND = timedelta(microseconds=1)


def cell(text: str | None, column: str = "pm25", by: Source | None = None) -> tuple[float | None, str | None]:
    """The value that a text becomes, and the rule by which it was set aside. Another cell keeps the record."""
    cells: dict[str, Any] = {"pm25": "1", "co2": "400", column: text}
    found = conformed(record(**cells), by=by)
    rules = found.quarantine["rule"].to_list()
    return found.rows[column].item(), rules[0] if rules else None


def ruling(**given: Any) -> str | None:
    """The rule that rejects a record, or None if it is kept."""
    found = conformed(record(**{"pm25": "1", **given}))
    assert found.rows.height + found.quarantine.filter(pl.col("kind") == "record").height == 1
    return None if found.rows.height else found.quarantine["rule"].item()


# cells -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1.0), (" 1.5 ", 1.5), ("+2", 2.0), ("1e2", 100.0), (".5", 0.5), ("5.", 5.0), ("0", 0.0), ("007", 7.0)],
)
def test_numbers_as_people_and_machines_write_them_are_read(text: str, value: float) -> None:
    assert cell(text) == (value, None)


@pytest.mark.parametrize(
    "text", ["abc", "1,5", "1.2.3", "inf", "-inf", "NaN", "1e999", "1_000", "0x1F", "1 000", "--5", "∞", "١٢", "1;"]
)
def test_a_cell_that_is_no_finite_number_is_null_and_listed_as_it_stands(text: str) -> None:
    found = conformed(record(7, pm25=f" {text}", co2="400"))
    assert found.rows.select("pm25", "pm25_bad", "co2", "co2_bad").row(0) == (None, True, 400.0, False)
    assert found.quarantine.select("kind", "raw_file", "record", "sensor_id", "time", "column", "raw_value").row(0) == (
        *("cell", "air/wide/0/a.csv", 7, "S1", ARRIVAL),
        *("pm25", text),
    )
    assert found.quarantine.select("rule", "reason").row(0) == ("not_a_number", REASONS["not_a_number"])


@pytest.mark.parametrize("text", ["", "   ", "NA", " NA ", "-999", None])
def test_missing_codes_and_blanks_are_missing_and_not_listed(text: str | None) -> None:
    by = source(missing=["NA", "-999"])
    found = conformed(record(pm25=text, co2="400"), by=by)
    assert found.rows.select("pm25", "pm25_bad").row(0) == (None, False)
    assert found.quarantine.height == 0


def test_a_missing_code_is_compared_as_text() -> None:
    assert cell("-999.0", by=source(missing=["-999"])) == (None, "impossible")


def test_cells_of_one_column_are_each_taken_as_they_stand() -> None:
    texts = ["0", "0.0", " 7 ", " 0 ", "7", "x", "", None, "-", "7"]
    records = [record(number, pm25=text, co2="400") for number, text in enumerate(texts)]
    found = conformed(*records, by=source(missing=["0", "-"]))
    assert found.rows["pm25"].to_list() == [None, 0.0, 7.0, None, 7.0, None, None, None, None, 7.0]
    assert found.quarantine.select("record", "raw_value", "rule").rows() == [(5, "x", "not_a_number")]


def test_each_record_has_its_own_entity() -> None:
    ids = ["S2", " S1", "S2", None, "S1", "S\u200b1", "NA", "S2 ", "\tS1\r"]
    records = [record(number, pm25="1", sensor_id=sensor) for number, sensor in enumerate(ids)]
    found = conformed(*records, by=source(missing=["NA"]))
    assert found.rows["sensor_id"].to_list() == ["S2", "S1", "S2", "S1", "S2", "S1"]
    assert found.quarantine.select("record", "rule").rows() == [
        (3, "no_entity"),
        (5, "unusable_entity"),
        (6, "no_entity"),
    ]


@pytest.mark.parametrize(
    ("column", "text", "possible"),
    [
        ("pm25", "0", True),
        ("pm25", "-0.000001", False),
        ("pm25", "5000", True),
        ("pm25", "5000.000001", False),
        ("temperature", "-50", True),
        ("temperature", "-50.01", False),
        ("temperature", "70", True),
        ("temperature", "70.01", False),
        ("co2", "50000", True),
        ("co2", "50001", False),
    ],
)
def test_the_physical_range_of_the_contract_holds_with_its_ends(column: str, text: str, possible: bool) -> None:
    assert cell(text, column) == ((float(text), None) if possible else (None, "impossible"))


def test_implausible_but_possible_values_stay() -> None:
    assert cell("3340") == (3340.0, None)


@pytest.mark.parametrize(
    ("column", "unit", "text", "value"),
    [
        ("temperature", "degF", "50", 10.0),
        ("temperature", "degF", "32", 0.0),
        ("temperature", "K", "273.15", 0.0),
        ("pm25", "mg/m³", "0.035", 35.0),
        ("pm25", "µg/m³", "35", 35.0),
        ("co2", "percent", "0.04", 400.0),
    ],
)
def test_values_are_converted_to_the_unit_of_the_contract(column: str, unit: str, text: str, value: float) -> None:
    by = source(columns={"pm25": "p", "temperature": "t", "co2": "c"} | {column: {"from": "x", "unit": unit}})
    converted, rule = cell(text, column, by)
    assert rule is None
    assert converted == pytest.approx(value, abs=1e-9)


def test_a_converted_value_is_judged_in_the_unit_of_the_contract() -> None:
    by = source(columns={"temperature": {"from": "t", "unit": "degF"}, "co2": "co2"})
    assert cell("158", "temperature", by) == (70.0, None)
    assert cell("159", "temperature", by) == (None, "impossible")
    assert cell("-100", "temperature", by) == (None, "impossible")


def test_a_decimal_comma_is_read_where_the_source_says_so() -> None:
    by = source(decimal=",", separator=";")
    assert cell("1,5", by=by) == (1.5, None)
    assert cell("15", by=by) == (15.0, None)
    assert cell("1,5,5", by=by) == (None, "not_a_number")


@pytest.mark.parametrize("text", ["1.234", "1.234,5", "1,234.5"])
def test_a_dot_in_a_csv_of_decimal_commas_is_not_taken_for_a_decimal_point(text: str) -> None:
    assert cell(text, by=source(decimal=",", separator=";")) == (None, "not_a_number")


def test_numbers_of_a_workbook_have_a_point_whatever_its_texts_have() -> None:
    by = source(decimal=",", format="xlsx")
    assert cell("1.234", by=by) == (1.234, None)
    assert cell("1,234", by=by) == (1.234, None)


def test_a_record_whose_only_cell_is_bad_is_kept_so_that_the_cell_can_be_flagged() -> None:
    found = conformed(record(pm25="x"))
    assert found.rows.select("pm25", "pm25_bad").row(0) == (None, True)
    assert found.quarantine["kind"].to_list() == ["cell"]


# records ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({}, None),
        ({"defect": "1 field of 3", "text": "S1"}, "damaged_record"),
        ({"sensor_id": None}, "no_entity"),
        ({"sensor_id": "  "}, "no_entity"),
        ({"at": None}, "no_time"),
        ({"pm25": None}, "no_metric"),
        ({"pm25": "  "}, "no_metric"),
        ({"sensor_id": None, "at": None, "pm25": None}, "no_entity"),
        ({"at": None, "pm25": None}, "no_time"),
        ({"defect": "1 field of 3", "text": "", "sensor_id": None, "at": None}, "damaged_record"),
    ],
)
def test_a_record_without_what_it_needs_is_rejected_by_the_first_rule_that_says_so(
    given: dict[str, Any], rule: str | None
) -> None:
    assert ruling(**given) == rule


def test_what_only_tells_of_other_metrics_makes_no_record() -> None:
    by = source(columns={"pm25": "PM", "covered_min": {"from": "Records", "unit": "min"}})
    found = conformed(record(1, pm25="9", covered_min="184"), record(2, pm25="", covered_min="184"), by=by)
    assert found.rows.select("record", "pm25", "covered_min").rows() == [(1, 9.0, 184.0)]
    assert found.quarantine.select("record", "rule").rows() == [(2, "no_metric")]


MIDNIGHT = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "rule"),
    [
        (MIDNIGHT, None),
        (MIDNIGHT - MICROSECOND, "time_out_of_range"),
        (ARRIVAL + timedelta(minutes=15), None),
        (ARRIVAL + timedelta(minutes=15) + MICROSECOND, "time_ahead"),
        (datetime(2025, 1, 2, 23, 59, tzinfo=UTC), "time_ahead"),
        (datetime(2025, 1, 3, tzinfo=UTC), "time_out_of_range"),
    ],
)
def test_times_before_the_first_day_or_too_far_ahead_of_arrival_are_not_usable(at: datetime, rule: str | None) -> None:
    assert ruling(at=at) == rule


@pytest.mark.parametrize(
    ("ahead", "doubtful"),
    [(-MICROSECOND, False), (timedelta(0), False), (MICROSECOND, True), (timedelta(minutes=15), True)],
)
def test_a_reading_a_little_ahead_of_its_arrival_is_kept_and_marked(ahead: timedelta, doubtful: bool) -> None:
    assert conformed(record(at=ARRIVAL + ahead, pm25="1")).rows["ahead"].item() is doubtful


def test_a_reading_a_little_ahead_may_belong_to_the_day_after_arrival() -> None:
    late = datetime(2025, 1, 1, 23, 50, tzinfo=UTC)
    rows = conformed(record(at=late + timedelta(minutes=15), arrived_at=late, pm25="1")).rows
    assert rows.select("day", "ahead").row(0) == (date(2025, 1, 2), True)


@pytest.mark.parametrize(
    ("grain", "timezone", "time", "on_grain"),
    [
        ("instant", "UTC", "11:03:07.000001", True),
        ("PT30S", "UTC", "11:03:30", True),
        ("PT30S", "UTC", "11:03:31", False),
        ("PT5M", "UTC", "11:05:00", True),
        ("PT5M", "UTC", "11:05:00.000001", False),
        ("PT5M", "UTC", "11:07:00", False),
        ("PT1H", "UTC", "11:00:00", True),
        ("PT1H", "UTC", "11:30:00", False),
        ("PT1H", "Asia/Kolkata", "10:30:00", True),
        ("PT1H", "Asia/Kolkata", "11:00:00", False),
        ("P1D", "UTC", "00:00:00", True),
        ("P1D", "UTC", "11:00:00", False),
        ("P1D", "Asia/Kathmandu", "18:15:00", True),
        ("P1D", "Asia/Kathmandu", "00:00:00", False),
    ],
)
def test_an_interval_starts_on_its_grain_by_the_clock_of_its_source(
    grain: str, timezone: str, time: str, on_grain: bool
) -> None:
    at = datetime.fromisoformat(f"2024-12-31T{time}+00:00")
    by = source(grain=grain, time={"column": "time", "timezone": timezone})
    found = conformed(record(at=at, pm25="1"), by=by)
    if on_grain:
        assert found.rows.select("time", "grain").row(0) == (at, grain)
        assert found.quarantine.height == 0
    else:
        assert found.rows.height == 0
        assert found.quarantine["rule"].to_list() == ["time_off_grain"]


def test_a_rejected_record_is_listed_with_its_cells_as_they_stand() -> None:
    cells = {"time": "31.02.2025", "pm25": " NA", "temperature": "x", "co2": None}
    found = conformed(record(3, at=None, sensor_id="S9", **cells), by=source(missing=["NA"])).quarantine
    position = ("day", "kind", "source", "raw_file", "record", "arrival_seq", "sensor_id", "time", "column")
    assert found.select(position).row(0) == (
        *(ARRIVAL.date(), "record", "wide", "air/wide/0/a.csv", 3, 1),
        *("S9", None, None),
    )
    assert json.loads(found["raw_value"].item()) == cells
    assert found.select("rule", "reason").row(0) == ("no_time", REASONS["no_time"])


def test_a_damaged_record_is_listed_as_its_line_with_what_is_wrong() -> None:
    found = conformed(record(defect="2 fields of 5", text="S1,2025", sensor_id=None, at=None)).quarantine
    assert found.select("raw_value", "rule", "reason").row(0) == ("S1,2025", "damaged_record", "2 fields of 5")


def test_an_entity_gets_the_prefix_of_its_source() -> None:
    found = conformed(record(sensor_id=" 7 ", pm25="1"), by=source(entity={"column": "id", "prefix": "AG-"}))
    assert found.rows["sensor_id"].item() == "AG-7"


# long layouts ----------------------------------------------------------------------------------------------------


def test_each_parameter_of_a_long_source_fills_its_metric_in_its_own_unit() -> None:
    found = conformed(
        record(1, parameter="pm25", pm25="35"),
        record(2, parameter="temp_f", temperature="50"),
        record(3, parameter="temp_c", temperature="10"),
        by=LONG,
    )
    assert found.rows.select("record", "pm25", "temperature").rows() == [
        (1, 35.0, None),
        (2, None, 10.0),
        (3, None, 10.0),
    ]
    assert not found.rows.select(pl.any_horizontal("pm25_bad", "temperature_bad").any()).item()
    assert found.quarantine.height == 0


@pytest.mark.parametrize("parameter", ["so2", "PM25", "", None])
def test_a_parameter_that_a_long_source_does_not_describe_is_named_as_such(parameter: str | None) -> None:
    found = conformed(record(parameter=parameter), by=LONG)
    assert found.rows.height == 0
    assert found.quarantine["rule"].to_list() == ["unknown_parameter"]
    assert json.loads(found.quarantine["raw_value"].item())["parameter"] == parameter


def test_a_described_parameter_without_a_value_is_no_metric() -> None:
    assert conformed(record(parameter="pm25", pm25=""), by=LONG).quarantine["rule"].to_list() == ["no_metric"]


def test_a_bad_cell_of_a_long_source_is_listed_under_its_metric() -> None:
    found = conformed(record(parameter="temp_f", temperature="1000"), by=LONG)
    assert found.rows.select("temperature", "temperature_bad", "pm25_bad").row(0) == (None, True, False)
    assert found.quarantine.select("column", "raw_value", "rule").row(0) == ("temperature", "1000", "impossible")


# all records -----------------------------------------------------------------------------------------------------


def test_sources_with_different_columns_come_together_and_metrics_of_none_are_absent() -> None:
    found = conformed(
        record(1, pm25="1", co2="400"), record(2, source="long", raw_file="b.csv", parameter="pm25", pm25="2")
    )
    assert found.rows.sort("record").select("source", "pm25", "co2").rows() == [
        ("wide", 1.0, 400.0),
        ("long", 2.0, None),
    ]
    assert "humidity" not in found.rows.columns


def test_no_records_make_no_rows_that_can_still_be_merged() -> None:
    found = conformed()
    assert (found.rows.height, found.quarantine.height) == (0, 0)
    assert found.quarantine.schema == conformed(record()).quarantine.schema
    merged = merge(found.rows, ["day", "grain", ENTITY, "time"], [])
    assert (merged.rows.height, merged.contradictions.height) == (0, 0)


texts = st.sampled_from([None, "", " ", "NA", "1", "36,5", "36.5", "x", "-1", "1e9", "inf", "5000", "-0"])
records = st.builds(
    lambda at, **cells: {"at": at, **cells},
    at=st.one_of(
        st.none(),
        st.sampled_from([ARRIVAL, ARRIVAL + timedelta(minutes=16), MIDNIGHT - MICROSECOND]),
        st.integers(-40 * 24, 40 * 24).map(lambda hours: ARRIVAL + timedelta(hours=hours)),
    ),
    sensor_id=st.sampled_from([None, "", "S1", "S2"]),
    defect=st.sampled_from([None, None, None, "too short"]),
    source=st.sampled_from(["wide", "long"]),
    parameter=st.sampled_from([None, "pm25", "temp_f", "so2"]),
    pm25=texts,
    temperature=texts,
    co2=texts,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(records, max_size=12))
def test_every_record_is_once_among_rows_or_rejected_and_every_bad_cell_is_listed(given: list[dict[str, Any]]) -> None:
    given = [entry | ({"text": "S1,"} if entry["defect"] else {}) for entry in given]
    found = conformed(*(record(number, **entry) for number, entry in enumerate(given)))
    rejected = found.quarantine.filter(pl.col("kind") == "record")
    assert Counter([*found.rows["record"], *rejected["record"]]) == Counter(range(len(given)))
    assert set(found.quarantine["rule"]) <= set(REASONS)
    assert found.quarantine.select(pl.col("raw_value", "reason").is_null().any()).row(0) == (False, False)

    present = {c.name: dict(c.checks) for c in columns(Measurements) if c.metric and c.name in found.rows.columns}
    bad = {(r["record"], name) for r in found.rows.iter_rows(named=True) for name in present if r[f"{name}_bad"]}
    listed = found.quarantine.filter(pl.col("kind") == "cell").select("record", "column").rows()
    assert Counter(listed) == Counter(bad)
    for row in found.rows.iter_rows(named=True):
        for name, checks in present.items():
            low = dict(checks["greater_than_or_equal_to"])["min_value"]
            high = dict(checks["less_than_or_equal_to"])["max_value"]
            assert row[name] is None or (not row[f"{name}_bad"] and low <= row[name] <= high)
