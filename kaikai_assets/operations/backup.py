"""Backup of what nothing can make again: raw with its sidecars, rejected files, custom sources, the ledger's journal,
and the tables of sealed days. All else is built again.

The last complete backup stays usable until the next one is complete.
"""

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from kaikai_assets.build.sealed import tables
from kaikai_assets.lake.content import canonical
from kaikai_assets.landing import raw
from kaikai_assets.landing.raw import Landed
from kaikai_assets.landing.unpack import fingerprint
from kaikai_assets.operations.manifest import (
    MARKER,
    BackupError,
    Manifest,
    copy,
    read_manifest,
    read_rows,
    write_manifest,
    write_rows,
    write_text,
)
from kaikai_assets.operations.retention import keeping, landing
from kaikai_assets.platform import Platform
from kaikai_assets.quality.contracts import schema

KEYS = "keys"
"""Folder of keys in a backup of their own; they are never part of a backup of the data."""


@dataclass
class Backup:
    """What the backup holds now, how much of it was copied by this call, and what is wrong with the data."""

    files: int = 0
    copied: int = 0
    removed: int = 0
    problems: list[str] = field(default_factory=list)


def backup(platform: Platform, folder: Path, now: datetime) -> Backup:
    """Bring the backup in a folder up to date; what it holds already is not copied again.

    What vanished from raw stays in the backup and is named; what retention removed leaves it. Raises ``BackupError``
    when the folder holds something else or lies in the data root.
    """
    _claim(platform, folder)
    report = Backup()
    with keeping(platform):
        before = read_manifest(folder)
        with landing(platform):
            # Together, and while nothing lands: sidecars and journal tell of the same files.
            landed = list(raw.sidecars(platform.settings.raw))
            journal = platform.ledger.journal.read()
        known = before.files if before else {}
        notes = f"notes-{now:%Y%m%dT%H%M%S%f}"
        landed += _vanished(folder, before, landed, report)
        files = dict(_raw(platform, folder, landed, known, report))
        files |= _rejected(platform, folder, known, report)
        files |= _sealed(platform, folder, notes, known, report)
        files[f"{notes}/landed.ndjson"] = write_rows(
            folder / notes / "landed.ndjson", [one.model_dump(mode="json") for one in landed]
        )
        for table, rows in journal.items():
            files[f"{notes}/{table}.ndjson"] = write_rows(
                folder / notes / f"{table}.ndjson", [dict(row) for row in rows]
            )
        for path, name in _below(platform.settings.data / "sources"):
            files[f"{notes}/sources/{name}"] = copy(path, folder / notes / "sources" / name)
        write_manifest(folder, Manifest(made_at=now, notes=notes, files=files))
        report.files, report.removed = len(files), _prune(folder, files, notes)
    return report


def backup_keys(platform: Platform, folder: Path, now: datetime) -> Backup:
    """Copy the keys into a folder of their own, readable by its owner alone."""
    _claim(platform, folder)
    folder.chmod(0o700)
    files = {}
    with landing(platform):  # who alone adds keys
        for path, name in _below(platform.settings.key_store):
            files[f"{KEYS}/{name}"] = copy(path, folder / KEYS / name)
            (folder / KEYS / name).chmod(0o600)
    write_manifest(folder, Manifest(made_at=now, notes="", files=files))
    return Backup(files=len(files), copied=len(files))


def _claim(platform: Platform, folder: Path) -> None:
    if folder.resolve().is_relative_to(platform.settings.data):
        raise BackupError(f"{folder} lies in the data root: a backup must outlive it")
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise BackupError(f"{folder} holds something else than a backup")
    if not (folder / MARKER).exists():
        write_text(folder / MARKER, "Backup of kaikai_assets. Complete as manifest.json says; see docs/operate.md.\n")


def _vanished(folder: Path, before: Manifest | None, landed: list[Landed], report: Backup) -> list[Landed]:
    """Files of the last backup whose sidecars are gone from raw."""
    if before is None:
        return []
    present = {one.identity for one in landed}
    rows = read_rows(folder / before.notes / "landed.ndjson")
    gone = [one for one in map(Landed.model_validate, rows) if one.identity not in present]
    report.problems += [f"raw/{one.raw_file}: is gone from raw; the backup keeps it" for one in gone]
    return gone


