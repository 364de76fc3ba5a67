"""The table of bad input, second part: names, what is no file, JSON, Parquet and workbooks; and the whole table."""

import io
import os
import socket
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from kaikai_assets_tests.end_to_end.bad_files import (
    NO_TIME,
    ONE,
    TEXTS,
    Aside,
    Case,
    alien,
    cell,
    cells,
    read,
    refused,
    taken,
)

UNFINISHED = (".a.csv", "a.csv.part", "A.CSV.TMP", "a.csv.filepart", "a.csv.crdownload", "~$a.xlsx", ".git/config.csv")

NAMES: dict[str, Case] = {
    "a name with blanks": Case({"with blanks.csv": ONE}, landed={"with_blanks.csv": 1}, silver=(read(),)),
    "a name with a line end": Case({"line\nend.csv": ONE}, landed={"line_end.csv": 1}, silver=(read(),)),
    "a name with NFD accents": Case({"Me\u0301dina.csv": ONE}, landed={"M\u00e9dina.csv": 1}, silver=(read(),)),
    "a name with dots": Case({"a..csv": ONE}, landed={"a..csv": 1}, silver=(read(),)),
    "a name like an option": Case({"-rf.csv": ONE}, landed={"-rf.csv": 1}, silver=(read(),)),
    "a name like a command": Case({"$(id);'.csv": ONE}, landed={"__id___.csv": 1}, silver=(read(),)),
    "a name of 255 bytes": Case({"a" * 251 + ".csv": ONE}, landed={"a" * 116 + ".csv": 1}, silver=(read(),)),
    "a name that is not UTF-8": Case({os.fsdecode(b"m\xe9.csv"): ONE}, landed={"m_.csv": 1}, silver=(read(),)),
    "a name in capitals": Case({"A.CSV": ONE}, landed={"A.CSV": 1}, silver=(read(),)),
    "names that no source reads": Case(
        {"-rf": ONE, "a.csv.bak": ONE, "a.zip": b"PK", "Thumbs.db": b"x"},
        rejected=dict.fromkeys(
            ("-rf", "a.csv.bak", "a.zip", "Thumbs.db"),
            "no source reads files with a name that ends like this one; it must end in "
            ".csv, .json, .jsonl, .ndjson, .parquet, .tsv, .txt, .xlsx",
        ),
    ),
    "hidden and unfinished files": Case(dict.fromkeys(UNFINISHED, ONE), stays=UNFINISHED),
    "folders named like files": Case(
        {"x.csv": Path.mkdir, "y.csv/inner.csv": ONE}, landed={"inner.csv": 1}, silver=(read(),)
    ),
}

LINKED = "not a regular file; links out of the inbox are not followed"


def _outside(path: Path) -> Path:
    outside = path.parents[3] / "outside.csv"
    outside.write_text(ONE)
    return outside


def _socket(path: Path) -> None:
    bound = socket.socket(socket.AF_UNIX)
    # A socket's path must be short.
    here = os.open(path.parent, os.O_RDONLY)
    bound.bind(f"/proc/self/fd/{here}/{path.name}")
    bound.close()
    os.close(here)


NOT_FILES: dict[str, Case] = {
    "a symlink out of the inbox": refused("l.csv", lambda path: path.symlink_to(_outside(path)), LINKED),
    "a symlink to a folder": refused("l", lambda path: path.symlink_to("/etc"), LINKED),
    "a symlink to its own folder": refused("l", lambda path: path.symlink_to("."), LINKED),
    "a symlink to nothing": refused("l.csv", lambda path: path.symlink_to("/nowhere/a.csv"), LINKED),
    "a symlink to itself": refused("l.csv", lambda path: path.symlink_to("l.csv"), LINKED),
    "a pipe": refused("p.csv", os.mkfifo, LINKED),
    "a socket": refused("s.csv", _socket, LINKED),
    "a hard link to a file elsewhere": taken("h.csv", lambda path: os.link(_outside(path), path), read()),
    "two hard links to one file": Case(
        {"a.csv": ONE, "b.csv": lambda path: os.link(path.parent / "a.csv", path)},
        landed={"a.csv": 1},
        redelivered=("b.csv",),
        silver=(read(),),
    ),
}


