"""Bytes of a landed file: fingerprint, decompression, decoding. Nothing is loaded whole."""

import codecs
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


class UnreadableFile(ValueError):
    """A file that cannot be taken; the message is the reason a person reads."""


def fingerprint(path: Path) -> str:
    """SHA-256 of a file's bytes as they stand on disk, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_packed(path: Path) -> bool:
    """Whether the file's first bytes say gzip or zstd; names lie, bytes do not."""
    with path.open("rb") as file:
        head = file.read(4)
    return head.startswith((_GZIP, _ZSTD))


@contextmanager
def open_unpacked(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading its unpacked bytes. Raises ``UnreadableFile`` when the packing is damaged."""
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(0)
        stream: BinaryIO = file
        if head.startswith(_GZIP):
            stream = cast(BinaryIO, gzip.GzipFile(fileobj=file))
        elif head.startswith(_ZSTD):
            stream = cast(BinaryIO, zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True))
        try:
            yield stream
        except EOFError as error:
            raise UnreadableFile("truncated: the packed file ends early") from error
        except (gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
            raise UnreadableFile(f"damaged: cannot unpack: {error}") from error


def chunks(path: Path, max_bytes: int) -> Iterator[bytes]:
    """Unpacked bytes in pieces. Raises ``UnreadableFile`` when there are more than ``max_bytes``."""
    total = 0
    with open_unpacked(path) as stream:
        while chunk := stream.read(_CHUNK):
            total += len(chunk)
            if total > max_bytes:
                raise UnreadableFile(f"too large: more than {max_bytes} bytes when unpacked")
            yield chunk


def utf8_chunks(path: Path, encoding: str, max_bytes: int) -> Iterator[bytes]:
    """Unpacked text in pieces, as UTF-8 without byte order mark.

    Raises ``UnreadableFile`` when the bytes are not text of that encoding.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)()
    position = 0
    try:
        for chunk in chunks(path, max_bytes):
            # Plain ASCII between whole characters needs no decoding; most sensor files are nothing else.
            plain = encoding == "utf-8" and position > 0 and not decoder.getstate()[0] and chunk.isascii()
            yield chunk if plain else decoder.decode(chunk).encode()
            position += len(chunk)
        yield decoder.decode(b"", final=True).encode()
    except UnicodeDecodeError as error:
        at = position + error.start
        raise UnreadableFile(f"not {encoding} text: byte {at} is {error.object[error.start]:#04x}") from error


def unpacked_bytes(path: Path, max_bytes: int) -> bytes:
    """All unpacked bytes, for formats that cannot be streamed."""
    return b"".join(chunks(path, max_bytes))


def text_source(path: Path, encoding: str, max_bytes: int) -> Path | io.BytesIO:
    """What a UTF-8 reader can be given: the file itself where it can, else its text in memory."""
    if encoding == "utf-8" and not is_packed(path):
        return path
    return io.BytesIO(b"".join(utf8_chunks(path, encoding, max_bytes)))
