"""CSV to frames of texts, one row a record, each with its physical line; damaged records are marked, never dropped."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from kaikai_assets.landing.count import count_text
from kaikai_assets.landing.csv_lines import MOST_LINES, fields_of, read_alone, read_by_line
from kaikai_assets.landing.sources import Source
from kaikai_assets.landing.unpack import RECODE, UnreadableFile, line_pieces, lines_of, text_lines

_MARK = "\ufeff"


@dataclass(frozen=True)
class Header:
    """Column names without outer blanks, and the physical line they stand on."""

    names: list[str]
    line: int


def csv_header(path: Path, source: Source, max_bytes: int) -> Header:
    """Header of a file. Raises ``UnreadableFile`` when there is none or it repeats a name."""
    for number, line in enumerate(text_lines(path, source.encoding, max_bytes), start=1):
        if line.strip():
            if "\0" in line:
                raise UnreadableFile(f"header holds zero bytes, as binary files and UTF-16 do; {RECODE}")
            try:
                names = [name.strip() for name in fields_of(line, source.separator)]
            except csv.Error as error:
                raise UnreadableFile(f"header is not CSV: {error}") from error
            twice = sorted({name for name in names if name and names.count(name) > 1})
            if twice:
                raise UnreadableFile(f"header repeats column {', '.join(map(repr, twice))}")
            return Header(names, number)
    raise UnreadableFile("empty file")


def read_csv(
    path: Path, source: Source, header: Header, columns: list[str], max_bytes: int, *, marked: bool = True
) -> Iterator[pl.DataFrame]:
    """Texts of some columns, in frames of bounded size: ``record`` (physical line), ``defect`` and ``text`` (what is
    wrong with a damaged record, and how it stands; null for a sound one), then the columns. Unless damage is to be
    ``marked``, ``defect`` and ``text`` may be absent.

    Raises ``UnreadableFile`` when the records found do not add up to the lines of the file.
    """
    first, rest, newlines = 1, b"", 0
    pieces = line_pieces(path, source.encoding, max_bytes)
    piece = next(pieces, None)
    while piece is not None:
        next_piece = next(pieces, None)
        newlines += int(np.count_nonzero(np.frombuffer(piece, np.uint8) == ord("\n")))
        newlines += next_piece is None and not piece.endswith(b"\n")
        skipped, text = _without_lines(rest + piece, header.line + 1 - first)
        first += skipped
        count = count_text([text])
        end = first + count.lines
        frame = _read_apart(text, first, source.separator, header.names, columns, marked) if count.filled else None
        following = end
        # A record may span lines, and Polars may refuse what looked sound: then each line is looked at.
        if frame is None or frame.height != count.filled:
            # The last records may go on in the next piece.
            until = end if next_piece is None else end - MOST_LINES
            lines = list(lines_of(text))
            frame, following = read_by_line(lines, first, until, source.separator, header.names, columns)
            if len(lines) != count.lines or (next_piece is None and following != end):
                raise UnreadableFile(f"{count.lines} lines from line {first} on, but {following - first} were read")
        yield frame
        _, rest = _without_lines(text, following - first) if following < end else (0, b"")
        first, piece = following, next_piece
    if first != newlines + 1:
        raise UnreadableFile(f"{newlines} lines, but {first - 1} were read")


def _without_lines(text: bytes, n: int) -> tuple[int, bytes]:
    """How many of the first ``n`` lines a text has, and what follows them."""
    taken = at = 0
    while taken < n and at < len(text):
        at = text.find(b"\n", at) + 1 or len(text)
        taken += 1
    return taken, text[at:]


def _read_apart(
    text: bytes, first: int, separator: str, names: list[str], columns: list[str], marked: bool
) -> pl.DataFrame | None:
    """Sound lines all at once, damaged ones apart; None where a record may span lines."""
    # One carriage return is taken off the end of each.
    line = pl.scan_lines(text, name="line", glob=False).collect()["line"]
    # What only looks at separators would misread these.
    if b'"' in text or (b"\r" in text and line.str.contains("\r", literal=True).any()):
        return _unquoted(text, line, first, separator, names, columns)
    return _split(line, first, separator, names, columns, marked)


def _split(
    line: pl.Series, first: int, separator: str, names: list[str], columns: list[str], marked: bool
) -> pl.DataFrame:
    """Lines without quotes: what may be wrong with one is the number of its fields."""
    record = pl.int_range(first, first + len(line), dtype=pl.Int64).alias("record")
    places = {name: names.index(name) for name in columns}
    # One field too many is enough to tell.
    width = len(names) if marked else max(places.values(), default=0) + 1
    fields = line.str.split_exact(separator, width).struct.unnest()
    marks = _marks(line, fields, separator, width) if marked else []
    frame = fields.select(record, *marks, *[pl.col(f"field_{place}").alias(name) for name, place in places.items()])
    filled = line != ""
    return frame if filled.all() else frame.filter(filled)


def _marks(line: pl.Series, fields: pl.DataFrame, separator: str, width: int) -> list[pl.Series]:
    damaged = (fields[f"field_{width - 1}"].is_null() | fields[f"field_{width}"].is_not_null()).arg_true()
    text = line.gather(damaged)
    found = (text.str.count_matches(separator, literal=True) + 1).cast(pl.String)
    marks = {"defect": found + f" fields for {width} columns", "text": text}
    return [
        pl.repeat(None, len(line), dtype=pl.String, eager=True).scatter(damaged, mark).alias(name)
        for name, mark in marks.items()
    ]


def _unquoted(
    text: bytes, line: pl.Series, first: int, separator: str, names: list[str], columns: list[str]
) -> pl.DataFrame | None:
    """Lines that may have quotes; None where a record may span lines."""
    sound = _well_formed(line, separator, len(names))
    damaged = ((line != "") & ~sound).arg_true()
    # They keep what else they end in.
    alone = zip((damaged + first).to_list(), (line.gather(damaged) + "\r\n").to_list(), strict=True)
    apart = read_alone(alone, separator, names, columns)
    if apart is None:
        return None
    if len(damaged):
        text = line.set(~sound, "").str.join("\n").item().encode() + b"\n"
    fields = _fields_of(text, separator, len(names), [names.index(name) for name in columns])
    if fields is None or fields.height != len(line):
        return None
    frame = fields.select(
        pl.int_range(first, first + len(line), dtype=pl.Int64).alias("record"),
        pl.lit(None, pl.String).alias("defect"),
        pl.lit(None, pl.String).alias("text"),
        *[pl.col(f"{names.index(name)}").alias(name) for name in columns],
    )
    if not sound.all():
        frame = frame.filter(sound)
    return pl.concat([frame, apart]).sort("record") if apart.height else frame


def _fields_of(text: bytes, separator: str, width: int, wanted: list[int]) -> pl.DataFrame | None:
    """Some fields of each line, by position; those of a blank line mean nothing. None where Polars refuses the text."""
    try:
        return pl.read_csv(
            text,
            has_header=False,
            # A blank name or a reserved one cannot be projected; positions are unique.
            schema={f"{position}": pl.String for position in range(width)},
            columns=sorted(set(wanted) or {0}),
            separator=separator,
            missing_columns="insert",
            extra_columns="ignore",
            empty_string_is_null=False,
            glob=False,
        )
    except pl.exceptions.PolarsError:
        return None


def _well_formed(line: pl.Series, separator: str, width: int) -> pl.Series:
    """Whether a line is one record with a field for each column, its quotes in their places."""
    mark = f"\\x{ord(separator):02x}"
    # Polars would take a byte order mark off the first record.
    field = f'(?:[^"{mark}\r{_MARK}]*|"(?:[^"]|"")*")'
    formed = line.str.contains(f"^{field}(?:{mark}{field})*$")
    bare = line.str.replace_all('"[^"]*"', "")
    return formed & (line != "") & (bare.str.count_matches(separator, literal=True) == width - 1)
