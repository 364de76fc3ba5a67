"""What may be said of a sensitive file: rules and places, never a value that stood in it."""

import re
from collections.abc import Iterable

from kaikai_assets.landing.sources import Source

WITHHELD = "withheld"
"""Stands for a text that may identify somebody."""

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`")
# What a library says of a file may quote it without quotation marks.
_OF_LIBRARY = re.compile(r"(cannot be read: \w+): .*", re.DOTALL)


def without_values(text: str, sources: Iterable[Source]) -> str:
    """A reason without what it quotes of a file; names that the descriptions of sources know stay."""
    known = {name for source in sources for name in (source.source, *source.mapped)}
    quoted = _QUOTED.sub(lambda found: found[0] if found[0][1:-1] in known else "'…'", text)
    return _OF_LIBRARY.sub(r"\1", quoted)
