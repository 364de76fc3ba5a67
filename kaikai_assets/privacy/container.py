"""The sealed container: a text file's lines in blocks, of each block one member for each patient, sealed with its key.

``kaikai sealed 1``, a newline, then the blocks. A block is the length of its head (4 bytes, big-endian), the head
(JSON: the number of ``lines``, and of each member ``key``, ``records`` and ``bytes``), then the members: nonce (12
bytes) and AES-256-GCM of the compressed content, which is a JSON head (numbers of its ``lines``, and the file's
``name`` where it says whose it is), a newline, and the lines.
"""

import json
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kaikai_assets.landing.unpack import UnreadableFile

MAGIC = b"kaikai sealed 1\n"
SEALED = ".sealed"
"""How the names of containers end."""
_NONCE = 12


@dataclass
class Content:
    """Lines of one member, each with its end, and their numbers in the file; ``name`` if the file's name is his."""

    key_id: str
    key: bytes
    records: int
    numbers: list[int]
    lines: list[bytes]
    name: str = ""

    def seal(self) -> "Member":
        """The member that holds it."""
        told: dict[str, object] = {"lines": self.numbers} | ({"name": self.name} if self.name else {})
        text = zlib.compress(json.dumps(told).encode() + b"\n" + b"".join(self.lines), 1)
        nonce = os.urandom(_NONCE)
        return Member(self.key_id, self.records, nonce + AESGCM(self.key).encrypt(nonce, text, _bound(self.key_id)))


@dataclass(frozen=True)
class Member:
    """A sealed member as it lies in its file."""

    key_id: str
    records: int
    sealed: bytes

    def open(self, key: bytes) -> Content:
        """Its content. Raises ``UnreadableFile`` when it is damaged or the key is another."""
        try:
            text = zlib.decompress(AESGCM(key).decrypt(self.sealed[:_NONCE], self.sealed[_NONCE:], _bound(self.key_id)))
        except (InvalidTag, ValueError, zlib.error) as error:
            raise UnreadableFile(f"member {self.key_id} cannot be opened: it is damaged") from error
        head, _, body = text.partition(b"\n")
        told = json.loads(head)
        *lines, rest = body.split(b"\n")
        whole = [line + b"\n" for line in lines] + ([rest] if rest else [])
        return Content(self.key_id, key, self.records, told["lines"], whole, told.get("name", ""))


@dataclass(frozen=True)
class Block:
    """Some ``lines`` of a file from number ``first`` on."""

    first: int
    lines: int
    members: Sequence[Member]


def write_block(file: IO[bytes], lines: int, members: Sequence[Member]) -> None:
    """Add a block of as many lines to a file that begins with ``MAGIC``."""
    told = [{"key": m.key_id, "records": m.records, "bytes": len(m.sealed)} for m in members]
    head = json.dumps({"lines": lines, "members": told}).encode()
    file.write(len(head).to_bytes(4) + head + b"".join(m.sealed for m in members))


def _bound(key_id: str) -> bytes:
    return MAGIC + key_id.encode()


def blocks(path: Path) -> Iterator[Block]:
    """Blocks of a container. Raises ``UnreadableFile`` when it is none or is damaged."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise UnreadableFile("is no sealed file")
        first = 1
        while length := file.read(4):
            try:
                head = json.loads(file.read(int.from_bytes(length)))
                members = [Member(m["key"], m["records"], file.read(m["bytes"])) for m in head["members"]]
            except (ValueError, KeyError, TypeError) as error:
                raise UnreadableFile("is a damaged sealed file") from error
            yield Block(first, head["lines"], members)
            first += head["lines"]
