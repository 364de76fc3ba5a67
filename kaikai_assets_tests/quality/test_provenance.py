"""What is told of each record agrees with the row that the merge made of it."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from kaikai_assets.quality.conform import Conformed
from kaikai_assets.quality.merge import merge
from kaikai_assets.quality.provenance import provenance
from kaikai_assets_tests.quality.bronze import conformed, record
from kaikai_assets_tests.quality.test_merge import KEY, METRICS, SCHEMA, Cell, Record

NOTHING = pl.DataFrame(
    schema={
        **dict.fromkeys(("source", "raw_file", "kind", "column", "rule", "reason"), pl.String),
        **dict.fromkeys(("arrival_seq", "record"), pl.Int64),
    }
)


def told(*records: Record) -> list[tuple[str, str, str, str]]:
    """Role, and what the record leads, says again, and says in vain, of each record."""
    frame = pl.DataFrame([one.row for one in records], schema=SCHEMA)
    found = provenance(frame, NOTHING, KEY)
    lists = ("".join(sorted(row[name])) for row in found.to_dicts() for name in ("leads", "again", "outdone"))
    return [(role, next(lists), next(lists), next(lists)) for role in found["role"]]


def of_air(found: Conformed) -> list[dict[str, object]]:
    rows = provenance(found.rows, found.quarantine, ["day", "grain", "sensor_id", "time"]).to_dicts()
    return [{name: row[name] for name in ("record", "role", "leads", "cells", "reason")} for row in rows]


def test_a_correction_leads_and_what_it_corrects_is_outdone() -> None:
    assert told(Record(1, 1, a=5.0, b=1.0), Record(2, 1, a=4.0)) == [
        ("leading", "b", "", "a"),
        ("leading", "a", "", ""),
    ]


def test_a_duplicate_is_absorbed_and_so_is_an_old_value_that_comes_again() -> None:
    assert told(Record(1, 1, a=5.0), Record(2, 1, a=5.0)) == [("leading", "a", "", ""), ("absorbed", "", "a", "")]
    assert told(Record(1, 1, a=5.0), Record(2, 1, a=4.0), Record(3, 1, a=5.0)) == [
        ("absorbed", "", "", "a"),
        ("leading", "a", "", ""),
        ("absorbed", "", "", "a"),
    ]


def test_of_contradicting_values_the_larger_leads() -> None:
    assert told(Record(1, 1, a=7.0), Record(1, 2, a=9.0)) == [("absorbed", "", "", "a"), ("leading", "a", "", "")]


def test_a_record_without_a_value_leads_only_a_row_without_values() -> None:
    assert told(Record(1, 1, a="bad"), Record(2, 1)) == [("absorbed", "", "", ""), ("leading", "", "", "")]
    assert told(Record(1, 1, a=1.0), Record(2, 1, a="bad")) == [("leading", "a", "", ""), ("absorbed", "", "", "")]


def test_what_was_set_aside_is_told_with_its_rule() -> None:
    good, bad, late = (
        record(1, pm25="1", co2="x"),
        record(2, pm25="1", sensor_id=" "),
        record(3, defect="ragged", text="a,b", at=None),
    )
    assert of_air(conformed(good, bad, late)) == [
        {"record": 1, "role": "leading", "leads": ["pm25"], "cells": ["co2: not_a_number"], "reason": None},
        {"record": 2, "role": "rejected", "leads": [], "cells": [], "reason": "no_entity: no entity id"},
        {"record": 3, "role": "rejected", "leads": [], "cells": [], "reason": "damaged_record: ragged"},
    ]


def test_no_records_have_no_provenance() -> None:
    assert of_air(conformed()) == []


cells: st.SearchStrategy[Cell] = st.sampled_from([None, "bad", 0.0, -0.0, 1.0, 2.5])
records = st.builds(
    Record,
    arrival=st.integers(1, 4),
    number=st.integers(1, 10**6),
    entity=st.sampled_from(["S1", None]),
    time=st.integers(0, 1),
    a=cells,
    b=cells,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(records, min_size=1, max_size=12, unique_by=lambda one: (one.arrival, one.number)))
def test_the_leading_values_are_the_merged_row_and_each_has_one_record(found: list[Record]) -> None:
    frame = pl.DataFrame([one.row for one in found], schema=SCHEMA)
    rows = merge(frame, KEY, METRICS).rows
    of_record = {(row["arrival_seq"], row["record"]): row for row in provenance(frame, NOTHING, KEY).to_dicts()}
    assert len(of_record) == len(found)
    for row in rows.to_dicts():
        own = [one for one in found if one.key == (row["entity"], row["time"])]
        for metric in METRICS:
            leading = [one for one in own if metric in of_record[one.arrival, one.number]["leads"]]
            assert [one.value(metric) for one in leading] == ([] if row[metric] is None else [row[metric]])
            for one in own:
                what = of_record[one.arrival, one.number]
                named = [name for name in ("leads", "again", "outdone") if metric in what[name]]
                assert len(named) == (one.value(metric) is not None)
                if "outdone" in named:
                    assert one.value(metric) != row[metric]
        roles = [of_record[one.arrival, one.number]["role"] for one in own]
        led = [bool(of_record[one.arrival, one.number]["leads"]) for one in own]
        assert [role == "leading" for role in roles] == led or (not any(led) and roles.count("leading") == 1)
