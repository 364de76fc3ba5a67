import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st

from kaikai_assets.landing.json_files import json_frame, json_header, read_json
from kaikai_assets.landing.readers import read_records, require_sound_record
from kaikai_assets.landing.sources import POSITION
from kaikai_assets.landing.unpack import UnreadableFile
from kaikai_assets_tests.landing.making import LIMIT, described, put


def read(tmp_path: Path, content: str | bytes, *columns: str, lines: bool = True) -> pl.DataFrame:
    records = read_json(put(tmp_path / "x.json", content), "utf-8", lines, LIMIT)
    return json_frame(records, list(columns))


def values(tmp_path: Path, content: str, column: str) -> list[str | None]:
    """The column's texts, the same from lines and from an array."""
    of_lines = read(tmp_path, content, column)
    array = "[" + ",".join(content.splitlines()) + "]"
    assert read(tmp_path, array, column, lines=False).equals(of_lines)
    return of_lines[column].to_list()


def test_members_of_members_are_named_by_path(tmp_path: Path) -> None:
    content = '{"main": {"temp": 30.5, "feels": {"like": 33}}, "wind": null}\n{"main": {}}\n{"main": 7}\n'
    assert values(tmp_path, content, "main.temp") == ["30.5", None, None]
    assert values(tmp_path, content, "main.feels.like") == ["33", None, None]
    assert values(tmp_path, content, "wind") == [None, None, None]
    assert values(tmp_path, content, "nowhere.at.all") == [None, None, None]


def test_the_header_names_the_members_of_all_the_first_records(tmp_path: Path) -> None:
    content = '{"id": 1, "main": {"temp": 2}}\nbad\n{"id": 2, "main": {"co2": 3}, "tags": []}\n'
    records = read_json(put(tmp_path / "x.json", content), "utf-8", True, LIMIT)
    assert json_header(records) == ["id", "main.temp", "main.co2", "tags"]


@pytest.mark.parametrize(
    "number",
    ["0", "-0.0", "1.50", "25.0", "1e5", "1E-07", "1e400", "0.1000000000000000055", "9" * 5000, "NaN", "-Infinity"],
)
def test_a_number_keeps_the_text_that_stands_in_the_file(tmp_path: Path, number: str) -> None:
    content = f'{{"v": {number}, "inner": [{number}, {{"x": {number}}}]}}\n'
    assert values(tmp_path, content, "v") == [number]
    assert values(tmp_path, content, "inner") == [f'[{number}, {{"x": {number}}}]']


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('"NA"', "NA"),
        ('""', ""),
        ('"1.50"', "1.50"),
        ("true", "true"),
        ("false", "false"),
        ("null", None),
        ("[]", "[]"),
        ('["Médina", true, null]', '["Médina", true, null]'),
        ('"M\\u00e9dina \\ud83d\\ude00"', "Médina 😀"),
        ('"a\\u0000b"', "a\x00b"),
        ('"half \\ud800 a character"', "half ? a character"),
    ],
)
def test_every_kind_of_value_has_a_text(tmp_path: Path, written: str, text: str | None) -> None:
    assert values(tmp_path, f'{{"v": {written}}}\n', "v") == [text]


def test_a_name_may_be_half_a_character(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="header differs"):
        read_records(put(tmp_path / "x.json", '{"\\ud800": 1}\n'), described(format="ndjson"), LIMIT)


def test_bad_lines_are_marked_with_their_text_and_touch_no_other(tmp_path: Path) -> None:
    content = '{"v": 1}\n{"v": 2\n\n42.50\nnull\n[1.50, 2]\r\n"text"\n   \n{"v": 3} x\n{"v": 4}'
    found = read(tmp_path, content, "v")
    assert found["record"].to_list() == [1, 2, 4, 5, 6, 7, 8, 9, 10]
    assert found["text"].to_list() == [
        None,
        '{"v": 2',
        "42.50",
        "null",
        "[1.50, 2]",
        '"text"',
        "   ",
        '{"v": 3} x',
        None,
    ]
    assert found["v"].to_list() == ["1", *[None] * 7, "4"]
    kinds = [defect and defect.partition(":")[0] for defect in found["defect"]]
    no_object = ["not a JSON object"] * 4
    assert kinds == [None, "not JSON", *no_object, "not JSON", "not JSON", None]


def test_elements_that_are_no_objects_are_marked_with_their_text(tmp_path: Path) -> None:
    found = read(tmp_path, '[{"v": 1}, 2.50, null, ["é", 1.0], {"v": 3}]', "v", lines=False)
    assert found["record"].to_list() == [1, 2, 3, 4, 5]
    assert found["text"].to_list() == [None, "2.50", None, '["é", 1.0]', None]
    assert found["defect"].to_list() == [None, *["not a JSON object"] * 3, None]
    assert found["v"].to_list() == ["1", None, None, None, "3"]


def test_a_single_object_is_one_record(tmp_path: Path) -> None:
    assert read(tmp_path, '\ufeff{\n  "v": 1\n}\n', "v", lines=False).rows() == [(1, None, None, "1")]


@pytest.mark.parametrize("content", ["", "\n", "{", '{"a": 1}\n{"a": 2}\n', '[{"a": 1}', "not JSON"])
def test_a_document_that_is_not_json_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(UnreadableFile, match="not JSON"):
        read(tmp_path, content, lines=False)


