"""One sensitive domain's way in and out of sealed files: who a line belongs to, which key seals it, who may be read."""

import codecs
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from kaikai_assets.landing.raw import safe_name
from kaikai_assets.landing.sources import Source
from kaikai_assets.landing.unpack import UnreadableFile, text_lines
from kaikai_assets.privacy.container import MAGIC, SEALED, Block, Content, blocks, write_block
from kaikai_assets.privacy.key_store import COMMON, KeyStore
from kaikai_assets.privacy.keys import SIMULATED, KeyProblem, Keys, keys_of
from kaikai_assets.privacy.mentions import Naming, is_word, spelled, suppression, words
from kaikai_assets.privacy.owners import is_simulated, ownerless, records_of
from kaikai_assets.privacy.pseudonyms import keyed, pseudonym
from kaikai_assets.settings import Settings

_BLOCK_BYTES = 32 * 2**20
_PSEUDONYM = re.compile(r"[0-9a-f]{32}")


class NotSimulated(KeyProblem):
    """A file holds an id that the demo key does not take."""

    def __init__(self) -> None:
        super().__init__(
            f"has an id that does not begin with {SIMULATED}, and KAIKAI_PSEUDONYM_KEY and KAIKAI_ENCRYPTION_KEY are "
            "not set: the published demo key takes simulated patients only; kaikai privacy new-keys prints keys"
        )


@dataclass
class Vault:
    """Keys and key store of a domain. ``suppressed`` are hashes of erased patients, by ``suppression``."""

    domain: str
    keys: Keys
    store: KeyStore
    suppressed: set[str]
    _known: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    @classmethod
    def opened(cls, settings: Settings, domain: str, *, create: bool = False) -> "Vault":
        """The vault of a domain. Raises ``KeyProblem``."""
        keys = keys_of(settings)
        store = KeyStore(settings.key_store, keys, create=create)
        return cls(domain, keys, store, store.suppressed(domain))

    def pseudonym(self, patient: str) -> str:
        """Pseudonym of an id as it stands in a file. Raises ``NotSimulated``."""
        if self.keys.demo and not patient.startswith(SIMULATED):
            raise NotSimulated
        return pseudonym(self.keys.pseudonym, patient)

    def patient(self, text: str) -> str:
        """Pseudonym of a patient who is given as the id of the source files, or as pseudonym."""
        known = self.store.has(self.domain, text) or self.suppression(text) in self.suppressed
        return text if _PSEUDONYM.fullmatch(text) and known else self.pseudonym(text)

    def suppression(self, patient: str) -> str:
        """Hash by which an erased patient, given as pseudonym, is known again."""
        return suppression(self.keys.pseudonym, self.domain, patient)

    def identity(self, source: str, sha256: str, captured: str) -> str:
        """Identity of a file, as ``raw.identity_of``, but nobody without the key can tell what it was made of."""
        return keyed(self.keys.pseudonym, "identity", self.domain, source, sha256, captured)

    def stand_in(self, place: Path) -> str:
        """What a file of the inbox is called in logs and notes: its name may say whose it is."""
        return keyed(self.keys.pseudonym, "name", self.domain, os.fsencode(place).decode(errors="surrogateescape"))[:12]

    def seal(self, path: Path, source: Source, file: IO[bytes], max_bytes: int) -> int:
        """Write the container of a text file; the number of records of erased patients, which are left out.

        Raises ``UnreadableFile`` and ``NotSimulated``.
        """
        starts = iter(self._owners(path, source, max_bytes))
        name = safe_name(path.name) if source.entity.from_name else ""
        file.write(MAGIC)
        following = next(starts, None)
        owner: str | None = COMMON
        contents: dict[str, Content] = {}
        first, size, number, left_out = 1, 0, 0, 0
        for number, line in enumerate(text_lines(path, source.encoding, max_bytes), start=1):
            begins = following is not None and number == following[0]
            if begins and following is not None:
                owner = following[1]
                following = next(starts, None)
                if self.suppression(owner) in self.suppressed:
                    owner = None
                    left_out += 1
            if owner is not None:
                content = self._content(contents, owner, name)
                content.records += begins
                content.numbers.append(number)
                content.lines.append(line.encode())
            size += len(line)
            if size >= _BLOCK_BYTES:
                write_block(file, number - first + 1, [content.seal() for content in contents.values()])
                first, size, contents = number + 1, 0, {}
        if number >= first:
            write_block(file, number - first + 1, [content.seal() for content in contents.values()])
        return left_out

    def seal_bytes(self, path: Path, file: IO[bytes]) -> None:
        """Write a container of all a file's bytes, whatever they are, for the domain's own key."""
        file.write(MAGIC)
        with path.open("rb") as plain:
            while piece := plain.read(_BLOCK_BYTES):
                write_block(file, 1, [Content(*self._key(COMMON), 0, [1], [piece]).seal()])

    def _owners(self, path: Path, source: Source, max_bytes: int) -> Iterator[tuple[int, str]]:
        """First line of each record and the pseudonym of whom it is about, as far as it says so or names somebody."""
        records = records_of(path, source, path.name, max_bytes)
        named = {patient: self.pseudonym(patient) for patient in records["patient"].drop_nulls().unique().sort()}
        texts = ownerless(path, source, records, max_bytes)
        if self.keys.demo and not all(is_simulated(text, source, bool(named)) for text in texts.values()):
            raise NotSimulated
        known = {*named.values(), *self.store.patients(self.domain)} if texts else set()
        for number, patient in records.iter_rows():
            yield number, self._named_in(texts[number], named, known) if patient is None else named[patient]

    def _named_in(self, text: str, named: Mapping[str, str], known: Collection[str]) -> str:
        """Whose a record without an id is: an erased patient's whom it names, else the first ``known`` one's."""
        names = [pseudonym(self.keys.pseudonym, word) for word in words(text)]
        names += [name for patient, name in named.items() if not is_word(patient) and spelled(patient).search(text)]
        erased = (name for name in names if self.suppression(name) in self.suppressed)
        return next(erased, next((name for name in names if name in known), COMMON))

    def attribute(self, column: str, text: str) -> str:
        """What stands for a free text of a column, such as a device's id: the same for the same text."""
        return f"{column[:3]}-{keyed(self.keys.pseudonym, 'attribute', self.domain, column, text)[:12]}"

    def naming(self, patient: str = "") -> Naming:
        """Finds what names suppressed patients, or the one of an id."""
        return Naming(self.keys.pseudonym, self.domain, suppressed=frozenset(self.suppressed), patient=patient)

    def _content(self, contents: dict[str, Content], owner: str, name: str) -> Content:
        if owner not in contents:
            contents[owner] = Content(*self._key(owner), 0, [], [], "" if owner == COMMON else name)
        return contents[owner]

    def _key(self, owner: str) -> tuple[str, bytes]:
        if owner not in self._known:
            self._known[owner] = self.store.key_of(self.domain, owner)
        return self._known[owner]

    def opener(self) -> "Opener":
        """Opens members of the domain's files, as the store is now."""
        by_id = self.store.keys_by_id(self.domain)
        erased = {key_id for key_id, (patient, _) in by_id.items() if self.suppression(patient) in self.suppressed}
        return Opener(self.store, by_id, self.store.destroyed() | erased)