def message(time: str = "10:00", pm25: str = "12.5", sensor: str = '"S1"') -> str:
    return f'{{"sensor":{sensor},"when":"2025-03-05T{time}:00Z","pm25":{pm25}}}\n'


def damaged(line: int, text: str, reason: str) -> Aside:
    return (line, None, text.removesuffix("\n"), "damaged_record", reason)


DEEP_MEMBER = "[" * 100 + "]" * 100
TWICE = '1,"pm25":2'
DEEP = "[" * 10_000 + "]" * 10_000
TOO_DEEP = "nested more than 64 deep"
NO_METRIC = "no metric is filled"

OBJECTS: dict[str, Case] = {
    "JSON nested 10,000 deep": refused("a.json", DEEP, TOO_DEEP),
    "a line nested 10,000 deep": taken(
        "a.ndjson",
        message() + DEEP + "\n" + message("10:05"),
        read(),
        read("10:05"),
        aside=(damaged(2, DEEP, TOO_DEEP),),
    ),
    "a member nested 100 deep": taken(
        "a.ndjson",
        message() + message("10:05", DEEP_MEMBER),
        read(),
        aside=(damaged(2, message("10:05", DEEP_MEMBER), TOO_DEEP),),
    ),
    "JSON cut off": refused(
        "a.json",
        "[" + message() + ",{",
        "not JSON: Expecting property name enclosed in double quotes: line 2 column 3 (char 61)",
    ),
    "an answer that says an error": refused("a.json", '{"error": "rate limit"}', alien("error")),
    "JSON lines named .json": refused("a.json", message() * 2, "not JSON: Extra data: line 2 column 1 (char 58)"),
    "a last line cut off": taken(
        "a.ndjson",
        message() + '{"sensor":"S1","when":"2025-03-',
        read(),
        aside=(
            damaged(
                2,
                '{"sensor":"S1","when":"2025-03-',
                "not JSON: Unterminated string starting at: line 1 column 23 (char 22)",
            ),
        ),
    ),
    "a member twice": taken(
        "a.ndjson",
        message() + message("10:05", TWICE),
        read(),
        aside=(damaged(2, message("10:05", TWICE), "not JSON: 'pm25' is given twice in one object"),),
    ),
    "NaN, Infinity and huge integers": taken(
        "a.ndjson",
        message("10:00", "NaN")
        + message("10:01", "Infinity")
        + message("10:02", "9" * 400)
        + message("10:03", "1e400")
        + message("10:04", "12345678901234567890"),
        *(read(f"10:0{i}", None) for i in (1, 2, 3, 4)),
        aside=(
            (1, None, cells("2025-03-05T10:00:00Z", "NaN", wide=False), "no_metric", NO_METRIC),
            cell(2, "Infinity"),
            cell(3, "9" * 400),
            cell(4, "1e400"),
            (5, "pm25", "12345678901234567890", "impossible", "the value is physically impossible"),
        ),
    ),
    "mixed types": taken(
        "a.ndjson",
        message("10:00", '"12.5"')
        + message("10:01", "true")
        + message("10:02", "[1]")
        + message("10:03", "null")
        + message("10:04", sensor="7")
        + message(sensor="null")
        + "[]\n"
        + message().strip()
        + message(),
        read(),
        read("10:01", None),
        read("10:02", None),
        read("10:04", sensor="7"),
        aside=(
            cell(2, "true"),
            cell(3, "[1]"),
            (4, None, cells("2025-03-05T10:03:00Z", None, wide=False), "no_metric", NO_METRIC),
            (6, None, cells("2025-03-05T10:00:00Z", wide=False), "no_entity", "no entity id"),
            damaged(7, "[]", "not a JSON object"),
            damaged(8, message().strip() + message(), "not JSON: Extra data: line 1 column 58 (char 57)"),
        ),
    ),
}

NOON = datetime(2025, 3, 5, 10)  # noqa: DTZ001 - a table's own naive time


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"sensor": ["S1"], "when": [NOON], "pm25": [12.5]} | columns), buffer)
    return buffer.getvalue()


HEAD = ["sensor", "when", "pm25"]


