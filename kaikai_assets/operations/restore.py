"""Restore: an empty data root becomes what a backup holds; the next build makes the rest."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from kaikai_assets.build.sealed import batches
from kaikai_assets.build.steps import Domain
from kaikai_assets.faults import before_write
from kaikai_assets.lake.tables import Build
from kaikai_assets.landing import raw
from kaikai_assets.landing.land import RECOVERING, recover
from kaikai_assets.landing.raw import Landed
from kaikai_assets.landing.unpack import fingerprint
from kaikai_assets.ledger.outbox import OUTBOX, of_backup
from kaikai_assets.ledger.targets import Account, Built
from kaikai_assets.operations.backup import KEYS
from kaikai_assets.operations.erase import forget_replaced, remove_refused
from kaikai_assets.operations.holdings import alerts_of
from kaikai_assets.operations.manifest import BackupError, Manifest, copy, damaged, read_manifest, read_rows
from kaikai_assets.operations.retention import landing
from kaikai_assets.operations.sealed_days import take_out
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.erased import settle
from kaikai_assets.privacy.key_store import STORE
from kaikai_assets.privacy.vault import Vault
from kaikai_assets.settings import utc_now


@dataclass
class Restored:
    """Landed files of the backup, and how many of them were there already; targets of sealed days."""

    manifest: Manifest
    files: int = 0
    present: int = 0
    sealed: int = 0


def restore(platform: Platform, folder: Path) -> Restored:
    """Restore a backup into the data root, which must be empty or hold a part of the same data.

    Every file's hash is checked before the first is written. A call that was killed is finished by the next. Raises
    ``BackupError`` naming each damaged file, or what the data root holds.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise BackupError(f"{folder}: no backup was completed here; kaikai backup finishes one that was interrupted")
    if wrong := damaged(folder, manifest):
        raise BackupError(f"{folder} is damaged:\n  " + "\n  ".join(wrong))
    notes = folder / manifest.notes
    landed = [Landed.model_validate(row) for row in read_rows(notes / "landed.ndjson")]
    settings = platform.settings
    settings.raw.mkdir(parents=True, exist_ok=True)
    with landing(platform):
        report = Restored(manifest, files=len(landed), present=_present(platform, landed))
        before_write()
        (settings.raw / RECOVERING).touch()  # until all are back the ledger is not whole
        raw.sweep(settings.raw)
        for one in landed:
            _bring_raw(settings.raw, folder / "raw" / one.raw_file, one)
        for name in manifest.files:
            place = Path(name)
            if place.parts[0] == "rejected":
                _bring(folder / name, settings.data / name)
            elif place.is_relative_to(f"{manifest.notes}/sources"):
                _bring(folder / name, settings.data / place.relative_to(manifest.notes))
        names = [path.stem for path in notes.glob("*.ndjson")]
        # Before recovery, which notes what the journal does not say of a file as unknown.
        journal = {name: read_rows(notes / f"{name}.ndjson") for name in names}
        journal[OUTBOX] = of_backup(journal.get(OUTBOX, []))
        platform.ledger.journal.fill(journal)
        recover(settings, platform.ledger)
        _settle(platform)
        report.sealed = _bring_sealed(platform, folder, notes)
        _forget(platform)
    return report


def restore_keys(platform: Platform, folder: Path) -> int:
    """Restore keys that were backed up apart; their number."""
    manifest = read_manifest(folder)
    if manifest is None:
        raise BackupError(f"{folder}: holds no complete backup of keys")
    if wrong := damaged(folder, manifest):
        raise BackupError(f"{folder} is damaged:\n  " + "\n  ".join(wrong))
    store = platform.settings.key_store
    store.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in manifest.files:
        path = store / Path(name).relative_to(KEYS)
        _bring(folder / name, path)
        path.chmod(0o600)
    with landing(platform):
        _settle(platform)
        _forget(platform)
    return len(manifest.files)


