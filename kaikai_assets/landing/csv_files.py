"""CSV to a frame of texts, one row a record, each with its physical line; damaged records are marked, never dropped."""

import csv
from pathlib import Path

import polars as pl

from kaikai_assets.landing.count import count_text
from kaikai_assets.landing.csv_lines import fields_of, read_by_line
from kaikai_assets.landing.sources import Source
from kaikai_assets.landing.unpack import (
    LONGEST_LINE,
    RECODE,
    UnreadableFile,
    of_lines,
    text_lines,
    text_source,
    utf8_chunks,
)

_MARK = "\ufeff"


def csv_header(path: Path, source: Source, max_bytes: int) -> tuple[list[str], int]:
    """Column names without outer blanks, and the physical line they stand on.

    Raises ``UnreadableFile`` when there is no header or it repeats a name.
    """
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
            return names, number
    raise UnreadableFile("empty file")


def read_csv(path: Path, source: Source, columns: list[str], max_bytes: int) -> pl.DataFrame:
    """Texts of some columns: ``record`` (physical line), ``defect`` and ``text`` (what is wrong with a damaged record,
    and how it stands; null for a sound one), then the columns.

    Raises ``UnreadableFile`` when the records found do not add up to the lines of the file.
    """
    names, at = csv_header(path, source, max_bytes)
    count = count_text(of_lines(utf8_chunks(path, source.encoding, max_bytes)))
    frame = _read_apart(path, source, names, at, columns, max_bytes)
    # A record may span lines, and Polars may refuse what looked sound: then each line is looked at.
    if frame is None or frame.height != count.filled - 1:
        lines = enumerate(text_lines(path, source.encoding, max_bytes), start=1)
        frame = read_by_line(lines, source.separator, names, at, columns, count.lines)
    return frame


def _read_apart(
    path: Path, source: Source, names: list[str], at: int, columns: list[str], max_bytes: int
) -> pl.DataFrame | None:
    """Sound lines all at once, damaged ones each on its own; None where a record may span lines."""
    text = text_source(path, source.encoding, max_bytes)
    lines = pl.scan_lines(text, name="line", glob=False).with_row_index("record", 1).slice(at)
    line = pl.col("line")
    # What only looks at separators would misread these.
    strange = line.str.contains_any(['"', "\r", _MARK]).any()
    odd = bool(lines.select(strange).collect(engine="streaming").item())
    sound = _well_formed(line, source.separator, len(names)) if odd else _full(line, source.separator, len(names))
    judged = lines.select("record", sound.alias("sound"), (line == "").alias("blank")).collect(engine="streaming")
    filled = judged.filter(~pl.col("blank"))
    if filled["sound"].all():
        fields: Path | bytes = text
        skip = at
    else:
        damaged = lines.filter(~sound & (line != "")).select(pl.col("record").cast(pl.Int64), "line").collect()
        unpaired = damaged["line"].str.count_matches('"', literal=True) % 2 == 1
        if (unpaired | (damaged["line"].str.len_bytes() > LONGEST_LINE)).any():
            return None
        fields = lines.filter(sound & (line != "")).select(line.str.join("\n")).collect().item().encode()
        skip = 0
    # A blank name or a reserved one cannot be projected; positions are unique.
    keys = [f"{position}" for position in range(len(names))]
    wanted = [keys[names.index(name)] for name in columns]
    read = _fields_of(fields, source.separator, skip, keys, wanted, with_blank=skip > 0 and bool(judged["blank"].any()))
    numbers = filled.filter("sound")["record"].cast(pl.Int64)
    if read is None or read.height != len(numbers):
        return None
    frame = pl.DataFrame({"record": numbers}).select(
        "record",
        pl.lit(None, pl.String).alias("defect"),
        pl.lit(None, pl.String).alias("text"),
        *[read[key].alias(name) for key, name in zip(wanted, columns, strict=True)],
    )
    if skip:
        return frame
    # One carriage return and the newline were taken off; a line keeps what else it ends in.
    ended = ((number, f"{line}\r\n") for number, line in damaged.iter_rows())
    apart = read_by_line(ended, source.separator, names, 0, columns, damaged.height + 1)
    return pl.concat([frame, apart]).sort("record")


def _fields_of(
    text: Path | bytes, separator: str, skip: int, keys: list[str], wanted: list[str], *, with_blank: bool
) -> pl.DataFrame | None:
    """Fields of sound lines, blank ones left out; None where Polars refuses them."""
    try:
        frame = pl.read_csv(
            text,
            has_header=False,
            skip_lines=skip,
            schema=dict.fromkeys(keys, pl.String),
            columns=None if with_blank else sorted({keys.index(key) for key in wanted} or {0}),
            separator=separator,
            missing_columns="insert",
            empty_string_is_null=False,
            glob=False,
        )
    except pl.exceptions.NoDataError:
        return pl.DataFrame(schema=dict.fromkeys(keys, pl.String))
    except pl.exceptions.PolarsError:
        return None
    return frame.filter(~pl.all_horizontal(pl.col(keys) == "")) if with_blank else frame


def _full(line: pl.Expr, separator: str, width: int) -> pl.Expr:
    return line.str.count_matches(separator, literal=True) == width - 1


def _well_formed(line: pl.Expr, separator: str, width: int) -> pl.Expr:
    """Whether a line is one record with a field for each column, its quotes in their places."""
    mark = f"\\x{ord(separator):02x}"
    # Polars would take a byte order mark off the first record.
    field = f'(?:[^"{mark}\r{_MARK}]*|"(?:[^"]|"")*")'
    formed = line.str.contains(f"^{field}(?:{mark}{field})*$")
    return formed & _full(line.str.replace_all('"[^"]*"', ""), separator, width)