@pytest.mark.parametrize("content", ["", "\n\r\n", "\ufeff", "\r"])
def test_lines_that_hold_nothing_are_refused_as_empty(tmp_path: Path, content: str) -> None:
    with pytest.raises(UnreadableFile, match="empty file"):
        read(tmp_path, content)


def test_an_empty_array_is_a_file_of_no_records(tmp_path: Path) -> None:
    assert read(tmp_path, "[]", "v", lines=False).height == 0


NESTED = {
    "lists": lambda depth: "[" * depth + "]" * depth,
    "objects": lambda depth: '{"a":' * depth + "1" + "}" * depth,
}


@pytest.mark.parametrize("depth", [70, 500, 990, 10_000])
@pytest.mark.parametrize("kind", NESTED)
def test_what_is_nested_too_deeply_is_marked_and_touches_no_other(tmp_path: Path, kind: str, depth: int) -> None:
    nested = NESTED[kind](depth)
    content = f'{{"v": 1}}\n{nested}\n{{"v": {nested}}}\n{{"v": 2}}\n'
    found = read(tmp_path, content, "v")
    assert [defect is None for defect in found["defect"]] == [True, False, False, True]
    assert found["text"][1] == nested
    assert found["v"].to_list() == ["1", None, None, "2"]


@pytest.mark.parametrize("kind", NESTED)
def test_a_document_nested_beyond_reading_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UnreadableFile, match="nested more than 64 deep"):
        read(tmp_path, f"[{NESTED[kind](10_000)}]", lines=False)


def test_an_element_nested_too_deeply_is_marked_and_touches_no_other(tmp_path: Path) -> None:
    found = read(tmp_path, f'[{NESTED["objects"](100)}, {{"v": 2}}]', "v", lines=False)
    assert found["defect"].to_list() == ["nested more than 64 deep", None]
    assert found["v"].to_list() == [None, "2"]


def test_nesting_of_any_use_is_read(tmp_path: Path) -> None:
    path = ".".join(["a"] * 40)
    assert values(tmp_path, NESTED["objects"](40) + "\n", path) == ["1"]


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_objects_without_the_identifying_members_are_refused(tmp_path: Path, form: str) -> None:
    path = put(tmp_path / "x.json", '{"id": "s1", "timestamp": "2025-03-01"}')
    with pytest.raises(UnreadableFile, match=r"header differs; .*lacking 'time' \(nearest: 'timestamp'\)"):
        read_records(path, described(format=form), LIMIT)


@pytest.mark.parametrize(("form", "text"), [("ndjson", "{cut\n[1]\n"), ("json", "[1, 2]")])
def test_a_file_of_damaged_records_alone_shows_no_source(tmp_path: Path, form: str, text: str) -> None:
    path = put(tmp_path / "x.json", text)
    assert read_records(path, described(format=form), LIMIT)["defect"].null_count() == 0
    with pytest.raises(UnreadableFile, match="header differs; nearest is 'plain', lacking 'id', 'time'"):
        require_sound_record(path, described(format=form), LIMIT)
    sound = put(
        tmp_path / "y.json",
        text.replace("[1", '{"id": "s1", "time": "2025-03-01"}\n[1', 1) if form == "ndjson" else "{}",
    )
    require_sound_record(sound, described(format=form), LIMIT)


def test_members_that_some_messages_lack_are_null(tmp_path: Path) -> None:
    path = put(tmp_path / "x.json", '{"id": "s1", "time": "t"}\n{"pm25": 3}\n')
    rows = [(1, None, None, "s1", "t", None), (2, None, None, None, None, "3")]
    assert read_records(path, described(format="ndjson"), LIMIT).rows() == rows


NUMBERS = st.integers() | st.floats(allow_nan=False)
OBJECTS = st.dictionaries(
    st.text(st.characters(exclude_characters=".", exclude_categories=["Cs"])),
    st.text(st.characters(exclude_categories=["Cs"])) | NUMBERS | st.none() | st.booleans(),
    max_size=4,
)


@tried(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(objects=st.lists(OBJECTS, min_size=1, max_size=5), ascii_only=st.booleans(), end=st.sampled_from(["\n", "\r\n"]))
def test_lines_hold_what_was_written(tmp_path: Path, objects: list[dict[str, Any]], ascii_only: bool, end: str) -> None:
    content = end.join(json.dumps(each, ensure_ascii=ascii_only) for each in objects)
    names = sorted({name for each in objects for name in each})
    found = read(tmp_path, content, *(name for name in names if name not in POSITION))
    assert found["defect"].null_count() == len(objects)
    for name in found.columns[3:]:
        written = [each.get(name) for each in objects]
        texts = [v if v is None or isinstance(v, str) else json.dumps(v) for v in written]
        assert found[name].to_list() == texts


@tried(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.sampled_from(['{"v":1}', "{", "}", "1", "\n", "\r\n", "\r", " ", "[", "é"]), max_size=20))
def test_every_line_that_holds_something_is_one_record(tmp_path: Path, pieces: list[str]) -> None:
    content = "".join(pieces)
    lines = content.split("\n")
    filled = [number for number, line in enumerate(lines, start=1) if line.removesuffix("\r")]
    if filled:
        assert read(tmp_path, content)["record"].to_list() == filled
