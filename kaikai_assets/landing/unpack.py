"""Bytes of a landed file: fingerprint, decompression, decoding, lines. Plain files are never loaded whole."""

import codecs
import hashlib
import io
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

_CHUNK = 1 << 18
# What is read at once of a long text.
_PIECE = 1 << 23
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
    try:
        for chunk in chunks(path, max_bytes):
            # Plain ASCII between whole characters needs no decoding; most sensor files are nothing else.
            plain = encoding == "utf-8" and total > 0 and not decoder.getstate()[0] and chunk.isascii()
            total += len(chunk)
            yield chunk if plain else decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeDecodeError as error:
        at = total - len(error.object) + error.start
        byte = f"byte {at} is {error.object[error.start]:#04x} (line {_line_of(path, at, max_bytes)})"
        looks = "it begins like UTF-16; " if at == 0 and error.object[:2] in _UTF_16 else ""
        raise UnreadableFile(f"not {encoding} text: {byte}; {looks}{RECODE}") from error
    except UnicodeError as error:
        raise UnreadableFile(f"not {encoding} text: {error}") from error


def _line_of(path: Path, at: int, max_bytes: int) -> int:
    line = 1
    for chunk in chunks(path, max_bytes):
        line += chunk.count(b"\n", 0, max(0, at))
        at -= len(chunk)
    return line


def line_pieces(path: Path, encoding: str, max_bytes: int, size: int = _PIECE) -> Iterator[bytes]:
    """Unpacked text in pieces of whole lines, as UTF-8: all but the last of at least ``size`` bytes.

    Raises ``UnreadableFile`` at a line longer than ``LONGEST_LINE``, which nothing may gather.
    """
    held: list[bytes] = []
    lines, of_held, unended = 1, 0, 0
    for chunk in utf8_chunks(path, encoding, max_bytes):
        first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
        if unended + (len(chunk) if first < 0 else first) > LONGEST_LINE:
            lines += sum(part.count(b"\n") for part in held)
            raise UnreadableFile(f"line {lines} is longer than {LONGEST_LINE} bytes")
        held.append(chunk)
        of_held += len(chunk)
        unended = unended + len(chunk) if first < 0 else len(chunk) - last - 1
        if of_held >= size and unended < of_held:
            text = b"".join(held)
            piece, rest = text[: of_held - unended], text[of_held - unended :]
            yield piece
            lines += piece.count(b"\n")
            held, of_held = [rest], unended
    if of_held:
        yield b"".join(held)


def text_lines(path: Path, encoding: str, max_bytes: int) -> Iterator[str]:
    """Physical lines with their ends; only a newline ends one, as in the count."""
    for piece in line_pieces(path, encoding, max_bytes, size=1):
        yield from lines_of(piece)


def lines_of(piece: bytes) -> Iterator[str]:
    """Physical lines of a piece of UTF-8 text."""
    return map(bytes.decode, io.BytesIO(piece))


def is_blank(line: str) -> bool:
    """Whether a physical line holds nothing, as in the count."""
    return not line.removesuffix("\n").removesuffix("\r")


def unpacked_bytes(path: Path, max_bytes: int) -> bytes:
    """All unpacked bytes, for formats that cannot be streamed."""
    return b"".join(chunks(path, max_bytes))
