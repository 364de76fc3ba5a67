"""JSON documents and JSON lines to a frame of texts; members are named by path (``measurements.spo2_pct``)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from kaikai_assets.landing.count import count_text
from kaikai_assets.landing.unpack import UnreadableFile, unpacked_bytes, utf8_chunks

# Optional members may be absent from the first message; enough messages show the shape.
_HEADER_RECORDS = 1000


def read_json(path: Path, encoding: str, lines: bool, max_bytes: int) -> list[tuple[int, str | None, Any]]:
    """``(record, defect, object)`` for each line or array element, numbers kept as the text that stood there.

    ``record`` is the physical line of JSON lines, the 1-based position in an array. Raises ``UnreadableFile``.
    """
    if not lines:
        try:
            content = _loads(unpacked_bytes(path, max_bytes).decode(encoding.replace("utf-8", "utf-8-sig")))
        except UnicodeDecodeError as error:
            raise UnreadableFile(f"not {encoding} text: {error}") from error
        except (ValueError, RecursionError) as error:
            raise UnreadableFile(f"not JSON: {error}") from error
        elements = content if isinstance(content, list) else [content]
        return [(number, _defect(item), item) for number, item in enumerate(elements, start=1)]
    found = list(_read_lines(path, encoding, max_bytes))
    expected = count_text(utf8_chunks(path, encoding, max_bytes), None).records
    if len(found) != expected:
        raise UnreadableFile(f"{expected} lines hold something, but {len(found)} were read")
    return found


def _read_lines(path: Path, encoding: str, max_bytes: int) -> Iterator[tuple[int, str | None, Any]]:
    rest, number = b"", 0
    for chunk in [*utf8_chunks(path, encoding, max_bytes), b"\n"]:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            number += 1
            if not line.rstrip(b"\r"):
                continue
            try:
                item = _loads(line.decode())
            except (ValueError, RecursionError) as error:
                yield number, f"not JSON: {error}", line.decode()
            else:
                yield number, _defect(item), item


def _loads(text: str) -> Any:
    return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)


def _defect(item: object) -> str | None:
    return None if isinstance(item, dict) else "not a JSON object"


def json_header(records: list[tuple[int, str | None, Any]]) -> list[str]:
    """Paths of all members in the first records."""
    return list(
        dict.fromkeys(name for _, defect, item in records[:_HEADER_RECORDS] if not defect for name in _paths(item))
    )


def _paths(item: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in item.items():
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def json_frame(records: list[tuple[int, str | None, Any]], columns: list[str]) -> pl.DataFrame:
    """``record``, ``defect``, ``text`` and the texts of some members, null where absent."""
    return pl.DataFrame(
        {
            "record": pl.Series([number for number, _, _ in records], dtype=pl.Int64),
            "defect": pl.Series([defect for _, defect, _ in records], dtype=pl.String),
            "text": pl.Series([_text(item) if defect else None for _, defect, item in records], dtype=pl.String),
            **{
                name: pl.Series(
                    [None if defect else _text(_member(item, name)) for _, defect, item in records], dtype=pl.String
                )
                for name in columns
            },
        }
    )


def _member(item: Any, path: str) -> Any:
    for key in path.split("."):
        item = item.get(key) if isinstance(item, dict) else None
    return item


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