@dataclass
class Opener:
    """Opens members of sealed files. Those of ``erased`` patients have no content any more."""

    store: KeyStore
    by_id: dict[str, tuple[str, bytes]]
    erased: set[str]
    _keys: dict[str, bytes] = field(default_factory=dict)

    def contents(self, block: Block, wanted: Callable[[str], bool] = lambda patient: True) -> Iterator[Content]:
        """Contents of those members of a block whose patient, by pseudonym, is wanted.

        Raises ``UnreadableFile`` when a member is damaged or its key is lost.
        """
        for member in block.members:
            if member.key_id in self.erased:
                continue
            if member.key_id not in self.by_id:
                raise UnreadableFile(f"the key {member.key_id} is not in the key store; put the store back")
            patient, wrapped = self.by_id[member.key_id]
            if wanted(patient):
                if member.key_id not in self._keys:
                    self._keys[member.key_id] = self.store.unwrap(member.key_id, wrapped)
                yield member.open(self._keys[member.key_id])

    def records(self, path: Path, wanted: Callable[[str], bool] = lambda patient: True) -> int:
        """Records of a container that can be opened, of wanted patients."""
        members = [m for block in blocks(path) for m in block.members if m.key_id not in self.erased]
        return sum(
            m.records for m in members if wanted(self.by_id[m.key_id][0] if m.key_id in self.by_id else m.key_id)
        )

    def common(self, path: Path) -> Iterator[Content]:
        """Contents of a container that are nobody's. Raises ``UnreadableFile``."""
        for block in blocks(path):
            yield from self.contents(block, is_common)


def is_common(patient: str) -> bool:
    """Whether a pseudonym stands for nobody."""
    return patient == COMMON


@dataclass(frozen=True)
class Opened:
    """A file that can be read while it is open: its path, and its name as landing knew it."""

    path: Path
    name: str


@contextmanager
def readable(settings: Settings, raw_file: str, source: Source) -> Iterator[Opened]:
    """A file of raw as its readers need it: itself, or a private copy of what a container holds.

    Lines of erased patients are blank there. Raises ``KeyProblem`` and ``UnreadableFile`` naming the file.
    """
    path = settings.raw / raw_file
    if not raw_file.endswith(SEALED):
        yield Opened(path, path.name)
        return
    try:
        opener = Vault.opened(settings, raw_file.split("/")[0]).opener()
    except KeyProblem as error:
        raise KeyProblem(f"{raw_file}: {error}") from error
    with opened(path, opener, source) as found:
        yield found


@contextmanager
def opened(path: Path, opener: Opener, source: Source) -> Iterator[Opened]:
    """A private copy of what a container holds. Raises ``UnreadableFile`` and ``KeyProblem``."""
    encoder = codecs.getincrementalencoder(source.encoding)()
    with private_file() as (file, place):
        name = path.name
        for block in blocks(path):
            lines = [b"\n"] * block.lines
            for content in opener.contents(block):
                name = content.name or name
                for number, line in zip(content.numbers, content.lines, strict=True):
                    lines[number - block.first] = line
            file.write(encoder.encode(b"".join(lines).decode()))
        file.flush()
        yield Opened(place, name)


def sealed_bytes(path: Path, opener: Opener) -> bytes:
    """All bytes of a file that ``Vault.seal_bytes`` sealed. Raises ``UnreadableFile`` and ``KeyProblem``."""
    return b"".join(line for block in blocks(path) for content in opener.contents(block) for line in content.lines)


@contextmanager
def private_file() -> Iterator[tuple[IO[bytes], Path]]:
    """A file that only this process can find, in memory where the system can: a kill leaves nothing of it."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("kaikai"), "w+b") as file:
            yield file, Path(f"/proc/self/fd/{file.fileno()}")
    else:
        with tempfile.NamedTemporaryFile() as named:
            yield named.file, Path(named.name)
