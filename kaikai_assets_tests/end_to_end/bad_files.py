"""The table of bad input, first part (CSV): what is dropped, and the whole answer that the product must give."""

import gzip
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
import zstandard

from kaikai_assets.settings import utc_now

Content = str | bytes | Callable[[Path], object]
Aside = tuple[int, str | None, str | None, str, str]
"""Entry of the quarantine: record (line), column, raw value, rule, reason."""
Reading = tuple[str, str, float | None]
"""Row of silver: sensor, time, PM2.5."""

HEADER = "sensor_id,timestamp,pm25,temperature,humidity,co2\n"
THIES = "capteur;date;pm25\nS1;"
NUMBER = "the cell is not a number"
NO_TIME = "no time, or one that cannot be read"
OUT = "the time is before the first day or more than a day after arrival"
INVISIBLE = "the entity id holds control or invisible characters"
HEADER_CELLS = '{"time":"timestamp","pm25":"pm25","temperature":"temperature","humidity":"humidity","co2":"co2"}'
QUOTES = "quotes do not pair, or a line end is broken"
RECODE = "if it is text, save it as UTF-8 or give its source the `encoding` it has"

SOURCES: dict[str, dict[str, Any]] = {
    "thies": {
        "format": "csv",
        "match": "folder",
        "separator": ";",
        "decimal": ",",
        "entity": {"column": "capteur"},
        "time": {"column": "date", "formats": ["%d/%m/%Y %H:%M"], "timezone": "Europe/Paris"},
        "columns": {"pm25": "pm25"},
    },
    **{
        f"probe_{form}": {
            "format": form,
            "entity": {"column": "sensor"},
            "time": {"column": "when"},
            "columns": {"pm25": "pm25"},
            "missing": ["", "NaN"],
        }
        for form in ("ndjson", "json", "parquet", "xlsx")
    },
}
"""Descriptions that an operator has added, so that every format is read."""


def describe_sources(folder: Path) -> None:
    """Write the added descriptions."""
    folder.mkdir(parents=True)
    for name, content in SOURCES.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({"source": name, **content}))


@dataclass(frozen=True)
class Case:
    """Files by name in the inbox, and what becomes of them. ``landed`` counts records by name in raw."""

    files: Mapping[str, Content]
    landed: Mapping[str, int] = field(default_factory=dict)
    redelivered: tuple[str, ...] = ()
    rejected: Mapping[str, str] = field(default_factory=dict)
    stays: tuple[str, ...] = ()
    silver: tuple[Reading, ...] = ()
    absorbed: int = 0
    aside: tuple[Aside, ...] = ()


def refused(name: str, content: Content, reason: str) -> Case:
    """A file that goes to ``rejected/``."""
    return Case({name: content}, rejected={name: reason})


def taken(
    name: str, content: Content, *silver: Reading, aside: tuple[Aside, ...] = (), absorbed: int = 0, records: int = -1
) -> Case:
    """A file that lands: each record leads, is absorbed or is set aside."""
    if records < 0:
        records = len(silver) + absorbed + sum(column is None for _, column, *_ in aside)
    return Case({name: content}, landed={Path(name).name: records}, silver=silver, absorbed=absorbed, aside=aside)


def row(time: str = "10:00", pm25: str = "12.5", sensor: str = "S1") -> str:
    """A line of the network's own files, of 5 March 2025."""
    return at(f"2025-03-05T{time}:00Z", pm25, sensor)


def at(instant: str, pm25: str = "12.5", sensor: str = "S1") -> str:
    return f"{sensor},{instant},{pm25},31,40,600\n"


def read(time: str = "10:00", pm25: float | None = 12.5, sensor: str = "S1") -> Reading:
    return (sensor, f"2025-03-05 {time}:00", pm25)


def cells(time: str | None, pm25: str | None = "12.5", wide: bool = True) -> str:
    """A record as the quarantine shows it."""
    rest = {"temperature": "31", "humidity": "40", "co2": "600"} if wide else {}
    return json.dumps({"time": time, "pm25": pm25, **rest}, separators=(",", ":"), ensure_ascii=False)


