"""Records as they stand in their file: the text that a person would see who opened it at that place."""

import json
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path

import polars as pl

from kaikai_assets.landing.csv_files import csv_header
from kaikai_assets.landing.json_files import read_json
from kaikai_assets.landing.readers import read_records, read_table, refusing
from kaikai_assets.landing.sources import Source
from kaikai_assets.landing.unpack import UnreadableFile, is_blank, text_lines, utf8_chunks

_SCHEMA = {"record": pl.Int64, "line": pl.Int64, "text": pl.String}


def as_written(path: Path, source: Source, records: Collection[int], max_bytes: int) -> pl.DataFrame:
    """``record``, ``line`` (on which it starts; null in a Parquet file or workbook) and ``text`` of some records.

    Of CSV and JSON lines the text is the record's lines, of a JSON document the element, both without the last line
    end; of a table the row's filled cells as a JSON object of texts. Raises ``UnreadableFile``, also when the file has
    no such record.
    """
    wanted = set(records)
    with refusing():
        if source.format == "json":
            found = list(_elements(path, source, wanted, max_bytes))
        elif source.format in ("csv", "ndjson"):
            found = list(_lines(path, source, wanted, max_bytes))
        else:
            rows = read_table(path, source, max_bytes).filter(pl.col("record").is_in(list(wanted)))
            cells = rows.drop("defect", "text").iter_rows(named=True)
            found = [(row.pop("record"), None, _object(row)) for row in cells]
    if lacking := sorted(wanted - {record for record, _, _ in found}):
        raise UnreadableFile(f"has no record {lacking[0]}")
    return pl.DataFrame(found, schema=_SCHEMA, orient="row")


def header_as_written(path: Path, source: Source, max_bytes: int) -> tuple[int, str] | None:
    """Line number and text of a CSV file's header; None for other formats. Raises ``UnreadableFile``."""
    if source.format != "csv":
        return None
    with refusing():
        at = csv_header(path, source, max_bytes).line
        line = next(islice(text_lines(path, source.encoding, max_bytes), at - 1, None))
        return at, _without_end(line)


def _lines(path: Path, source: Source, wanted: set[int], max_bytes: int) -> Iterator[tuple[int, int | None, str]]:
    # Where a record ends the reader alone can say: before the next one begins.
    starts = iter(sorted(read_records(path, source, max_bytes, [])["record"].to_list()))
    following = next(starts, None)
    record, text = 0, [""]
    for number, line in enumerate(text_lines(path, source.encoding, max_bytes), start=1):
        if number == following:
            if record in wanted:
                yield record, record, _joined(text)
            record, text, following = number, [], next(starts, None)
        if record in wanted:
            text.append(line)
    if record in wanted:
        yield record, record, _joined(text)


def _joined(lines: list[str]) -> str:
    """A record's lines without the blank ones that follow it."""
    while is_blank(lines[-1]):
        lines.pop()
    return _without_end("".join(lines))


def _without_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


def _elements(path: Path, source: Source, wanted: set[int], max_bytes: int) -> Iterator[tuple[int, int | None, str]]:
    # Read as for bronze first, so that what follows may take the document for sound.
    count = len(read_json(path, source.encoding, False, max_bytes))
    text = b"".join(utf8_chunks(path, source.encoding, max_bytes)).decode()
    decoder = json.JSONDecoder()
    at = _past_blanks(text, 0)
    in_array = text[at] == "["
    for record in range(1, count + 1):
        start = _past_blanks(text, at + 1 if in_array else at)
        _, end = decoder.raw_decode(text, start)
        if record in wanted:
            yield record, text.count("\n", 0, start) + 1, text[start:end]
        at = _past_blanks(text, end)  # a comma, or the closing bracket


def _past_blanks(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t", "\n", "\r"):
        at += 1
    return at


def _object(row: dict[str, str | None]) -> str:
    return json.dumps({name: value for name, value in row.items() if value is not None}, ensure_ascii=False)
