"""CSV to a frame of texts, one row a record, each with its physical line; damaged records are marked, never dropped."""

import csv
import io
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from kaikai_assets.landing.count import TextCount, count_text
from kaikai_assets.landing.sources import Source
from kaikai_assets.landing.unpack import UnreadableFile, is_blank, text_lines, text_source, utf8_chunks

# A quoted field may span lines; one that spans more has lost its closing quote.
_MOST_LINES = 20

# Both ways of reading take fields of any length.
csv.field_size_limit(sys.maxsize)


def csv_header(path: Path, source: Source, max_bytes: int) -> tuple[list[str], int]:
    """Column names without outer blanks, and the physical line they stand on.

    Raises ``UnreadableFile`` when there is no header or it repeats a name.
    """
    for number, line in enumerate(text_lines(path, source.encoding, max_bytes), start=1):
        if line.strip():
            try:
                names = [name.strip() for name in _fields(line, source)]
            except csv.Error as error:
                raise UnreadableFile(f"header is not CSV: {error}") from error
            twice = sorted({name for name in names if name and names.count(name) > 1})
            if twice:
                raise UnreadableFile(f"header repeats column {', '.join(map(repr, twice))}")
            return names, number
    raise UnreadableFile("empty file")


def read_csv(path: Path, source: Source, columns: list[str], max_bytes: int) -> pl.DataFrame:
    """Texts of some columns: ``record`` (physical line), ``defect`` and ``text`` (what is wrong with a damaged record,
    and how it stands; null for a sound one), then the columns.

    Raises ``UnreadableFile`` when the records found do not add up to the lines of the file.
    """
    names, at = csv_header(path, source, max_bytes)
    count = count_text(utf8_chunks(path, source.encoding, max_bytes))
    frame = _read_sound(path, source, names, at, columns, count, max_bytes)
    if frame is None:
        frame = _read_damaged(path, source, names, at, columns, count, max_bytes)
    return frame


def _read_sound(
    path: Path, source: Source, names: list[str], at: int, columns: list[str], count: TextCount, max_bytes: int
) -> pl.DataFrame | None:
    """The fast way, for files in which every line is a record of every field; None when this file is not one."""
    text = text_source(path, source.encoding, max_bytes)
    if not _every_line_full(text, source.separator, len(names), at):
        return None
    # A blank name or a reserved one cannot be projected; positions are unique.
    keys = [f"{position}" for position in range(len(names))]
    wanted = [keys[names.index(name)] for name in columns]
    blank_after = count.blank - (at - 1)
    try:
        frame = pl.read_csv(
            text,
            has_header=False,
            skip_lines=at,
            schema=dict.fromkeys(keys, pl.String),
            columns=None if blank_after else sorted({keys.index(key) for key in wanted} or {0}),
            separator=source.separator,
            missing_columns="insert",
            empty_string_is_null=False,
            row_index_name="record",
            row_index_offset=at + 1,
            glob=False,
        )
    except pl.exceptions.NoDataError:
        frame = pl.DataFrame(schema={"record": pl.Int64} | dict.fromkeys(keys, pl.String))
    except pl.exceptions.PolarsError:
        return None
    if blank_after:
        frame = frame.filter(~pl.all_horizontal(pl.col(keys) == ""))
    if frame.height != count.filled - 1:
        return None
    return frame.select(
        pl.col("record").cast(pl.Int64),
        pl.lit(None, pl.String).alias("defect"),
        pl.lit(None, pl.String).alias("text"),
        *[pl.col(key).alias(name) for key, name in zip(wanted, columns, strict=True)],
    )


def _every_line_full(text: Path | bytes, separator: str, width: int, at: int) -> bool:
    """Whether every line after the header is blank or one well-formed record with a field for each column.

    Without it, a record with an empty field too many could make up for one that lacks a field.
    """
    mark = f"\\x{ord(separator):02x}"
    # A byte order mark would be dropped from the first record.
    field = f'(?:[^"{mark}\r\ufeff]*|"(?:[^"]|"")*")'
    line = pl.col("line")
    formed = line.str.contains(f"^{field}(?:{mark}{field})*$")
    full = line.str.replace_all('"[^"]*"', "").str.count_matches(separator, literal=True) == width - 1
    lines = pl.scan_lines(text, name="line", glob=False).slice(at)
    return bool(lines.select(((line == "") | (formed & full)).all()).collect(engine="streaming").item())


def _read_damaged(
    path: Path, source: Source, names: list[str], at: int, columns: list[str], count: TextCount, max_bytes: int
) -> pl.DataFrame:
    """The careful way: line by line, each record checked on its own."""
    found: list[tuple[int, str | None, str | None, list[str | None]]] = []
    blank = spanned = 0
    lines = _Lines(enumerate(text_lines(path, source.encoding, max_bytes), start=1))
    while (numbered := lines.take()) is not None:
        number, line = numbered
        if number <= at or is_blank(line):
            blank += number != at
            continue
        fields, span = _record(line, lines, len(names), source)
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
    if blank + spanned + 1 != count.lines:
        raise UnreadableFile(f"{count.lines} lines, but {spanned} lie in records and {blank} are blank")
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


def _record(line: str, ahead: _Lines, width: int, source: Source) -> tuple[list[str] | None, int]:
    """Fields of the record that starts with a line, and how many lines it spans; no fields if its quotes are broken.

    A stray quote must not swallow the sound lines that follow: lines are joined only into a record of full width.
    """
    text = line
    for span in range(1, _MOST_LINES + 1):
        try:
            fields = _fields(text, source)
        except csv.Error as error:
            following = ahead.peek(span - 1) if "end of data" in str(error) else None
            if following is None:
                break
            text += following
        else:
            return (fields, span) if span == 1 or len(fields) == width else (None, 1)
    return None, 1


def _fields(line: str, source: Source) -> list[str]:
    rows = list(csv.reader(io.StringIO(line, newline=""), delimiter=source.separator, strict=True))
    if len(rows) != 1:
        raise csv.Error("a carriage return alone does not end a line")
    return rows[0]
