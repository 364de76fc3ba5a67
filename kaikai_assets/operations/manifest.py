"""What a backup consists of: files with their SHA-256, named in a manifest that is written last.

```
raw/…  rejected/…              as in the data root, without sidecars; never changed
sealed/<table>/<day>-<hash>.parquet   rows that raw cannot make any more
notes-<instant>/               sidecars, journal and custom sources as they were then
manifest.json                  what the last complete backup consists of
```
"""

import json
import shutil
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from kaikai_assets.durable import sync
from kaikai_assets.faults import before_write
from kaikai_assets.landing.unpack import fingerprint

MANIFEST = "manifest.json"
MARKER = "kaikai-backup.txt"
_UNFINISHED = ".part"


class BackupError(ValueError):
    """A backup cannot be used, or a folder cannot hold one."""


class Manifest(BaseModel):
    """Files of a backup by their path in it, with SHA-256; ``notes`` is the folder of what changes."""

    model_config = ConfigDict(frozen=True)

    format: int = 1
    made_at: datetime
    notes: str
    files: dict[str, str]


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of the last complete backup; None where none was completed. Raises ``BackupError``."""
    path = folder / MANIFEST
    if not path.exists():
        return None
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise BackupError(f"{path}: is not a manifest: {error.errors()[0]['msg']}") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest: from here on the backup is the new one."""
    write_text(folder / MANIFEST, manifest.model_dump_json(indent=1))


def write_text(path: Path, text: str) -> str:
    """Write a file at once; its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    building = path.with_name(path.name + _UNFINISHED)
    before_write()
    building.write_text(text, encoding="utf-8")
    return _finish(building, path)


def write_rows(path: Path, rows: list[dict[str, object]]) -> str:
    """Write rows as JSON lines; the file's SHA-256."""
    return write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read_rows(path: Path) -> list[dict[str, object]]:
    """Rows of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def copy(source: Path, path: Path) -> str:
    """Copy a file at once; the SHA-256 of the copy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    building = path.with_name(path.name + _UNFINISHED)
    before_write()
    shutil.copyfile(source, building)
    return _finish(building, path)


def _finish(building: Path, path: Path) -> str:
    sync(building)
    sha256 = fingerprint(building)
    before_write()
    building.rename(path)
    return sha256


def damaged(folder: Path, manifest: Manifest) -> list[str]:
    """Files of a backup that are missing or are not what its manifest says; all bytes are read."""
    found = []
    for name, sha256 in sorted(manifest.files.items()):
        path = folder / name
        if not path.is_file():
            found.append(f"{name}: is missing")
        elif fingerprint(path) != sha256:
            found.append(f"{name}: its bytes are not those that were backed up")
    return found
