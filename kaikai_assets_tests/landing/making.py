"""Descriptions and files that the tests are made of."""

import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter
import zstandard

from kaikai_assets.landing.sources import Source

LIMIT = 1 << 30

PLAIN: dict[str, Any] = {
    "source": "plain",
    "format": "csv",
    "entity": {"column": "id"},
    "time": {"column": "time"},
    "columns": {"pm25": "pm25"},
}

Rows = Sequence[Mapping[str, str | None]]


def described(**changes: Any) -> Source:
    """A source of ``id,time,pm25`` with some fields changed."""
    return Source.model_validate(PLAIN | changes)


def put(path: Path, content: str | bytes) -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def csv_of(rows: Rows) -> bytes:
    lines = [",".join(rows[0]), *(",".join(value or "" for value in row.values()) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def ndjson_of(rows: Rows) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def json_of(rows: Rows) -> bytes:
    return json.dumps(list(rows)).encode()


def parquet_of(rows: Rows) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(list(rows)).write_parquet(buffer)
    return buffer.getvalue()


def xlsx_of(rows: Rows) -> bytes:
    return workbook({"readings": [list(rows[0]), *(list(row.values()) for row in rows)]})


def workbook(sheets: Mapping[str, Sequence[Sequence[Any] | None]], **formats: str) -> bytes:
    """A workbook of named sheets; a row that is None is left out."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss", **formats})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for number, row in enumerate(rows):
            if row is not None:
                sheet.write_row(number, 0, row)
    book.close()
    return buffer.getvalue()


MAKERS: dict[str, Callable[[Rows], bytes]] = {
    "csv": csv_of,
    "ndjson": ndjson_of,
    "json": json_of,
    "parquet": parquet_of,
    "xlsx": xlsx_of,
}

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
}
