"""Erasure of one patient: the key is destroyed, what was made of the records is built again without them, and nothing
is left that names the pseudonym. A call that was killed, or that could not finish, is finished by the next.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from kaikai_assets.build.pending import days_of
from kaikai_assets.build.steps import WHOLE, Domain
from kaikai_assets.faults import before_write
from kaikai_assets.lake.tables import Conflict
from kaikai_assets.lake.tidy import purge
from kaikai_assets.operations.holdings import alerts_of, common_lines, mentions
from kaikai_assets.operations.refused import refused_texts
from kaikai_assets.operations.retention import keeping, landing
from kaikai_assets.operations.sealed_days import take_out
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.erased import settle
from kaikai_assets.privacy.mentions import Naming
from kaikai_assets.privacy.rows import LONG_ENOUGH
from kaikai_assets.privacy.vault import Vault
from kaikai_assets.settings import utc_now

_ROUNDS = 10


class NoSuchPatient(ValueError):
    """Nothing is held of a patient, and nothing was erased."""


class NotErased(RuntimeError):
    """Something is left of a patient; the message says where."""


@dataclass
class Erased:
    """What was erased: records of raw, in how many files; rows of the ledger; refused files that named the patient.
    ``unread`` are refused files that are no text or are damaged: nobody knows whether they name the patient."""

    files: int = 0
    records: int = 0
    notes: int = 0
    rejected: int = 0
    unread: list[str] = field(default_factory=list)


def erase(platform: Platform, domain: Domain, patient: str, reason: str, elsewhere: Collection[Path] = ()) -> Erased:
    """Erase a patient, given as the id of the source files or as pseudonym.

    No trace may be left in the data root, nor in folders ``elsewhere``. Raises ``KeyProblem``, ``NoSuchPatient`` and
    ``NotErased``.
    """
    vault = Vault.opened(platform.settings, domain.name)
    name = vault.patient(patient)
    suppression, now = vault.suppression(name), utc_now()
    if not vault.store.has(domain.name, name) and suppression not in vault.suppressed:
        raise NoSuchPatient(f"{domain.name} holds nothing of this patient")
    done = Erased()
    alerts = alerts_of(platform, domain, name)
    with keeping(platform), landing(platform):
        platform.ledger.privacy.suppress(domain.name, suppression, now)
        vault.store.destroy(domain.name, name, suppression, now)
        sources = platform.sources(domain)
        vault.suppressed.add(suppression)
        naming = vault.naming(patient if patient != name else "")
        done.files, done.records = settle(platform.settings, platform.ledger, domain.name, sources, naming.patient)
        done.rejected, done.unread = remove_refused(platform, domain, vault, naming)
        take_out(platform, domain, vault)
    done.notes += platform.ledger.privacy.forget(name, alerts)
    _build(platform, domain)
    _publish(platform, domain)
    done.notes += platform.ledger.privacy.forget(name, alerts)
    forget_replaced(platform, domain)
    # A short id or a number is part of many a text; what is sealed under it is gone all the same.
    is_telling = len(patient) >= LONG_ENOUGH and patient != name and not patient.isdecimal()
    texts = [name, *([patient] if is_telling else [])]
    nobodys = (
        f"raw/{landed.raw_file}" for landed, _, line in common_lines(platform, domain, vault) if naming.finds(line)
    )
    if left := [*mentions(platform, domain, texts, elsewhere), *dict.fromkeys(nobodys)]:
        raise NotErased("still named in " + ", ".join(left))
    scope = {"files": done.files, "records": done.records, "notes": done.notes, "rejected": done.rejected}
    platform.ledger.privacy.note(domain.name, "erase", reason, scope, utc_now())
    return done


def remove_refused(platform: Platform, domain: Domain, vault: Vault, naming: Naming) -> tuple[int, list[str]]:
    """Remove refused files that name a patient; how many, and those that cannot be read to the end."""
    removed, unread = 0, []
    for path, text, is_whole in refused_texts(platform.settings, domain.name, vault.opener()):
        if naming.finds(text):
            before_write()
            path.unlink()
            removed += 1
        elif not is_whole:
            unread.append(str(path.relative_to(platform.settings.data)))
    return removed, unread


def forget_replaced(platform: Platform, domain: Domain) -> None:
    """Remove the files of the lake that hold what its tables do not hold any more. Raises ``NotErased``."""
    for table in domain.tables:
        try:
            purge(platform.lake, table)
        except Conflict as error:
            raise NotErased(f"{error}; call it again") from error
        if (version := platform.lake.version(table)) is not None:
            platform.ledger.targets.note_lake_versions({table: version})


def _build(platform: Platform, domain: Domain) -> None:
    """Build what changed. What cannot be built is found by the search, if it names the patient."""
    for _ in range(_ROUNDS):
        runner = platform.runner(domain)
        days = {day for day in days_of(runner.plan().changed) if day <= utc_now().date()}
        if not sum(1 for _ in runner.build(runner.begin(), days, domain.tables, only_pending=True)):
            return


def _publish(platform: Platform, domain: Domain) -> None:
    """Publish all anew into an empty file: what is deleted from one stays in its free pages."""
    built = platform.ledger.targets.built()
    published = [one for one in platform.domains.values() if (one.warehouse, WHOLE) in built]
    before_write()
    platform.settings.warehouse.unlink(missing_ok=True)
    for one in published:
        platform.publish(one)
