"""Refused files of a sensitive domain: which of them name a patient."""

import codecs
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from kaikai_assets.landing.unpack import UnreadableFile, chunks
from kaikai_assets.privacy.vault import Opener, private_file, sealed_bytes
from kaikai_assets.settings import Settings

_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x19\x1b-\x1f]")
_MOSTLY = 0.3


def refused_texts(settings: Settings, domain: str, opener: Opener) -> Iterator[tuple[Path, str, bool]]:
    """Each sealed refused file, its text as far as it can be read, and whether that is all of it."""
    for path in sorted((settings.rejected / domain).glob("*/*.sealed")):
        pieces: list[bytes] = []
        is_whole = False
        with private_file() as (file, place), suppress(UnreadableFile):
            file.write(sealed_bytes(path, opener))
            file.flush()
            for piece in chunks(place, settings.max_unpacked_bytes):
                pieces.append(piece)
            is_whole = True
        text = _decoded(b"".join(pieces))
        yield path, text or "", is_whole and text is not None


def _decoded(content: bytes) -> str | None:
    """The text of some bytes: UTF-16 if they begin or look so, UTF-8, else Latin-1; None where they are no text."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    for encoding, zeros in (("utf-16-le", content[1::2]), ("utf-16-be", content[::2])):
        if zeros.count(0) > _MOSTLY * len(zeros) > 0:
            return content.decode(encoding, errors="replace")
    if _NO_TEXT.search(content):
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
