"""JSON documents and JSON lines to a frame of texts; members are named by path (``measurements.spo2_pct``)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from kaikai_assets.landing.count import count_text
from kaikai_assets.landing.unpack import UnreadableFile, is_blank, line_pieces, text_lines, utf8_chunks

# Optional members may be absent from the first message; enough messages show the shape.
_HEADER_RECORDS = 1000
# No message is nested like this, but damage and malice are; it keeps every walk through an object short.
_DEEPEST = 64
_TOO_DEEP = f"nested more than {_DEEPEST} deep"

Records = list[tuple[int, str | None, Any]]
"""Of each record: its position; what is wrong with it, if it is damaged; the object, or how the damaged one stands."""


def read_json(path: Path, encoding: str, lines: bool, max_bytes: int) -> Records:
    """Records of a document (elements of its array, or the one object) or of JSON lines.

    The position is the physical line, or 1-based in an array. Raises ``UnreadableFile``.
    """
    if not lines:
        try:
            content = _loads(b"".join(utf8_chunks(path, encoding, max_bytes)).decode())
        except UnreadableFile:
            raise
        except (ValueError, RecursionError) as error:
            raise UnreadableFile(_unread(error)) from error
        elements = content if isinstance(content, list) else [content]
        return [_judged(number, item, None) for number, item in enumerate(elements, start=1)]
    found = list(_read_lines(path, encoding, max_bytes))
    count = count_text(line_pieces(path, encoding, max_bytes))
    if not count.filled:
        raise UnreadableFile("empty file")
    if len(found) != count.filled:
        raise UnreadableFile(f"{count.filled} lines hold something, but {len(found)} were read")
    return found


def has_sound_record(path: Path, encoding: str, lines: bool, max_bytes: int) -> bool:
    """Whether a record can be read; of lines no more is read than the first that can. Raises ``UnreadableFile``."""
    records = _read_lines(path, encoding, max_bytes) if lines else read_json(path, encoding, lines, max_bytes)
    return any(defect is None for _, defect, _ in records)


def _read_lines(path: Path, encoding: str, max_bytes: int) -> Iterator[tuple[int, str | None, Any]]:
    for number, line in enumerate(text_lines(path, encoding, max_bytes), start=1):
        if not is_blank(line):
            text = line.removesuffix("\n").removesuffix("\r")
            try:
                item = _loads(text)
            except (ValueError, RecursionError) as error:
                yield number, _unread(error), text
            else:
                yield _judged(number, item, text)


class _Number(str):
    """A number as the text that stands in the file."""

    __slots__ = ()


def _loads(text: str) -> Any:
    return json.loads(text, parse_float=_Number, parse_int=_Number, parse_constant=_Number, object_pairs_hook=_members)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is given twice in one object")
    return found


def _unread(error: Exception) -> str:
    return _TOO_DEEP if isinstance(error, RecursionError) else f"not JSON: {error}"


def _judged(number: int, item: Any, text: str | None) -> tuple[int, str | None, Any]:
    if not _is_shallow(item):
        return number, _TOO_DEEP, text
    if not isinstance(item, dict):
        return number, "not a JSON object", _text(item) if text is None else text
    return number, None, item


def _is_shallow(item: Any) -> bool:
    level = [item]
    for _ in range(_DEEPEST):
        inner = [value for value in level if isinstance(value, (dict, list))]
        if not inner:
            return True
        level = [value for held in inner for value in (held.values() if isinstance(held, dict) else held)]
    return False


def json_header(records: Records) -> list[str]:
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


def json_frame(records: Records, columns: list[str]) -> pl.DataFrame:
    """``record``, ``defect``, ``text`` and the texts of some members, null where absent."""
    return pl.DataFrame(
        {
            "record": pl.Series([number for number, _, _ in records], dtype=pl.Int64),
            "defect": pl.Series([defect for _, defect, _ in records], dtype=pl.String),
            "text": pl.Series([item if defect else None for _, defect, item in records], dtype=pl.String),
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
    """The text of a member; null for ``null`` and where there is none."""
    if value is None:
        return None
    text = value if isinstance(value, str) else _written(value)
    # An escape can name half a character, which no text can hold: a question mark takes its place.
    return str(text) if text.isascii() else text.encode(errors="replace").decode()


def _written(value: Any) -> str:
    if isinstance(value, _Number):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_written(key)}: {_written(held)}" for key, held in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
