from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from kaikai_assets.landing.count import TextCount, count_text

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
