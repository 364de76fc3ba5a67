"""CSV line by line: the careful way, which tells what is wrong with a damaged record and spares its neighbours."""

import csv
import io
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from kaikai_assets.landing.unpack import UnreadableFile, is_blank

# A quoted field may span lines; one that spans more has lost its closing quote.
MOST_LINES = 20

# Both ways of reading take fields of any length.
csv.field_size_limit(sys.maxsize)

_Row = tuple[int, str | None, str | None, list[str | None]]


def read_by_line(
    lines: Sequence[str], first: int, until: int, separator: str, names: list[str], columns: list[str]
) -> tuple[pl.DataFrame, int]:
    """``record``, ``defect``, ``text`` and some columns of the records that begin before line ``until``, each checked
    on its own; and the line that follows them. The first of the lines has the number ``first``.

    Raises ``UnreadableFile`` when the lines that records span and the blank ones do not make all of these.
    """
    found: list[_Row] = []
    blank = spanned = 0
    following = first
    ahead = _Lines(enumerate(lines, start=first))
    while following < until and (taken := ahead.take()) is not None:
        number, line = taken
        if is_blank(line):
            blank += 1
            following = number + 1
            continue
        fields, span = _record(line, ahead, len(names), separator)
        text = "".join([line, *(ahead.take_text() for _ in range(span - 1))])
        spanned += span
        following = number + span
        found.append(_row(number, text, fields, names, columns))
    if blank + spanned != following - first:
        raise UnreadableFile(
            f"{following - first} lines from line {first} on, but {spanned} lie in records and {blank} are blank"
        )
    return _frame(found, columns), following


def read_alone(
    numbered: Iterable[tuple[int, str]], separator: str, names: list[str], columns: list[str]
) -> pl.DataFrame | None:
    """The same of lines that each hold a record; None where one may go on in the next line."""
    found: list[_Row] = []
    for number, line in numbered:
        try:
            fields = fields_of(line, separator)
        except csv.Error as error:
            if _goes_on(error):
                return None
            fields = None
        found.append(_row(number, line, fields, names, columns))
    return _frame(found, columns)


def _row(number: int, text: str, fields: list[str] | None, names: list[str], columns: list[str]) -> _Row:
    defect = None
    if fields is None:
        defect = "quotes do not pair, or a line end is broken"
    elif len(fields) != len(names):
        defect = f"{len(fields)} fields for {len(names)} columns"
    row = dict(zip(names, fields or (), strict=False))
    kept = text.removesuffix("\n").removesuffix("\r") if defect else None
    return number, defect, kept, [row.get(name) for name in columns]


def _frame(found: list[_Row], columns: list[str]) -> pl.DataFrame:
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
    for span in range(1, MOST_LINES + 1):
        try:
            fields = fields_of(text, separator)
        except csv.Error as error:
            following = ahead.peek(span - 1) if _goes_on(error) else None
            if following is None:
                break
            text += following
        else:
            return (fields, span) if span == 1 or len(fields) == width else (None, 1)
    return None, 1


def _goes_on(error: csv.Error) -> bool:
    return "end of data" in str(error)


def fields_of(line: str, separator: str) -> list[str]:
    """Fields of one record. Raises ``csv.Error`` for quotes out of place and for a line end within."""
    rows = list(csv.reader(io.StringIO(line, newline=""), delimiter=separator, strict=True))
    if len(rows) != 1:
        raise csv.Error("a carriage return alone does not end a line")
    return rows[0]
