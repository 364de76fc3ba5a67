"""Damaged CSV: each damaged record is marked and kept as it stands, and the sound ones around it are untouched."""

from functools import partial
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st

from kaikai_assets.landing import csv_files, unpack
from kaikai_assets.landing.csv_files import csv_header, read_csv
from kaikai_assets_tests.landing.making import LIMIT, described, put

BEFORE, AFTER = "s1,t1,1\n", "s9,t9,9\n"
QUOTES = "quotes do not pair, or a line end is broken"


def read(tmp_path: Path, content: str | bytes, *columns: str) -> pl.DataFrame:
    path, source = put(tmp_path / "x.csv", content), described()
    header = csv_header(path, source, LIMIT)
    return pl.concat(read_csv(path, source, header, list(columns or ("id", "time", "pm25")), LIMIT))


def few(n: int) -> str:
    return f"{n} fields for 3 columns"


DAMAGE: dict[str, tuple[str, list[tuple[str | None, str | None]]]] = {
    "too few fields": ("s2,t2\n", [(few(2), "s2,t2")]),
    "one field": ("s2\n", [(few(1), "s2")]),
    "blanks only": ("   \n", [(few(1), "   ")]),
    "too many fields": ("s2,t2,2,x\n", [(few(4), "s2,t2,2,x")]),
    "a trailing separator": ("s2,t2,2,\n", [(few(4), "s2,t2,2,")]),
    "a trailing separator that makes up for a short row": (
        "s2,t2,2,\ns3,t3\n",
        [(few(4), "s2,t2,2,"), (few(2), "s3,t3")],
    ),
    "a short row before its trailing separator": ("s3,t3\ns2,t2,2,\n", [(few(2), "s3,t3"), (few(4), "s2,t2,2,")]),
    "a trailing empty quoted field that makes up for a short row": (
        's2,t2,2,""\ns3,t3\n',
        [(few(4), 's2,t2,2,""'), (few(2), "s3,t3")],
    ),
    "empty fields before one too many that make up for short rows": (
        "s2,t2,2,,x\ns3,t3\ns4,t4\n",
        [(few(5), "s2,t2,2,,x"), (few(2), "s3,t3"), (few(2), "s4,t4")],
    ),
    "a closing quote lost": ('s2,"t2,2\n', [(QUOTES, 's2,"t2,2')]),
    "a quote opened at the last field": ('s2,t2,"2\n', [(QUOTES, 's2,t2,"2')]),
    "text after a closing quote": ('s2,"t2"x,2\n', [(QUOTES, 's2,"t2"x,2')]),
    "a blank after a closing quote": ('s2,"t2" ,2\n', [(QUOTES, 's2,"t2" ,2')]),
    "two lines that each lost a quote": ('s2,"t2,2\ns3,"t3,3\n', [(QUOTES, 's2,"t2,2'), (QUOTES, 's3,"t3,3')]),
    "a lost quote that a stray one further down closes": (
        's2,"t2,2\ns3,t3,3\ns4",t4,4\n',
        [(QUOTES, 's2,"t2,2'), (None, None), (None, None)],
    ),
    "a lone carriage return": ("s2,t\r2,2\n", [(QUOTES, "s2,t\r2,2")]),
    "a line end doubled": ("s2,t2,2\r\r\n", [(QUOTES, "s2,t2,2\r")]),
    "a stray quote within a field": ('s2,5" pipe,2\n', [(None, None)]),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_marked_with_its_text_and_touches_no_other_record(tmp_path: Path, kind: str) -> None:
    damaged, expected = DAMAGE[kind]
    found = read(tmp_path, f"id,time,pm25\n{BEFORE}{damaged}{AFTER}")
    assert found.row(0) == (2, None, None, "s1", "t1", "1")
    assert found.row(-1) == (3 + len(expected), None, None, "s9", "t9", "9")
    assert found.select("defect", "text").rows()[1:-1] == expected
    assert found["record"].to_list() == list(range(2, 4 + len(expected)))


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_at_the_end_of_a_file_without_final_newline_is_marked_too(tmp_path: Path, kind: str) -> None:
    damaged, expected = DAMAGE[kind]
    found = read(tmp_path, f"id,time,pm25\n{BEFORE}{damaged}".removesuffix("\n").removesuffix("\r"))
    if kind == "a line end doubled":
        # Without its newline it is a line like any other that ends in \r.
        return
    assert found.row(0) == (2, None, None, "s1", "t1", "1")
    assert found.select("defect", "text").rows()[1:] == expected


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_does_not_depend_on_the_columns_asked_for(tmp_path: Path, kind: str) -> None:
    content = f"id,time,pm25\n{BEFORE}{DAMAGE[kind][0]}{AFTER}"
    whole = read(tmp_path, content)
    for columns in (["id"], ["pm25"], ["time", "id"]):
        assert read(tmp_path, content, *columns).equals(whole.select("record", "defect", "text", *columns))


def test_a_short_record_keeps_the_fields_it_has(tmp_path: Path) -> None:
    assert read(tmp_path, "id,time,pm25\ns2,t2\n").row(0)[3:] == ("s2", "t2", None)


def test_an_unterminated_quote_swallows_nothing_up_to_the_end_of_the_file(tmp_path: Path) -> None:
    sound = "".join(f"s{i},t{i},{i}\n" for i in range(100))
    found = read(tmp_path, f'id,time,pm25\ns0,"t0,0\n{sound}')
    assert found["defect"].to_list() == [QUOTES] + [None] * 100
    assert found["id"].to_list()[1:] == [f"s{i}" for i in range(100)]


def test_a_quote_that_closes_far_below_has_lost_its_own(tmp_path: Path) -> None:
    sound = "".join(f"s{i},t{i},{i}\n" for i in range(30))
    found = read(tmp_path, f'id,time,pm25\ns0,"t0,0\n{sound}x",1\n')
    assert found["defect"].to_list() == [QUOTES, *[None] * 30, few(2)]


def test_a_quoted_field_may_span_lines_beside_damage(tmp_path: Path) -> None:
    found = read(tmp_path, 'id,time,pm25\ns1,"t\n\n1",1\nbad\n"s\r\n2",t2,"""2"""\n')
    assert found.rows() == [
        (2, None, None, "s1", "t\n\n1", "1"),
        (5, few(1), "bad", "bad", None, None),
        (6, None, None, "s\r\n2", "t2", '"2"'),
    ]


MARKED = st.lists(
    st.lists(st.sampled_from([",", '"', '""', '","', "x", " ", "", "\r", ",,"]), max_size=6).map("".join),
    min_size=1,
    max_size=12,
)


@tried(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=MARKED, at=st.lists(st.integers(0, 6), min_size=12, max_size=12), end=st.sampled_from(["\n", "\r\n"]))
def test_no_line_is_lost_or_read_twice_whatever_the_damage(
    tmp_path: Path, junk: list[str], at: list[int], end: str
) -> None:
    lines = [f"{text[:cut]}<{number}>{text[cut:]}" for number, (text, cut) in enumerate(zip(junk, at, strict=False))]
    found = read(tmp_path, "id,time,pm25" + end + end.join(lines))
    held = "\n".join(text if defect else "\n".join(fields) for _, defect, text, *fields in found.rows())
    assert [held.count(f"<{number}>") for number in range(len(lines))] == [1] * len(lines)
    # A record begins on the line that its number names.
    for record, _defect, text, *fields in found.rows():
        assert f"<{record - 2}>" in (text or "\n".join(fields))


@tried(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lead=st.sampled_from(["", "\n\n", "\ufeff"]),
    kinds=st.lists(st.sampled_from([*DAMAGE, "sound", "blank", "over lines"]), max_size=40),
    end=st.sampled_from(["\n", "\r\n"]),
    size=st.integers(1, 60),
)
def test_a_file_that_is_read_in_pieces_is_read_like_a_whole_one(
    tmp_path: Path, lead: str, kinds: list[str], end: str, size: int
) -> None:
    texts = {"sound": BEFORE, "blank": "\n", "over lines": 's1,"t\n\n\n1",1\n'} | {
        kind: DAMAGE[kind][0] for kind in DAMAGE
    }
    content = f"{lead}id,time,pm25\n{''.join(texts[kind] for kind in kinds)}".replace("\n", end)
    whole = read(tmp_path, content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unpack, "_CHUNK", 7)
        patch.setattr(csv_files, "line_pieces", partial(unpack.line_pieces, size=size))
        assert read(tmp_path, content).equals(whole)


@tried(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.sampled_from(["a,b,c", '"a","b\nb",c', ",,", "a", "a,b,c,", 'a,"b,c', ""]), max_size=30))
def test_sound_damaged_and_blank_records_all_keep_their_place(tmp_path: Path, rows: list[str]) -> None:
    # An unpaired quote may join lines with those that follow; alone among others without quotes it cannot.
    quoted = [row for row in rows if row.count('"') % 2]
    if quoted:
        rows = [row for row in rows if '"' not in row or row == quoted[0]]
        first = rows.index(quoted[0])
        rows = [row for at, row in enumerate(rows) if '"' not in row or at == first]
    expected, line = [], 2
    for row in rows:
        if row:
            expected.append((line, row in ("a,b,c", '"a","b\nb",c', ",,")))
        line += 1 + row.count("\n")
    found = read(tmp_path, "id,time,pm25\n" + "".join(f"{row}\n" for row in rows))
    assert [(record, defect is None) for record, defect in found.select("record", "defect").rows()] == expected
