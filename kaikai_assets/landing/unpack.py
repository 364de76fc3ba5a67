"""Bytes of a landed file: fingerprint, decompression, decoding, lines. Plain files are never loaded whole."""

import codecs
import hashlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

_CHUNK = 1 << 20
# Longer than any record; a file without line ends must not be gathered whole.
LONGEST_LINE = 1 << 24


_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
RECODE = "if it is text, save it as UTF-8 or give its source the `encoding` it has"


class UnreadableFile(ValueError):
    """A file that cannot be taken; the message is the reason a person reads."""


class TooLarge(UnreadableFile):
    """A file that unpacks to more than it may; more may be allowed elsewhere."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"too large: more than {max_bytes} bytes when unpacked")


def fingerprint(path: Path) -> str:
    """SHA-256 of a file's bytes as they stand on disk, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def packing(path: Path) -> str | None:
    """``gzip`` or ``zstd`` if the file's first bytes say so; names lie, bytes do not."""
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    # A zstd file may begin with a skippable frame.
    return "zstd" if head == b"\x28\xb5\x2f\xfd" or (head[1:] == b"\x2a\x4d\x18" and head[0] >> 4 == 5) else None


def chunks(path: Path, max_bytes: int) -> Iterator[bytes]:
    """Unpacked bytes in pieces.

    Raises ``TooLarge`` when there are more than ``max_bytes``, ``UnreadableFile`` when the packing is damaged or ends
    early.
    """
    total = 0
    kind = packing(path)
    with path.open("rb") as file:
        # Not the zstandard package: it takes the end of a truncated file for the end of its content.
        stream: Any = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), kind) if kind else file
        with closing(stream):
            while chunk := _read(stream):
                total += len(chunk)
                if total > max_bytes:
                    raise TooLarge(max_bytes)
                yield chunk


def _read(stream: Any) -> bytes:
    try:
        return bytes(stream.read(_CHUNK))
    except OSError as error:
        if error.errno is not None:
            raise  # the disk's fault, not the file's
        raise UnreadableFile(f"damaged: cannot unpack: {error}") from error


def utf8_chunks(path: Path, encoding: str, max_bytes: int) -> Iterator[bytes]:
    """Unpacked text in pieces, as UTF-8 without byte order mark.

    Raises ``UnreadableFile`` when the bytes are not text of that encoding.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)()
    total = 0
    line = 1
    try:
        for chunk in chunks(path, max_bytes):
            # Plain ASCII between whole characters needs no decoding; most sensor files are nothing else.
            plain = encoding == "utf-8" and total > 0 and not decoder.getstate()[0] and chunk.isascii()
            total += len(chunk)
            yield chunk if plain else decoder.decode(chunk).encode()
            line += chunk.count(b"\n")
        yield decoder.decode(b"", final=True).encode()
    except UnicodeDecodeError as error:
        at = total - len(error.object) + error.start
        line += error.object[: error.start].count(b"\n")
        byte = f"byte {at} is {error.object[error.start]:#04x} (line {line})"
        looks = "it begins like UTF-16; " if at == 0 and error.object[:2] in _UTF_16 else ""
        raise UnreadableFile(f"not {encoding} text: {byte}; {looks}{RECODE}") from error
    except UnicodeError as error:
        raise UnreadableFile(f"not {encoding} text: {error}") from error


def of_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces. Raises ``UnreadableFile`` at a line longer than ``LONGEST_LINE``, which nothing may gather."""
    number, length = 1, 0
    for piece in pieces:
        first, last = piece.find(b"\n"), piece.rfind(b"\n")
        if length + (len(piece) if first < 0 else first) > LONGEST_LINE:
            raise UnreadableFile(f"line {number} is longer than {LONGEST_LINE} bytes")
        length = length + len(piece) if first < 0 else len(piece) - last - 1
        number += piece.count(b"\n")
        yield piece


def text_lines(path: Path, encoding: str, max_bytes: int) -> Iterator[str]:
    """Physical lines with their ends; only a newline ends one, as in the count."""
    rest = b""
    for chunk in of_lines(utf8_chunks(path, encoding, max_bytes)):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode() + "\n"
    if rest:
        yield rest.decode()


def is_blank(line: str) -> bool:
    """Whether a physical line holds nothing, as in the count."""
    return not line.removesuffix("\n").removesuffix("\r")


def unpacked_bytes(path: Path, max_bytes: int) -> bytes:
    """All unpacked bytes, for formats that cannot be streamed."""
    return b"".join(chunks(path, max_bytes))


def text_source(path: Path, encoding: str, max_bytes: int) -> Path | bytes:
    """What a UTF-8 reader can be given: the file itself where it can, else its text in memory."""
    if encoding == "utf-8" and packing(path) is None and _is_utf8(str(path)):
        return path
    return b"".join(utf8_chunks(path, encoding, max_bytes))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
