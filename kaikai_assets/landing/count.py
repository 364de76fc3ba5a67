"""Independent count of a text file's lines, from bytes alone.

The reader that fills bronze never runs here: what it finds is compared with this count, so that neither can lose a
line unnoticed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_BLANK = re.compile(rb"\n(?=\r?\n)")


@dataclass(frozen=True)
class TextCount:
    """Physical lines of a text (only a newline ends one), and how many of them are blank."""

    lines: int
    blank: int

    @property
    def filled(self) -> int:
        """Lines that hold something."""
        return self.lines - self.blank


def count_text(chunks: Iterable[bytes]) -> TextCount:
    """Count UTF-8 text given in pieces."""
    lines = blank = 0
    # As if a newline stood before the text: a blank first line is then found like any other.
    tail = b"\n"
    for chunk in chunks:
        seen = tail + chunk
        lines += chunk.count(b"\n")
        if b"\n\n" in seen or b"\n\r\n" in seen:
            blank += len(_BLANK.findall(seen))
        # A blank line could still begin with these.
        tail = seen[-2:] if seen.endswith(b"\r") else seen[-1:]
    if tail != b"\n":
        lines += 1
        blank += tail == b"\n\r"
    return TextCount(lines, blank)