def workbook(rows: int, fill: Callable[[Any, Any], object]) -> bytes:
    """A sheet of sensors and times, a minute apart, that a function completes."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, HEAD)
    for n in range(rows):
        sheet.write_row(n + 1, 0, ["S1", f"2025-03-05T10:{n:02}:00Z"])
    fill(book, sheet)
    book.close()
    return buffer.getvalue()


def _formulas(book: Any, sheet: Any) -> None:
    for at_row, (formula, result) in enumerate(
        [("=5*2.5", 12.5), ("=1/0", "#DIV/0!"), ("=NA()", "#N/A"), ("=A1", "")], 1
    ):
        sheet.write_formula(at_row, 2, formula, None, result)
    bold = book.add_format({"bold": True})
    for at_row in range(5, 500):
        sheet.write_blank(at_row, 0, None, bold)
    sheet.set_row(10_000, 30)


def _times(book: Any, sheet: Any) -> None:
    day = book.add_format({"num_format": "dd/mm/yyyy hh:mm"})
    sheet.write_datetime(1, 1, NOON, day)
    sheet.write_number(2, 1, 45721.4375)
    for at_row in (1, 2):
        sheet.write(at_row, 2, 12.5)


def _merged(book: Any, sheet: Any) -> None:
    sheet.merge_range(1, 0, 2, 0, "S1", book.add_format({"valign": "top"}))
    sheet.write_column(1, 2, [12.5, 12.5])


def lacking(source: str, columns: str) -> str:
    return f"header fits no source; nearest is '{source}', lacking {columns}"


TABLES: dict[str, Case] = {
    "Parquet that lacks a column": refused(
        "a.parquet", parquet(when=["x"]).replace(b"when", b"whem"), lacking("probe_parquet", "'when' (nearest: 'whem')")
    ),
    "Parquet with other columns": refused(
        "a.parquet",
        parquet().replace(b"sensor", b"remove").replace(b"when", b"what").replace(b"pm25", b"pm52"),
        alien("remove", "what", "pm52"),
    ),
    "Parquet with a nested column": refused("a.parquet", parquet(pm25=[[12.5]]), lacking("probe_parquet", "'pm25'")),
    "Parquet with other types": taken(
        "a.parquet",
        parquet(sensor=pa.array([1]), when=pa.array([1741168800000]), pm25=["x"]),
        aside=((1, None, cells("1741168800000", "x", wide=False), "no_time", NO_TIME),),
    ),
    "Parquet with nanoseconds and no time zone": taken(
        "a.parquet", parquet(when=pa.array([1741168800000000001], pa.timestamp("ns"))), read()
    ),
    "Parquet with another time zone": taken(
        "a.parquet", parquet(when=pa.array([NOON], pa.timestamp("us", "Africa/Lagos"))), read()
    ),
    "Parquet with infinity": taken("a.parquet", parquet(pm25=[float("inf")]), read(pm25=None), aside=(cell(1, "inf"),)),
    "Parquet cut off": refused(
        "a.parquet",
        parquet()[:-10],
        "not Parquet: Parquet magic bytes not found in footer. "
        "Either the file is corrupted or this is not a parquet file.",
    ),
    "XLSX with formulas, errors and empty rows at its end": taken(
        "a.xlsx",
        workbook(4, _formulas),
        read(),
        read("10:01", None),
        read("10:02", None),
        aside=(
            cell(3, "#DIV/0!"),
            cell(4, "#N/A"),
            (5, None, cells("2025-03-05T10:03:00Z", None, wide=False), "no_metric", NO_METRIC),
        ),
    ),
    "XLSX with dates and with bare numbers for dates": taken(
        "a.xlsx", workbook(2, _times), read(), aside=((3, None, cells("45721.4375", wide=False), "no_time", NO_TIME),)
    ),
    "XLSX with merged cells": taken(
        "a.xlsx",
        workbook(2, _merged),
        read(),
        aside=((3, None, cells("2025-03-05T10:01:00Z", wide=False), "no_entity", "no entity id"),),
    ),
    "XLSX with a password, or XLS": refused(
        "a.xlsx",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000),
        "not a readable workbook: it has a password or is a .xls; save it as .xlsx without one",
    ),
    "XLSX cut off": refused("a.xlsx", workbook(2, _merged)[:-100], "not a readable workbook: File is not a zip file"),
}

CASES = TEXTS | NAMES | NOT_FILES | OBJECTS | TABLES
