"""Erasure of one patient: the key is destroyed, what was made of the records is built again without them, and nothing
is left that names the pseudonym. A call that was killed, or that could not finish, is finished by the next.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from kaikai_assets.build.pending import days_of
from kaikai_assets.build.sealed import tables
from kaikai_assets.build.steps import WHOLE, Domain
from kaikai_assets.faults import before_write
from kaikai_assets.lake.content import EMPTY, canonical, content_hashes
from kaikai_assets.lake.tables import Conflict
from kaikai_assets.lake.tidy import purge
from kaikai_assets.ledger.targets import Account
from kaikai_assets.operations.holdings import alerts_of, mentions
from kaikai_assets.operations.retention import keeping, landing
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.erased import settle
from kaikai_assets.privacy.rows import LONG_ENOUGH
from kaikai_assets.privacy.vault import Vault, sealed_bytes
from kaikai_assets.quality.contracts import schema
from kaikai_assets.settings import utc_now

_ROUNDS = 10


class NoSuchPatient(ValueError):
    """Nothing is held of a patient, and nothing was erased."""


class NotErased(RuntimeError):
    """Something is left of a patient; the message says where."""


@dataclass
class Erased:
    """What was erased: records of raw, in how many files; rows of the ledger; refused files that named the patient."""

    files: int = 0
    records: int = 0
    notes: int = 0
    rejected: int = 0


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
        done.files, done.records = settle(platform.settings, platform.ledger, domain.name, sources)
        if patient != name:
            done.rejected = _refused(platform, domain, vault, patient)
        _from_sealed_days(platform, domain, name)
    # Its alerts of former days too, which late data superseded: no table names them any more.
    platform.ledger.alerts.erase(domain.name, {name})
    done.notes += platform.ledger.privacy.forget(name, alerts)
    _build(platform, domain)
    _publish(platform, domain)
    done.notes += platform.ledger.privacy.forget(name, alerts)
    for table in domain.tables:
        try:
            purge(platform.lake, table)
        except Conflict as error:
            raise NotErased(f"{error}; call it again") from error
        if (version := platform.lake.version(table)) is not None:
            platform.ledger.targets.note_lake_versions({table: version})
    # A short id is part of many a text; what is sealed under it is gone all the same.
    texts = [name, *([patient] if len(patient) >= LONG_ENOUGH and patient != name else [])]
    if left := list(mentions(platform, domain, texts, elsewhere)):
        raise NotErased("still named in " + ", ".join(left))
    scope = {"files": done.files, "records": done.records, "notes": done.notes, "rejected": done.rejected}
    platform.ledger.privacy.note(domain.name, "erase", reason, scope, utc_now())
    return done


def _refused(platform: Platform, domain: Domain, vault: Vault, patient: str) -> int:
    """Remove refused files that name a patient."""
    opener, done = vault.opener(), 0
    alone = re.compile(rb"(?<![\w-])" + re.escape(patient.encode()) + rb"(?![\w-])")
    for path in sorted((platform.settings.rejected / domain.name).glob("*/*.sealed")):
        if alone.search(sealed_bytes(path, opener)):
            before_write()
            path.unlink()
            done += 1
    return done


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


def _from_sealed_days(platform: Platform, domain: Domain, name: str) -> None:
    """Take a patient's rows out of days that cannot be built again, and out of their accounts.

    What was computed over all patients stays there as it was built.
    """
    state = platform.runner(domain).state()
    if not state.sealed:
        return
    contracts = {table: c for table, c in tables(domain).items() if domain.entity in schema(c)}
    for day in sorted(state.sealed):
        part = day.isoformat()
        held = {table: platform.lake.read(table, schema(c), [day]) for table, c in contracts.items()}
        rest = {t: rows.filter(pl.col(domain.entity).ne_missing(pl.lit(name))) for t, rows in held.items()}
        # Bronze last: as long as it holds the patient, a killed call is not finished.
        for table in [*(t for t in contracts if t != domain.bronze), domain.bronze]:
            built = state.built.get((table, part))
            if rest[table].height == held[table].height or built is None:
                continue
            rows = canonical(contracts[table], rest[table])
            n, output = content_hashes(contracts[table], rows).get(part, (0, EMPTY))
            platform.lake.commit(table, rows, {part: platform.lake.builds(table)[part]})
            accounts = {(domain.name, part): _accounts(platform, domain, part, rest)} if table == domain.bronze else {}
            builds = {(table, part): replace(built, output=output, rows=n)}
            platform.ledger.targets.record_built(builds, utc_now(), accounts)


def _accounts(platform: Platform, domain: Domain, part: str, rest: Mapping[str, pl.DataFrame]) -> list[Account]:
    """A sealed day's accounts, from the rows that are left of its records."""
    aside = pl.concat(
        [rows.filter(pl.col("kind") == "record").select("source") for rows in rest.values() if "kind" in rows.columns]
    )
    left, leading, rejected = (
        dict(rows.group_by("source").len().iter_rows()) for rows in (rest[domain.bronze], rest[domain.silver], aside)
    )
    found = []
    for known in platform.ledger.targets.accounts(domain.name):
        if known.part == part:
            n, leads, set_aside = (counts.get(known.source, 0) for counts in (left, leading, rejected))
            found.append(
                Account(part, known.source, known.records, leads, n - leads - set_aside, set_aside, known.records - n)
            )
    return found
