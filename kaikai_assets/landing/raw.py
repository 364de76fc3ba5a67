"""Raw: landed files, immutable, each in a folder named by its identity beside a sidecar that says what landing learned.

``raw/<domain>/<source>/<identity>/<name>`` and ``…/landed.json``. Folder and sidecar appear in one rename, so a file
is landed wholly or not at all, and the ledger can be made anew from the sidecars.
"""

import hashlib
import json
import shutil
import unicodedata
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from kaikai_assets.durable import sync
from kaikai_assets.faults import before_write
from kaikai_assets.landing.unpack import fingerprint

_SIDECAR = "landed.json"
BUILDING = ".tmp"
"""Folder of raw in which files are copied before they land."""
_ARRIVING = ".arriving"
_LONGEST_NAME = 120
# What lies beside a landed or a rejected file must not be overwritten by it.
_TAKEN = (_SIDECAR, "reason.json")


class ChangedMeanwhile(Exception):
    """A file was written to while it was being landed."""


class Removed(BaseModel):
    """That a file's bytes were removed, when, and the last arrival number given by then: its days are sealed, and what
    arrived for them after that number is late."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    seen: int


class Landed(BaseModel):
    """What landing learned of a file. ``days`` counts its records by event day (arrival day if they have none),
    ``erased`` those of them that nobody can read any more, ``counted`` is a digest of how the days were told.
    Retention adds ``removed``."""

    model_config = ConfigDict(frozen=True)

    domain: str
    source: str
    kind: str
    identity: str
    sha256: str
    name: str
    bytes: int
    records: int
    arrival_seq: int
    arrived_at: datetime
    counted: str
    days: dict[date, int]
    erased: dict[date, int] = {}
    removed: Removed | None = None

    @property
    def raw_file(self) -> str:
        """Path below the raw folder."""
        return f"{self.domain}/{self.source}/{self.identity}/{self.name}"


def identity_of(domain: str, source: str, sha256: str, captured: str) -> str:
    """Identity of a file: its content, its source and what the source takes from its name; 32 hexadecimal digits."""
    return hashlib.sha256(json.dumps([domain, source, sha256, captured]).encode()).hexdigest()[:32]


def safe_name(name: str) -> str:
    """A name that can be a path segment and a log word: composed, with ``_`` for blanks, signs and control characters,
    at most 120 bytes long. A safe name is its own safe name."""
    composed = unicodedata.normalize("NFC", name)
    kept = "".join(c if c.isalnum() or c in "._-+" else "_" for c in composed).lstrip(".") or "file"
    if kept in _TAKEN:
        kept = f"_{kept}"
    if len(kept.encode()) <= _LONGEST_NAME:
        return kept
    suffix = Path(kept).suffix if len(Path(kept).suffix.encode()) <= 16 else ""
    return kept.encode()[: _LONGEST_NAME - len(suffix.encode())].decode(errors="ignore") + suffix


def find(raw: Path, domain: str, source: str, identity: str) -> Landed | None:
    """The sidecar of an identity that is already in raw."""
    path = raw / domain / source / identity / _SIDECAR
    return Landed.model_validate_json(path.read_bytes()) if path.exists() else None


def put(raw: Path, file: Path, landed: Landed) -> None:
    """Copy a file into raw with its sidecar, durable before it is visible.

    Raises ``ChangedMeanwhile`` when the copy is not what landing read.
    """
    final = raw / landed.domain / landed.source / landed.identity
    building = raw / BUILDING / uuid4().hex
    building.mkdir(parents=True)
    final.parent.mkdir(parents=True, exist_ok=True)
    try:
        before_write()
        shutil.copyfile(file, building / landed.name)
        if fingerprint(building / landed.name) != landed.sha256:
            raise ChangedMeanwhile
        before_write()
        (building / _SIDECAR).write_text(landed.model_dump_json(indent=1), encoding="utf-8")
        for name in (landed.name, _SIDECAR):
            sync(building / name)
        sync(building)
        # A kill before the ledger knows must not hide the file, even if another takes its name in the inbox.
        before_write()
        (raw / _ARRIVING).write_text(str(final.relative_to(raw)), encoding="utf-8")
        before_write()
        building.rename(final)
        sync(final.parent)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def sweep(raw: Path) -> None:
    """Remove what killed calls left half copied. Only for who alone writes to raw."""
    before_write()
    shutil.rmtree(raw / BUILDING, ignore_errors=True)


def arriving(raw: Path) -> Landed | None:
    """The last file that was put, if a call ended before it said ``arrived``."""
    note = raw / _ARRIVING
    if not note.exists():
        return None
    sidecar = raw / note.read_text(encoding="utf-8") / _SIDECAR
    return Landed.model_validate_json(sidecar.read_bytes()) if sidecar.exists() else None


def arrived(raw: Path) -> None:
    """Say that the ledger knows of the last file that was put."""
    before_write()
    (raw / _ARRIVING).unlink(missing_ok=True)


def amend(raw: Path, landed: Landed) -> None:
    """Replace a landed file's sidecar."""
    final = raw / landed.domain / landed.source / landed.identity
    building = final / f".{_SIDECAR}"
    before_write()
    building.write_text(landed.model_dump_json(indent=1), encoding="utf-8")
    sync(building)
    before_write()
    building.rename(final / _SIDECAR)
    sync(final)


def replace(raw: Path, file: Path, landed: Landed) -> None:
    """Put a file in the place of a landed one, with its sidecar. After a kill in between the sidecar tells of the new
    one already."""
    sync(file)
    amend(raw, landed)
    before_write()
    file.rename(raw / landed.raw_file)
    sync((raw / landed.raw_file).parent)


def put_removed(raw: Path, landed: Landed) -> None:
    """Write the sidecar of a file whose bytes were removed."""
    (raw / landed.raw_file).parent.mkdir(parents=True, exist_ok=True)
    amend(raw, landed)


def remove(raw: Path, landed: Landed, removed: Removed) -> None:
    """Remove a landed file's bytes. Its sidecar stays and says so before they go."""
    if landed.removed is None:
        amend(raw, landed.model_copy(update={"removed": removed}))
    before_write()
    (raw / landed.raw_file).unlink(missing_ok=True)


def sidecars(raw: Path) -> Iterator[Landed]:
    """All sidecars, in order of arrival."""
    found = [Landed.model_validate_json(path.read_bytes()) for path in sidecar_files(raw)]
    yield from sorted(found, key=lambda landed: landed.arrival_seq)


def sidecar_files(raw: Path) -> list[Path]:
    """Paths of all sidecars."""
    return sorted(raw.glob(f"[!.]*/*/*/{_SIDECAR}"))