def fields(line: int, text: str, found: int, wanted: int = 6) -> Aside:
    return (line, None, text, "damaged_record", f"{found} fields for {wanted} columns")


def cell(line: int, raw: str) -> Aside:
    return (line, "pm25", raw, "not_a_number", NUMBER)


def no_time(line: int, text: str) -> Aside:
    return (line, None, cells(text), "no_time", NO_TIME)


def out(line: int, text: str) -> Aside:
    return (line, None, cells(text), "time_out_of_range", OUT)


ONE = HEADER + row()
LONG = (HEADER + "".join(row(f"{minute // 60:02}:{minute % 60:02}") for minute in range(600))).encode()


def alien(*columns: str, more: bool = False) -> str:
    names = ", ".join(map(repr, columns)) + (", …" if more else "")
    return f"header fits no source: no source has any of its columns {names}; describe its source"


def _zst(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


INVALID = (
    "2025-02-30T10:00:00Z",
    "2025-13-01T10:00:00Z",
    "2025-02-29",
    "2025-03-05T24:00:00Z",
    "05.03.2025",
    "1741168800",
    "45721.5",
    "2025-W10-3",
    "10:00",
    "0000-00-00 00:00:00",
    "",
)
FAR = ("1970-01-01T00:00:00Z", "2262-04-11T23:47:17Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z")
BEYOND = ("10000-01-01T00:00:00Z", "262142-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00")
SEPARATED = ("12,5", "1,234.5", "1.234,5", "1 234", "1\u202f234", "1'234", "1_234")
ODD = (
    "inf",
    "-inf",
    "Infinity",
    "1e400",
    "-1e400",
    "NAN",
    "0x10",
    "１２",
    "#N/A",
    "<5",
    "5 %",
    "TRUE",
)
TOMORROW = f"{utc_now() + timedelta(days=1):%Y-%m-%dT12:00:00Z}"
LATER = f"{utc_now() + timedelta(days=3):%Y-%m-%dT12:00:00Z}"

TEXTS: dict[str, Case] = {
    # headers
    "wrong header": refused("a.csv", "a,b\n1,2\n", alien("a", "b")),
    "header in other letters": refused(
        "a.csv",
        ONE.replace("sensor_id,timestamp", "Sensor_ID,Timestamp"),
        "header fits no source; nearest is 'kaikai_csv', lacking 'sensor_id' (nearest: 'Sensor_ID'), "
        "'timestamp' (nearest: 'Timestamp')",
    ),
    "another separator": refused("a.csv", ONE.replace(",", ";"), alien(HEADER.strip().replace(",", ";")[:40])),
    "no header": refused("a.csv", row(), alien("S1", "2025-03-05T10:00:00Z", "12.5", "31", "40", more=True)),
    "a column missing": refused(
        "a.csv",
        ONE.replace(",co2", "").replace(",600", ""),
        "header fits no source; nearest is 'kaikai_csv', lacking 'co2'",
    ),
    "a column missing, in the folder of its source": refused(
        "kaikai_csv/a.csv",
        ONE.replace(",co2", "").replace(",600", ""),
        "header differs; nearest is 'kaikai_csv', lacking 'co2'",
    ),
    "a title above the header": refused("a.csv", "Export of March\n" + ONE, alien("Export of March")),
    "a column twice": refused("a.csv", ONE.replace("co2", "pm25"), "header repeats column 'pm25'"),
    "columns in another order, and more of them": taken(
        "a.csv",
        "co2,pm25,site,humidity,timestamp,temperature,sensor_id\n600,12.5,x,40,2025-03-05T10:00:00Z,31,S1\n",
        read(),
    ),
    "blanks around names of the header": taken(
        "a.csv", ONE.replace("sensor_id,", " sensor_id ,").replace("co2", "co2\t"), read()
    ),
    "a header in quotes": taken("a.csv", ONE.replace("timestamp", '"timestamp"'), read()),
    "a separator after the header only": taken(
        "a.csv", HEADER.replace("\n", ",\n") + row(), aside=(fields(2, row().strip(), 6, 7),)
    ),
    "a separator after every line": taken("a.csv", ONE.replace("\n", ",\n"), read()),
    # files that hold nothing, or are not what they seem
    "empty": refused("a.csv", "", "empty file"),
    "empty lines": refused("a.csv", "\n\r\n  \n", "empty file"),
    "a byte order mark alone": refused("a.csv", b"\xef\xbb\xbf", "empty file"),
    "header only": taken("a.csv", HEADER),
    "header only, without line end": taken("a.csv", HEADER.strip()),
    "truncated gzip": refused(
        "a.csv.gz", gzip.compress(LONG)[:-30], "damaged: cannot unpack: Truncated compressed stream"
    ),
    "truncated zstd": refused("a.csv.zst", _zst(LONG)[:-30], "damaged: cannot unpack: Truncated compressed stream"),
    "gzip with a wrong checksum": refused(
        "a.csv.gz",
        gzip.compress(ONE.encode())[:-8] + b"\1\2\3\4" + gzip.compress(ONE.encode())[-4:],
        "damaged: cannot unpack: zlib inflate failed: incorrect data check",
    ),
    "gzip with something after it": refused(
        "a.csv.gz",
        gzip.compress(ONE.encode()) + b"garbage",
        "damaged: cannot unpack: zlib inflate failed: incorrect header check",
    ),
    "gzip of nothing": refused("a.csv.gz", gzip.compress(b""), "empty file"),
    "gzip of gzip": refused(
        "a.csv.gz", gzip.compress(gzip.compress(ONE.encode())), f"not utf-8 text: byte 1 is 0x8b (line 1); {RECODE}"
    ),
    "gzip of zeros": refused("a.csv.gz", gzip.compress(bytes(20 << 20)), "line 1 is longer than 16777216 bytes"),
    "gzip named .csv": taken("a.csv", gzip.compress(ONE.encode()), read()),
    "plain text named .gz": taken("a.csv.gz", ONE, read()),
    "random bytes": refused(
        "a.csv", random.Random(1).randbytes(5000), f"not utf-8 text: byte 0 is 0xf5 (line 1); {RECODE}"
    ),
    "a picture": refused("a.csv", b"\x89PNG\r\n\x1a\n", f"not utf-8 text: byte 0 is 0x89 (line 1); {RECODE}"),
    "zeros": refused("a.csv", bytes(5000), f"header holds zero bytes, as binary files and UTF-16 do; {RECODE}"),
    "a web page": refused("a.csv", "<html>504 Gateway Time-out</html>\n", alien("<html>504 Gateway Time-out</html>")),
    "an answer of an API": refused("a.csv", '{"error": 429}', alien('{"error": 429}')),
    # encodings and line ends
    "UTF-16": refused(
        "a.csv",
        b"\xff\xfe" + ONE.encode("utf-16-le"),
        f"not utf-8 text: byte 0 is 0xff (line 1); it begins like UTF-16; {RECODE}",
    ),
    "UTF-16 without mark": refused(
        "a.csv", ONE.encode("utf-16-le"), f"header holds zero bytes, as binary files and UTF-16 do; {RECODE}"
    ),
    "Latin-1": refused(
        "a.csv", (ONE + row(sensor="Thiès")).encode("latin-1"), f"not utf-8 text: byte 92 is 0xe8 (line 3); {RECODE}"
    ),
    "a byte order mark": taken("a.csv", "\ufeff" + ONE, read()),
    "CRLF": taken("a.csv", ONE.replace("\n", "\r\n"), read()),
    "CRLF and LF": taken("a.csv", HEADER + row().replace("\n", "\r\n") + row("10:05"), read(), read("10:05")),
    "CR": refused("a.csv", ONE.replace("\n", "\r"), "header is not CSV: a carriage return alone does not end a line"),
    # zeros and other characters that nobody sees
    "a zero byte in a cell": taken(
        "a.csv", HEADER + row(pm25="12\0.5") + row("10:05"), read(pm25=None), read("10:05"), aside=(cell(2, "12\0.5"),)
    ),
    "a tail of zero bytes": taken("a.csv", ONE + "\0" * 512, read(), aside=(fields(3, "\0" * 512, 1),)),
    "invisible characters in the sensor": taken(
        "a.csv",
        HEADER + "".join(row(sensor=f"S{character}1") for character in "\0\x1b\u200b\ufeff\u202e") + row("10:05"),
        read("10:05"),
        aside=tuple((line, None, cells("2025-03-05T10:00:00Z"), "unusable_entity", INVISIBLE) for line in range(2, 7)),
    ),
    # times
    "mixed offsets": taken(
        "a.csv",
        HEADER
        + at("2025-03-05T10:00:00+02:00")
        + at("2025-03-05T10:05:00Z")
        + at("2025-03-05 10:10:00")
        + at("2025-03-05T10:15:00-05:30")
        + at("2025-03-05 10:20:00+0000")
        + at("2025-03-05T10:25:00+25:00"),
        read("08:00"),
        read("10:05"),
        read("10:10"),
        read("10:20"),
        read("15:45"),
        aside=(no_time(7, "2025-03-05T10:25:00+25:00"),),
    ),
    "invalid dates": taken(
        "a.csv",
        HEADER
        + "".join(
            map(
                at,
                INVALID,
            )
        )
        + at("2024-02-29T10:00:00Z"),
        ("S1", "2024-02-29 10:00:00", 12.5),
        aside=tuple(no_time(line, text) for line, text in enumerate(INVALID, 2)),
    ),
    "ambiguous dates": taken(
        "a.csv",
        HEADER + at("02/03/2025 10:00") + at("03-02-25"),
        aside=(no_time(2, "02/03/2025 10:00"), out(3, "03-02-25")),
    ),
    "local times that are twice or never, and a date whose order is described": taken(
        "thies/a.csv",
        THIES + "05/03/2025 11:00;12,5\nS1;26/10/2025 02:30;1\nS1;30/03/2025 02:30;1\nS1;13/13/2025 02:30;1\n",
        read(),
        aside=tuple(
            (line, None, cells(text, "1", wide=False), "no_time", NO_TIME)
            for line, text in ((3, "26/10/2025 02:30"), (4, "30/03/2025 02:30"), (5, "13/13/2025 02:30"))
        ),
    ),
    "years 1970, 2262 and beyond": taken(
        "a.csv",
        HEADER
        + "".join(
            map(
                at,
                FAR,
            )
        )
        + "".join(map(at, BEYOND))
        + row(),
        read(),
        aside=(
            *(out(line, text) for line, text in enumerate(FAR, 2)),
            *(no_time(line, text) for line, text in enumerate(BEYOND, 6)),
        ),
    ),
    "tomorrow, and later": taken(
        "a.csv",
        lambda path: path.write_text(HEADER + at(TOMORROW) + at(LATER)),
        aside=(
            (
                2,
                None,
                cells(TOMORROW),
                "time_ahead",
                "the time is more than 15 minutes after arrival",
            ),
            out(3, LATER),
        ),
    ),
    # numbers
    "decimal commas": taken(
        "a.csv",
        HEADER + row(pm25="12,5") + row("10:05"),
        read("10:05"),
        aside=(fields(2, row(pm25="12,5").strip(), 7),),
    ),
    "decimal commas in quotes, thousands separators": taken(
        "a.csv",
        HEADER + "".join(row(f"10:0{i}", f'"{text}"') for i, text in enumerate(SEPARATED)),
        *(read(f"10:0{i}", None) for i in range(7)),
        aside=tuple(cell(line, text) for line, text in enumerate(SEPARATED, 2)),
    ),
    "decimal commas as described, thousands separators": taken(
        "thies/a.csv",
        THIES
        + "05/03/2025 11:00;12,5\nS1;05/03/2025 11:01;1.234,5\n"
        + "S1;05/03/2025 11:02;1 234,5\nS1;05/03/2025 11:03;12.5\n",
        read(),
        *(read(f"10:0{i}", None) for i in (1, 2, 3)),
        aside=(cell(3, "1.234,5"), cell(4, "1 234,5"), cell(5, "12.5")),
    ),
    "inf, overflow and what is no number": taken(
        "a.csv",
        HEADER + "".join(row(f"10:{i:02}", text) for i, text in enumerate(ODD)),
        *(read(f"10:{i:02}", None) for i in range(12)),
        aside=tuple(cell(line, text) for line, text in enumerate(ODD, 2)),
    ),
    "a declared missing code": taken("a.csv", HEADER + row(pm25="nan"), read(pm25=None)),
    "numbers in rare spellings": taken(
        "a.csv",
        HEADER
        + row("10:00", "1e1")
        + row("10:01", "+5")
        + row("10:02", ".5")
        + row("10:03", "5.")
        + row("10:04", "-0"),
        read("10:00", 10.0),
        read("10:01", 5.0),
        read("10:02", 0.5),
        read("10:03", 5.0),
        read("10:04", 0.0),
    ),
    # records
    "ragged rows, the last one cut": taken(
        "a.csv",
        HEADER
        + row()
        + "S1,2025-03-05T10:05:00Z,12.5\nS1\n"
        + row("10:10").replace("\n", ",9,9\n")
        + row("10:15")
        + "S1,2025-03-05T10:2",
        read(),
        read("10:15"),
        aside=(
            fields(3, "S1,2025-03-05T10:05:00Z,12.5", 3),
            fields(4, "S1", 1),
            fields(5, row("10:10").strip() + ",9,9", 8),
            fields(7, "S1,2025-03-05T10:2", 2),
        ),
    ),
    "a separator after one row": taken(
        "a.csv",
        HEADER + row().replace("\n", ",\n") + row("10:05"),
        read("10:05"),
        aside=(fields(2, row().strip() + ",", 7),),
    ),
    "quotes that do not pair": taken(
        "a.csv",
        HEADER
        + row()
        + 'S1,"2025-03-05T10:05:00Z,12.5,31,40,600\n'
        + row("10:10")
        + row("10:15", '"12.5"x')
        + row("10:20", '"12.5"'),
        read(),
        read("10:10"),
        read("10:20"),
        aside=(
            (3, None, 'S1,"2025-03-05T10:05:00Z,12.5,31,40,600', "damaged_record", QUOTES),
            (5, None, row("10:15", '"12.5"x').strip(), "damaged_record", QUOTES),
        ),
    ),
    "a line end within quotes": taken(
        "a.csv",
        HEADER.replace("\n", ",note\n")
        + row().replace("\n", ',"two\nlines"\n')
        + row("10:05", "n.a.").replace("\n", ",x\n"),
        read(),
        read("10:05", None),
        aside=(cell(4, "n.a."),),
    ),
    "files joined to one, each with its header": taken(
        "a.csv",
        ONE + HEADER + row("10:05"),
        read(),
        read("10:05"),
        aside=((3, None, HEADER_CELLS, "no_time", NO_TIME),),
    ),
    "files joined to one, each with its byte order mark": taken(
        "a.csv",
        "\ufeff" + ONE + "\ufeff" + HEADER + row("10:05"),
        read(),
        read("10:05"),
        aside=((3, None, HEADER_CELLS, "unusable_entity", INVISIBLE),),
    ),
    "a comment and a line of totals": taken(
        "a.csv",
        ONE + "# end\nTotal,,12.5,,,\n",
        read(),
        aside=(
            fields(3, "# end", 1),
            (4, None, '{"time":"","pm25":"12.5","temperature":"","humidity":"","co2":""}', "no_time", NO_TIME),
        ),
    ),
    "no sensor": taken(
        "a.csv",
        HEADER + row(sensor=" "),
        aside=((2, None, cells("2025-03-05T10:00:00Z"), "no_entity", "no entity id"),),
    ),
    "the same record three times": taken("a.csv", HEADER + row() * 3, read(), absorbed=2),
    "two values for one time": taken(
        "a.csv",
        HEADER + row(pm25="1") + row(pm25="2"),
        read(pm25=2.0),
        absorbed=1,
        aside=((2, "pm25", "1.0", "contradiction", "another value of the same file and time was kept"),),
    ),
}
