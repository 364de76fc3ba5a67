"""Independent count of a text file's lines and records, from bytes alone.

The reader that fills bronze never runs here: what it finds is compared with this count, so that neither can lose a
record unnoticed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_BLANK = re.compile(rb"\n(?=\r?\n)")


@dataclass(frozen=True)
class TextCount:
    """Counts of a text file: physical lines, blank lines, logical lines (newlines within quotes do not end one),
    separators outside quotes, and whether any line ends with one."""

    lines: int
    blank: int
    logical: int
    separators: int
    quotes_closed: bool
    open_ended: bool

    @property
    def records(self) -> int:
        """Logical lines that hold something, the header included."""
        return self.logical - self.blank


def count_text(chunks: Iterable[bytes], separator: bytes | None) -> TextCount:
    """Count UTF-8 text given in pieces. Without ``separator`` quotes mean nothing (line formats)."""
    lines = logical = blank = separators = 0
    quoted = open_ended = False
    # As if a newline stood before the text: a blank first line is then found like any other.
    tail = b"\n"
    last = b"\n"
    for chunk in chunks:
        if not chunk:
            continue
        lines += chunk.count(b"\n")
        last = chunk[-1:]
        outside = chunk
        if separator is not None and (quoted or b'"' in chunk):
            parts = chunk.split(b'"')
            start = 1 if quoted else 0
            quoted ^= len(parts) % 2 == 0
            # A mark stands for what was quoted: a line that holds only a quoted field is not blank.
            outside = (b"q" if start else b"") + b"q".join(parts[start::2])
        logical += outside.count(b"\n")
        if separator is not None:
            separators += outside.count(separator)
        seen = tail + outside
        if separator is not None:
            open_ended = open_ended or separator + b"\n" in seen or separator + b"\r\n" in seen
        if b"\n\n" in seen or b"\n\r\n" in seen:
            blank += len(_BLANK.findall(seen))
        tail = _unfinished(seen)
    if last != b"\n":
        lines += 1
        logical += 1
        open_ended = open_ended or last == separator
    return TextCount(lines, blank, logical, separators, not quoted, open_ended)


def _unfinished(seen: bytes) -> bytes:
    """End of the text seen so far that a blank line, or a separator before a line's end, could still begin with."""
    return seen[-2:] if seen.endswith(b"\r") else seen[-1:]
