"""Safe repairs: what can be made again is forgotten or made again, what cannot is never removed.

What cannot be used is moved to ``<data>/set-aside/``, where a person may look at it and remove it.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from kaikai_assets.build.steps import WHOLE
from kaikai_assets.faults import before_write
from kaikai_assets.landing import raw
from kaikai_assets.landing.land import LANDING_LOCK, RECOVERING
from kaikai_assets.landing.raw import Landed
from kaikai_assets.landing.unpack import fingerprint
from kaikai_assets.ledger.journal import salvage
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.ledger.targets import Target
from kaikai_assets.operations.lake_health import by_day, integrities, sealed, stale, unpublished, unreadable
from kaikai_assets.operations.ledger_health import condition, ledger_file, renumbered, unlanded
from kaikai_assets.operations.leftovers import sweep
from kaikai_assets.operations.raw_files import inventory, misnoted
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.container import SEALED
from kaikai_assets.settings import Settings, utc_now

_WAIT_S = 60


def repair(platform: Platform) -> Iterator[str]:
    """Repair what can be repaired safely; what was done. ``kaikai build`` then makes again what was forgotten."""
    settings = platform.settings
    settings.data.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(settings.data / LANDING_LOCK, timeout=_WAIT_S):
            state, why = condition(settings)
            if state == "unreachable":
                yield f"nothing: the ledger cannot be reached: {why}"
                return
            file = ledger_file(settings)
            if state == "corrupt" and file is not None:
                aside = _set_aside(settings, file, *(file.with_name(file.name + end) for end in ("-wal", "-shm")))
                yield f"moved {file} to {aside}"
                saved = salvage(aside)
                ledger = Ledger(settings.ledger_uri)
                ledger.journal.fill(saved)
                if count := sum(map(len, saved.values())):
                    yield f"kept {count} notes of the journal, which nothing can make again"
            else:
                ledger = Ledger(settings.ledger_uri)
            yield from _raw(settings, ledger)
    except Timeout:
        yield f"nothing: another process has been landing for {_WAIT_S} s"
        return
    yield from _lake(platform, ledger)
    yield from _warehouse(platform, ledger)
    ledger.close()
    yield from sweep(settings)


def _set_aside(settings: Settings, path: Path, *beside: Path) -> Path:
    """Move a path, and what belongs to it, out of the way; its new place."""
    place = settings.data / "set-aside" / f"{utc_now():%Y%m%dT%H%M%S%f}"
    place.mkdir(parents=True)
    for one in (path, *beside):
        if one.exists():
            before_write()
            shutil.move(one, place / one.name)
    return place / path.name


def _raw(settings: Settings, ledger: Ledger) -> Iterator[str]:
    """Make sidecars and ledger tell the same. The caller holds the lock of landing."""
    for lost in inventory(settings, ledger).lost:
        file = settings.raw / lost.raw_file
        if lost.removed is not None or (file.exists() and fingerprint(file) == lost.sha256):
            raw.put_removed(settings.raw, lost)
            yield f"wrote the sidecar of {lost.raw_file} again"
    found = inventory(settings, ledger)
    for folder in unlanded(settings, found):
        yield from _back(settings, folder)
    yield from _renumber(settings, ledger)
    found = inventory(settings, ledger)
    wrong = [landed for landed, _ in misnoted(found.noted, found.files)]
    ledger.landed.forget(landed.identity for landed in wrong)
    anew = [*wrong, *found.unnoted]
    noted = sum(map(ledger.landed.register, anew))
    ledger.served.note_unknown(anew)
    raw.arrived(settings.raw)
    (settings.raw / RECOVERING).unlink(missing_ok=True)
    if noted:
        yield f"noted {noted} files of raw in the ledger"


def _back(settings: Settings, folder: Path) -> Iterator[str]:
    """Put files that never landed wholly back into the inbox, unless one of that name waits there."""
    domain, source, _ = folder.relative_to(settings.raw).parts
    inbox = settings.inbox / domain / source
    for file in sorted(folder.iterdir()):
        if file.name.endswith(SEALED):
            yield f"left {file.relative_to(settings.raw)}, sealed, as it is: put its sidecar back from a backup"
        elif file.is_file() and not (inbox / file.name).exists():
            inbox.mkdir(parents=True, exist_ok=True)
            before_write()
            shutil.move(file, inbox / file.name)
            yield f"put {file.name} of {folder.relative_to(settings.raw)} back into the inbox"
    if not any(folder.iterdir()):
        folder.rmdir()


def _renumber(settings: Settings, ledger: Ledger) -> Iterator[str]:
    found = inventory(settings, ledger)
    numbers = renumbered([*found.files, *found.lost])
    landed = {one.identity: one for one in [*found.files, *found.lost]}
    ledger.landed.forget(numbers)
    if numbers:
        _seals(settings, found.files, numbers)
    # The last first: a kill in between leaves a repetition, and the next repair begins with it again.
    for identity, number in reversed(numbers.items()):
        one = landed[identity]
        # A seal that was changed above is in the sidecar.
        sidecar = raw.find(settings.raw, one.domain, one.source, identity)
        again = (sidecar or one).model_copy(update={"arrival_seq": number})
        if sidecar is None:
            ledger.landed.register(again)
        else:
            raw.amend(settings.raw, again)
        yield f"gave {again.raw_file} arrival number {number} instead of {landed[identity].arrival_seq}"


def _seals(settings: Settings, files: Sequence[Landed], numbers: Mapping[str, int]) -> None:
    """Have the seals of removed files know the new numbers of what had arrived by then: it is not late."""
    for one in files:
        if one.removed is not None:
            before = [numbers.get(f.identity, f.arrival_seq) for f in files if f.arrived_at <= one.removed.at]
            if (seen := max(before)) > one.removed.seen:
                removed = one.removed.model_copy(update={"seen": seen})
                raw.amend(settings.raw, one.model_copy(update={"removed": removed}))


def _lake(platform: Platform, ledger: Ledger) -> Iterator[str]:
    """Forget what the lake does not hold, and take away what of it cannot be read, but for sealed days."""
    for domain in platform.domains.values():
        found, kept = integrities(platform, domain), sealed(ledger, domain)
        lost: set[Target] = set()
        for table, state in found.items():
            if state.broken and not (kept and by_day(domain, table)):
                yield f"moved {table} to {_set_aside(platform.settings, Path(platform.lake.uri(table)))}"
                lost |= {(table, part) for part in _parts(ledger, table)}
            elif damaged := state.damaged.keys() - kept:
                platform.lake.drop(table, damaged)
                yield f"removed {len(damaged)} parts of {table} whose files are damaged"
                lost |= {(table, part) for part in damaged}
        still = {table: state for table, state in found.items() if state.broken and by_day(domain, table) and kept}
        lost |= {target for target in stale(platform, ledger, domain, still) if target[1] not in kept}
        lost &= ledger.targets.built().keys()
        if lost:
            ledger.targets.forget(lost)
            named = sorted({table for table, _ in lost} & set(domain.tables))
            yield f"forgot {len(lost)} builds that the lake does not hold, of {', '.join(named)}"


def _parts(ledger: Ledger, table: str) -> set[str]:
    return {part for name, part in ledger.targets.built() if name == table}


def _warehouse(platform: Platform, ledger: Ledger) -> Iterator[str]:
    file = platform.settings.warehouse
    if not file.exists():
        return
    wal = file.with_name(f"{file.name}.wal")
    if wal.exists():
        yield f"moved {wal.name} to {_set_aside(platform.settings, wal)}"
    for domain in platform.domains.values():
        if unreadable(platform) or unpublished(platform, ledger, domain):
            ledger.targets.forget([(domain.warehouse, WHOLE)])
            yield f"{domain.name} will be published again"
