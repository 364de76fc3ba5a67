"""Erased patients: how many records of sealed files are left, and that key store, ledger and sidecars agree on it."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from kaikai_assets.landing import raw
from kaikai_assets.landing.days import count_days
from kaikai_assets.landing.raw import Landed
from kaikai_assets.landing.sources import Source, SourceError, undescribed
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.privacy.container import SEALED
from kaikai_assets.privacy.vault import Opener, Vault, opened
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


def settle(settings: Settings, ledger: Ledger, domain: str, sources: Mapping[str, Source]) -> tuple[int, int]:
    """Have every erased patient's key destroyed, and count anew in the files it leaves behind; files and records.

    Who is suppressed by the key store or by the ledger is so by both from here on: either may come from an older
    backup. The caller holds the lock of landing; a call that was killed is finished by the next.
    """
    vault = Vault.opened(settings, domain)
    now = utc_now()
    for suppression in vault.suppressed:
        ledger.privacy.suppress(domain, suppression, now)
    vault.suppressed |= ledger.privacy.suppressed(domain)
    for patient in vault.store.patients(domain):
        if vault.suppression(patient) in vault.suppressed:
            vault.store.destroy(domain, patient, vault.suppression(patient), now)
    for suppression in vault.suppressed - vault.store.suppressed(domain):
        vault.store.suppress(domain, suppression, now)
    opener, noted = vault.opener(), ledger.landed.erased(domain)
    files = records = 0
    for landed in raw.sidecars(settings.raw):
        if landed.domain != domain or landed.removed is not None or not landed.name.endswith(SEALED):
            continue
        path = settings.raw / landed.raw_file
        if opener.records(path) == landed.records - sum(landed.erased.values()):
            if noted.get(landed.arrival_seq, {}) != landed.erased:
                ledger.landed.recount(landed)
            continue
        source = sources.get(landed.source)
        if source is None:
            raise SourceError(f"{landed.raw_file}: {undescribed(landed.source)}")
        erased = erased_days(landed.days, remaining_days(path, opener, source, landed, settings))
        files, records = files + 1, records + sum(erased.values()) - sum(landed.erased.values())
        again = landed.model_copy(update={"erased": erased})
        # The ledger last: a kill in between leaves a sidecar that differs, which the next call makes known.
        raw.amend(settings.raw, again)
        ledger.landed.recount(again)
    return files, records