def _settle(platform: Platform) -> None:
    """Have keys, journal and sidecars tell the same of who was erased since the backup, or between the two backups."""
    for domain in _with_keys(platform):
        settle(platform.settings, platform.ledger, domain.name, platform.sources(domain))


def _forget(platform: Platform) -> None:
    """Take who was erased since the backup out of what no build makes anew."""
    for domain in _with_keys(platform):
        vault = Vault.opened(platform.settings, domain.name)
        remove_refused(platform, domain, vault, vault.naming())
        for name in platform.ledger.privacy.entities(domain.name):
            if vault.suppression(name) in vault.suppressed:
                platform.ledger.privacy.forget(name, alerts_of(platform, domain, name))
        if take_out(platform, domain, vault):
            forget_replaced(platform, domain)


def _with_keys(platform: Platform) -> list[Domain]:
    """Sensitive domains, if their keys are here."""
    is_there = (platform.settings.key_store / STORE).exists()
    return [domain for domain in platform.domains.values() if domain.sensitive and is_there]


def _present(platform: Platform, landed: list[Landed]) -> int:
    """Number of landed files that are there already. Raises ``BackupError`` when there is anything else."""
    held = {one.identity: one.arrival_seq for one in landed}
    there = {one.identity: (one.arrival_seq, one.raw_file) for one in raw.sidecars(platform.settings.raw)}
    for domain in platform.domains.values():
        rows = platform.ledger.landed.files(domain.name).items()
        there |= {row["identity"]: (seq, row["raw_file"]) for seq, row in rows}
    foreign = [raw_file for identity, (seq, raw_file) in sorted(there.items()) if held.get(identity) != seq]
    if foreign:
        raise BackupError(
            f"{platform.settings.data} is not empty: of its {len(there)} landed files {len(foreign)} are not in the "
            f"backup; the first is {foreign[0]}"
        )
    tables = [t for domain in platform.domains.values() for t in domain.tables]
    if not there and (full := [table for table in tables if platform.lake.version(table) is not None]):
        raise BackupError(f"the lake is not empty: it holds {', '.join(full)}, but raw holds no file")
    return len(there)


def _bring_raw(folder: Path, source: Path, landed: Landed) -> None:
    path = folder / landed.raw_file
    if landed.removed is not None:
        raw.put_removed(folder, landed)
    elif raw.find(folder, landed.domain, landed.source, landed.identity) is None:
        raw.put(folder, source, landed)
    elif not path.exists() or fingerprint(path) != landed.sha256:
        _bring(source, path)


def _bring(source: Path, path: Path) -> None:
    if not path.exists() or fingerprint(path) != fingerprint(source):
        copy(source, path)


def _bring_sealed(platform: Platform, folder: Path, notes: Path) -> int:
    """Commit the rows of sealed days as they were built, and note them."""
    builds = {(table, part): built for table, part, built in _targets(notes)}
    for table in dict.fromkeys(table for table, _ in builds):
        held = platform.lake.builds(table)
        wanted = {part: Build(b.seen, b.digest) for (of, part), b in builds.items() if of == table and b.rows}
        for some in batches(part for part, build in wanted.items() if held.get(part) != build):
            files = [folder / "sealed" / table / f"{part}-{builds[table, part].output}.parquet" for part in some]
            rows = pl.concat(pl.read_parquet(file) for file in files)
            platform.lake.commit(table, rows, {part: wanted[part] for part in some})
    accounts: dict[tuple[str, str], list[Account]] = {}
    for row in read_rows(notes / "accounts.ndjson"):
        values: dict[str, Any] = dict(row)
        accounts.setdefault((values.pop("domain"), values["part"]), []).append(Account(**values))
    platform.ledger.targets.record_built(builds, utc_now(), accounts)
    return len(builds)


def _targets(notes: Path) -> Iterator[tuple[str, str, Built]]:
    for row in read_rows(notes / "built.ndjson"):
        values: dict[str, Any] = dict(row)
        yield values.pop("table"), values.pop("part"), Built(**values)
