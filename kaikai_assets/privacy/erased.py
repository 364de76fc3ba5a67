"""Erased patients: how many records of sealed files are left, and that key store, ledger and sidecars agree on it."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from kaikai_assets.faults import before_write
from kaikai_assets.landing import raw
from kaikai_assets.landing.days import count_days
from kaikai_assets.landing.raw import Landed
from kaikai_assets.landing.sources import Source, SourceError, undescribed
from kaikai_assets.landing.unpack import fingerprint
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.privacy.container import MAGIC, SEALED, blocks, write_block
from kaikai_assets.privacy.mentions import Naming
from kaikai_assets.privacy.owners import lines_of, ownerless, records_of
from kaikai_assets.privacy.vault import Opener, Vault, is_common, opened
from kaikai_assets.settings import Settings, utc_now


def remaining_days(
    container: Path, opener: Opener, source: Source, landed: Landed, settings: Settings
) -> dict[date, int]:
    """Records of a container that can still be read, by event day. Raises ``UnreadableFile``, ``KeyProblem``."""
    if not opener.records(container):
        return {}
    with opened(container, opener, source) as file:
        return count_days(
            file.path,
            source,
            first_day=settings.first_day,
            arrived_at=landed.arrived_at,
            max_bytes=settings.max_unpacked_bytes,
        )


def erased_days(days: Mapping[date, int], remaining: Mapping[date, int]) -> dict[date, int]:
    """Records by day that are not among the remaining ones."""
    return {day: n - remaining.get(day, 0) for day, n in days.items() if n > remaining.get(day, 0)}


def settle(
    settings: Settings, ledger: Ledger, domain: str, sources: Mapping[str, Source], patient: str = ""
) -> tuple[int, int]:
    """Have every erased patient's key destroyed, and count anew in the files it leaves behind; files and records.

    Records that are nobody's, but name an erased patient (or the ``patient`` of an id, where it is no word), are taken
    out of their files. Who is suppressed by the key store or by the ledger is so by both from here on: either may come
    from an older backup. The caller holds the lock of landing; a call that was killed is finished by the next.
    """
    vault = Vault.opened(settings, domain)
    now = utc_now()
    for suppression in vault.suppressed:
        ledger.privacy.suppress(domain, suppression, now)
    vault.suppressed |= ledger.privacy.suppressed(domain)
    for name in vault.store.patients(domain):
        if vault.suppression(name) in vault.suppressed:
            vault.store.destroy(domain, name, vault.suppression(name), now)
    for suppression in vault.suppressed - vault.store.suppressed(domain):
        vault.store.suppress(domain, suppression, now)
    opener, noted = vault.opener(), ledger.landed.erased(domain)
    naming = vault.naming(patient)
    files = records = 0
    for landed in sealed_files(settings, domain):
        again = _brought_up_to_date(settings, landed, opener, sources, naming)
        # The ledger last: a kill in between leaves a sidecar that differs, which the next call makes known.
        if noted.get(landed.arrival_seq, {}) != again.erased:
            ledger.landed.recount(again)
        files += again != landed
        records += sum(again.erased.values()) - sum(landed.erased.values())
    return files, records


def _brought_up_to_date(
    settings: Settings, landed: Landed, opener: Opener, sources: Mapping[str, Source], naming: Naming
) -> Landed:
    """A container without records of nobody that name somebody, and its sidecar with what is left."""
    path, building = settings.raw / landed.raw_file, settings.raw / raw.BUILDING / landed.identity
    of_nobody = opener.records(path, is_common) if naming.suppressed else 0
    is_counted = opener.records(path) == landed.records - sum(landed.erased.values())
    if is_counted and not of_nobody:
        return landed
    source = sources.get(landed.source)
    if source is None:
        raise SourceError(f"{landed.raw_file}: {undescribed(landed.source)}")
    is_other = of_nobody > 0 and _reseal(path, building, opener, source, naming, settings.max_unpacked_bytes)
    if is_counted and not is_other:
        return landed
    container = building if is_other else path
    erased = erased_days(landed.days, remaining_days(container, opener, source, landed, settings))
    again = landed.model_copy(update={"erased": erased})
    if is_other:
        told = {"sha256": fingerprint(building), "bytes": building.stat().st_size}
        again = again.model_copy(update=told)
        raw.replace(settings.raw, building, again)
    else:
        raw.amend(settings.raw, again)
    return again


def sealed_files(settings: Settings, domain: str) -> Iterator[Landed]:
    """Sidecars of a domain's containers that are in raw."""
    for landed in raw.sidecars(settings.raw):
        if landed.domain == domain and landed.removed is None and landed.name.endswith(SEALED):
            yield landed


def _reseal(path: Path, into: Path, opener: Opener, source: Source, naming: Naming, max_bytes: int) -> bool:
    """Write a container without those records of nobody that name somebody; whether it had such."""
    with opened(path, opener, source) as file:
        texts = ownerless(file.path, source, records_of(file.path, source, file.name, max_bytes), max_bytes)
    common = {number for content in opener.common(path) for number in content.numbers}
    named = {number for number, text in texts.items() if number in common and naming.finds(text)}
    if not named:
        return False
    gone = lines_of(texts, named)
    before_write()
    into.parent.mkdir(parents=True, exist_ok=True)
    with into.open("wb") as written:
        written.write(MAGIC)
        for block in blocks(path):
            members = {member.key_id: member for member in block.members}
            for content in opener.contents(block, is_common):
                kept = [one for one in zip(content.numbers, content.lines, strict=True) if one[0] not in gone]
                content.records -= len(named.intersection(content.numbers))
                content.numbers, content.lines = [number for number, _ in kept], [line for _, line in kept]
                members[content.key_id] = content.seal()
            write_block(written, block.lines, list(members.values()))
    return True