def _raw(
    platform: Platform, folder: Path, landed: list[Landed], known: dict[str, str], report: Backup
) -> Iterator[tuple[str, str]]:
    for one in landed:
        if one.removed is None:
            name = f"raw/{one.raw_file}"
            try:
                _bring(platform.settings.data / name, folder / name, one.sha256, name in known, report)
            except (OSError, BackupError) as error:
                report.problems.append(f"{name}: {error}")
                if name not in known:
                    continue
            yield name, one.sha256


def _bring(source: Path, path: Path, sha256: str, known: bool, report: Backup) -> None:
    """Copy a file that the backup does not hold. Raises ``BackupError`` when its bytes are not as they should be."""
    if path.exists() and (known or fingerprint(path) == sha256):
        return
    if copy(source, path) != sha256:
        path.unlink()
        raise BackupError("its bytes are not those that landed")
    report.copied += 1


def _rejected(platform: Platform, folder: Path, known: dict[str, str], report: Backup) -> dict[str, str]:
    # Folders of rejected files are never written to again; those that a person cleared away stay in the backup, but
    # not where it may have been an erasure.
    sensitive = {domain.name for domain in platform.domains.values() if domain.sensitive}
    found = {
        name: sha256
        for name, sha256 in known.items()
        if name.startswith("rejected/")
        and (Path(name).parts[1] not in sensitive or (platform.settings.data / name).exists())
    }
    for path, place in _below(platform.settings.rejected):
        name = f"rejected/{place}"
        if name not in found:
            found[name] = copy(path, folder / name)
            report.copied += 1
    return found


def _sealed(platform: Platform, folder: Path, notes: str, known: dict[str, str], report: Backup) -> dict[str, str]:
    """Rows of sealed days, with what the ledger knows of them."""
    found: dict[str, str] = {}
    targets: list[dict[str, object]] = []
    accounts: list[dict[str, object]] = []
    for domain in platform.domains.values():
        state = platform.runner(domain).state()
        parts = {day.isoformat(): day for day in sorted(state.sealed)}
        accounts += [
            {"domain": domain.name, **asdict(one)}
            for one in platform.ledger.targets.accounts(domain.name)
            if one.part in parts
        ]
        for table, contract in tables(domain).items():
            for part, day in parts.items():
                built = state.built.get((table, part))
                if built is None:
                    continue
                targets.append({"table": table, "part": part, **asdict(built)})
                name = f"sealed/{table}/{part}-{built.output}.parquet"
                if built.rows and name in known and (folder / name).exists():
                    found[name] = known[name]
                elif built.rows:
                    rows = canonical(contract, platform.lake.read(table, schema(contract), [day]))
                    if rows.height != built.rows:
                        report.problems.append(f"{table} {part}: the lake holds {rows.height} rows of {built.rows}")
                        continue
                    found[name] = _write(rows, folder / name)
                    report.copied += 1
    found[f"{notes}/built.ndjson"] = write_rows(folder / notes / "built.ndjson", targets)
    found[f"{notes}/accounts.ndjson"] = write_rows(folder / notes / "accounts.ndjson", accounts)
    return found


def _write(rows: pl.DataFrame, path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    building = path.with_suffix(".building")
    rows.write_parquet(building)
    sha256 = copy(building, path)
    building.unlink()
    return sha256


def _below(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path, path.relative_to(folder).as_posix()


def _prune(folder: Path, files: dict[str, str], notes: str) -> int:
    """Remove what the manifest does not name: older notes, what retention or an erasure removed, what killed calls
    left."""
    done = 0
    for top in (folder / "raw", folder / "sealed", folder / "rejected"):
        for path, name in list(_below(top)):
            if f"{top.name}/{name}" not in files:
                path.unlink()
                done += 1
    for older in folder.glob("notes-*"):
        if older.name != notes:
            shutil.rmtree(older)
    return done
