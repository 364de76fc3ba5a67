"""Independent count of a text file's lines, from bytes alone.

The reader that fills bronze never runs here: what it finds is compared with this count, so that neither can lose a
line unnoticed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

_BLOCK = 1 << 18


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
    for block in (chunk[at : at + _BLOCK] for chunk in chunks for at in range(0, len(chunk), _BLOCK)):
        seen = tail + block
        codes = np.frombuffer(seen, np.uint8)
        ends = np.flatnonzero(codes == ord("\n"))
        lines += len(ends) - tail.count(b"\n")
        lengths = np.diff(ends)
        blank += int(np.count_nonzero(lengths == 1))
        blank += int(np.count_nonzero(codes[ends[1:][lengths == 2] - 1] == ord("\r")))
        # A blank line could still begin with these.
        tail = seen[-2:] if seen.endswith(b"\r") else seen[-1:]
    if tail != b"\n":
        lines += 1
        blank += tail == b"\n\r"
    return TextCount(lines, blank)
