"""Records are shown as they stand in their file, in every format."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaikai_assets.landing.as_written import as_written, header_as_written
from kaikai_assets.landing.readers import read_records
from kaikai_assets.landing.sources import Source
from kaikai_assets.landing.unpack import UnreadableFile
from kaikai_assets_tests.landing.making import LIMIT, MAKERS, PACKERS, Rows, described, put

ROWS: Rows = [
    {"id": "S1", "time": "2025-03-01T00:00:00Z", "pm25": "12.50"},
    {"id": "S2", "time": "2025-03-01T00:05:00Z", "pm25": None},
    {"id": "Thiès", "time": "2025-03-01T00:10:00Z", "pm25": "1e1"},
]
PLAIN = described()


def texts(path: Path, source: Source = PLAIN) -> dict[int, str]:
    """Text of every record of a file."""
    records = read_records(path, source, LIMIT)["record"].to_list()
    return dict(as_written(path, source, records, LIMIT).select("record", "text").iter_rows())


def csv(tmp_path: Path, content: str | bytes) -> Path:
    return put(tmp_path / "a.csv", content)


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("form", MAKERS)
def test_every_record_of_every_format_is_found_by_its_number_also_when_packed(
    tmp_path: Path, form: str, packing: str
) -> None:
    path = put(tmp_path / f"a.{form}{packing}", PACKERS[packing](MAKERS[form](ROWS)))
    source = described(format=form)
    expected = {
        "csv": ["S1,2025-03-01T00:00:00Z,12.50", "S2,2025-03-01T00:05:00Z,", "Thiès,2025-03-01T00:10:00Z,1e1"],
        "ndjson": [json.dumps(row) for row in ROWS],
        "json": [json.dumps(row) for row in ROWS],
    }
    filled = [json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=False) for row in ROWS]
    assert list(texts(path, source).values()) == expected.get(form, filled)
    records = read_records(path, source, LIMIT)["record"]
    last = as_written(path, source, [records[2]], LIMIT)
    line = {"csv": 4, "ndjson": 3, "json": 1}.get(form)
    assert last.rows() == [(records[2], line, expected.get(form, filled)[2])]


def test_a_record_that_spans_lines_is_shown_with_all_of_them_and_not_with_blank_ones(tmp_path: Path) -> None:
    quoted = 'S1,2025-03-01T00:00:00Z,1\r\n"S\r\n2\n\n3",2025-03-01T00:00:00Z,2\r\n\r\n\nS3,2025-03-01T00:00:00Z,3'
    path = csv(tmp_path, f"id,time,pm25\r\n{quoted}")
    assert texts(path) == {
        2: "S1,2025-03-01T00:00:00Z,1",
        3: '"S\r\n2\n\n3",2025-03-01T00:00:00Z,2',
        9: "S3,2025-03-01T00:00:00Z,3",
    }


def test_a_damaged_record_is_shown_alone_although_its_quote_never_closes(tmp_path: Path) -> None:
    path = csv(tmp_path, 'id,time,pm25\n"S1,2025-03-01T00:00:00Z,1\nS2,2025-03-01T00:00:00Z,2\nS3\n')
    assert texts(path) == {2: '"S1,2025-03-01T00:00:00Z,1', 3: "S2,2025-03-01T00:00:00Z,2", 4: "S3"}


def test_the_header_is_shown_with_its_line_and_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = csv(tmp_path, "\ufeff\n\n id,time,pm25 \r\nS1,2025-03-01T00:00:00Z,1\n")
    assert header_as_written(path, PLAIN, LIMIT) == (3, " id,time,pm25 ")
    assert header_as_written(path, described(format="json"), LIMIT) is None


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_texts_of_other_encodings_are_shown_in_their_letters(tmp_path: Path, encoding: str) -> None:
    path = csv(tmp_path, "id,time,pm25\nThiès,2025-03-01T00:00:00Z,1\n".encode(encoding))
    assert texts(path, described(encoding=encoding)) == {2: "Thiès,2025-03-01T00:00:00Z,1"}


def test_an_element_of_a_json_document_keeps_its_layout_and_tells_its_line(tmp_path: Path) -> None:
    first = '{"id": "S1",\n   "time": "2025-03-01T00:00:00Z", "pm25": 1.50, "more": [1, {"a": "]},"}]}'
    path = put(tmp_path / "a.json", f'\n[ {first}\n , 7 ,\n{{"id":"S2","time":null,"pm25":2}}\n]\n')
    source = described(format="json")
    assert as_written(path, source, [1, 2, 3], LIMIT).rows() == [
        (1, 2, first),
        (2, 4, "7"),
        (3, 5, '{"id":"S2","time":null,"pm25":2}'),
    ]
    alone = put(tmp_path / "b.json", f"  {first}\n")
    assert as_written(alone, source, [1], LIMIT).rows() == [(1, 1, first)]


def test_a_record_that_the_file_does_not_have_is_named(tmp_path: Path) -> None:
    path = csv(tmp_path, "id,time,pm25\nS1,2025-03-01T00:00:00Z,1\n")
    with pytest.raises(UnreadableFile, match="has no record 7"):
        as_written(path, PLAIN, [2, 7], LIMIT)


pieces = st.sampled_from(['"', "\n", "\r\n", "\r", ",", ",,", "S1", "é", "1", " ", "\n\n", 'S1,"a\nb",1\n', "S1,t,1\n"])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(pieces, max_size=25))
def test_whatever_stands_in_a_file_each_record_is_shown_byte_for_byte_at_its_line(
    tmp_path: Path, content: list[str]
) -> None:
    path = csv(tmp_path, "id,time,pm25\n" + "".join(content))
    lines = path.read_bytes().split(b"\n")
    shown = texts(path)
    covered = {0}
    for record, text in shown.items():
        parts = text.encode().split(b"\n")
        there = lines[record - 1 : record - 1 + len(parts)]
        assert there[:-1] == parts[:-1]
        assert there[-1] in (parts[-1], parts[-1] + b"\r")
        covered |= set(range(record - 1, record - 1 + len(parts)))
    assert {line for at, line in enumerate(lines) if at not in covered} <= {b"", b"\r"}
