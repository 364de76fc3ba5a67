"""CSV line by line: the careful way, which tells what is wrong with a damaged record and spares its neighbours."""

import csv
import io
import sys
from collections import deque
from collections.abc import Iterator

import polars as pl

from kaikai_assets.landing.unpack import UnreadableFile, is_blank

# A quoted field may span lines; one that spans more has lost its closing quote.
_MOST_LINES = 20

# Both ways of reading take fields of any length.
csv.field_size_limit(sys.maxsize)


def read_by_line(
    numbered: Iterator[tuple[int, str]], separator: str, names: list[str], at: int, columns: list[str], total: int
) -> pl.DataFrame:
    """``record``, ``defect``, ``text`` and some columns, each record of some numbered lines checked on its own.

    Lines up to ``at`` hold the header. Raises ``UnreadableFile`` when the lines that records span, the blank ones and
    the header's do not make ``total``.
    """
    found: list[tuple[int, str | None, str | None, list[str | None]]] = []
    blank = spanned = 0
    lines = _Lines(numbered)
    while (taken := lines.take()) is not None:
        number, line = taken
        if number <= at or is_blank(line):
            blank += number != at
            continue
        fields, span = _record(line, lines, len(names), separator)
        text = "".join([line, *(lines.take_text() for _ in range(span - 1))])
        spanned += span
        defect = None
        if fields is None:
            defect = "quotes do not pair, or a line end is broken"
        elif len(fields) != len(names):
            defect = f"{len(fields)} fields for {len(names)} columns"
        row = dict(zip(names, fields or (), strict=False))
        kept = text.removesuffix("\n").removesuffix("\r") if defect else None
        found.append((number, defect, kept, [row.get(name) for name in columns]))
    if blank + spanned + 1 != total:
        raise UnreadableFile(f"{total} lines, but {spanned} lie in records and {blank} are blank")
    return pl.DataFrame(
        {
            "record": pl.Series([number for number, _, _, _ in found], dtype=pl.Int64),
            "defect": pl.Series([defect for _, defect, _, _ in found], dtype=pl.String),
            "text": pl.Series([text for _, _, text, _ in found], dtype=pl.String),
            **{
                name: pl.Series([values[i] for _, _, _, values in found], dtype=pl.String)
                for i, name in enumerate(columns)
            },
        }
    )


class _Lines:
    """Numbered lines that can be looked at before they are taken."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._lines = lines
        self._ahead: deque[tuple[int, str]] = deque()

    def take(self) -> tuple[int, str] | None:
        return self._ahead.popleft() if self._ahead else next(self._lines, None)

    def take_text(self) -> str:
        return self._ahead.popleft()[1]

    def peek(self, offset: int) -> str | None:
        while len(self._ahead) <= offset:
            line = next(self._lines, None)
            if line is None:
                return None
            self._ahead.append(line)
        return self._ahead[offset][1]


def _record(line: str, ahead: _Lines, width: int, separator: str) -> tuple[list[str] | None, int]:
    """Fields of the record that starts with a line, and how many lines it spans; no fields if its quotes are broken.

    A stray quote must not swallow the sound lines that follow: lines are joined only into a record of full width.
    """
    text = line
    for span in range(1, _MOST_LINES + 1):
        try:
            fields = fields_of(text, separator)
        except csv.Error as error:
            following = ahead.peek(span - 1) if "end of data" in str(error) else None
            if following is None:
                break
            text += following
        else:
            return (fields, span) if span == 1 or len(fields) == width else (None, 1)
    return None, 1


def fields_of(line: str, separator: str) -> list[str]:
    """Fields of one record. Raises ``csv.Error`` for quotes out of place and for a line end within."""
    rows = list(csv.reader(io.StringIO(line, newline=""), delimiter=separator, strict=True))
    if len(rows) != 1:
        raise csv.Error("a carriage return alone does not end a line")
    return rows[0]
