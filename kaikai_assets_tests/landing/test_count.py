from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from kaikai_assets.landing import csv_files, json_files
from kaikai_assets.landing.count import TextCount, count_text
from kaikai_assets.landing.readers import read_records
from kaikai_assets.landing.unpack import UnreadableFile, lines_of, text_lines
from kaikai_assets_tests.landing.making import LIMIT, MAKERS, described, put

TEXTS = st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b'"', b",", b"a", b" ", "é".encode()]), max_size=40).map(
    b"".join
)


@pytest.mark.parametrize(
    ("text", "lines", "blank"),
    [
        (b"", 0, 0),
        (b"a", 1, 0),
        (b"a\n", 1, 0),
        (b"\n", 1, 1),
        (b"\r\n", 1, 1),
        (b"\r", 1, 1),
        (b"\na", 2, 1),
        (b"a\n\nb\n", 3, 1),
        (b"a\r\n\r\n\r\nb", 4, 2),
        (b"a\n\r", 2, 1),
        (b"a\r\r\n", 1, 0),
        (b"\r\r\n", 1, 0),
        (b"a\rb\n", 1, 0),
        (b" \n\t\n", 2, 0),
        ("é\u2028\x85\n".encode(), 1, 0),
    ],
)
def test_lines_end_with_newlines_only(text: bytes, lines: int, blank: int) -> None:
    assert count_text([text]) == TextCount(lines, blank)


@tried(max_examples=300, deadline=None)
@given(text=TEXTS)
def test_the_count_is_that_of_the_lines_split_one_by_one(text: bytes) -> None:
    lines = text.split(b"\n")
    if not lines[-1]:
        lines.pop()
    blank = sum(line in (b"", b"\r") for line in lines)
    found = count_text([text])
    assert (found.lines, found.blank, found.filled) == (len(lines), blank, len(lines) - blank)


@tried(max_examples=300, deadline=None)
@given(text=TEXTS, cuts=st.lists(st.integers(0, 60), max_size=12))
def test_it_does_not_matter_where_the_text_is_cut(text: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[start:end] for start, end in pairwise(edges)]
    assert b"".join(pieces) == text
    assert count_text(pieces) == count_text([text])


ROWS = [{"id": f"s{n}", "time": "2025-03-01", "pm25": str(n)} for n in range(9)]


def all_but_the_last(reader: Callable[..., Iterator[str]]) -> Callable[..., list[str]]:
    return lambda *args: list(reader(*args))[:-1]


@pytest.mark.parametrize(("form", "damage"), [("csv", b'"s9\n",2025,1\n'), ("ndjson", b"{\n")])
def test_a_reader_that_loses_a_line_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, damage: bytes
) -> None:
    path = put(tmp_path / "x", MAKERS[form](ROWS) + damage)
    assert read_records(path, described(format=form), LIMIT).height == 10
    monkeypatch.setattr(csv_files, "lines_of", all_but_the_last(lines_of))
    monkeypatch.setattr(json_files, "text_lines", all_but_the_last(text_lines))
    with pytest.raises(
        UnreadableFile, match=r"11 lines from line 2 on, but 10 were read|10 lines hold something, but 9 were read"
    ):
        read_records(path, described(format=form), LIMIT)


@pytest.mark.parametrize("damage", [b"", b"s9,2025\n"])
@pytest.mark.parametrize(("of_lines", "of_records"), [(5, 99), (99, 5), (6, 5)])
def test_a_fast_reader_that_loses_a_record_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of_lines: int, of_records: int, damage: bytes
) -> None:
    path = put(tmp_path / "x.csv", MAKERS["csv"](ROWS) + damage)
    whole = read_records(path, described(), LIMIT)
    scan_lines, read_csv = pl.scan_lines, pl.read_csv
    monkeypatch.setattr(pl, "scan_lines", lambda *args, **kwargs: scan_lines(*args, **kwargs).head(of_lines))
    monkeypatch.setattr(pl, "read_csv", lambda *args, **kwargs: read_csv(*args, **kwargs).head(of_records))
    assert read_records(path, described(), LIMIT).equals(whole)
