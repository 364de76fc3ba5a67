"""Erased patients in sealed days: their rows are taken out, and out of the accounts, for nothing builds them again."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import polars as pl

from kaikai_assets.build.sealed import tables
from kaikai_assets.build.steps import Domain
from kaikai_assets.lake.content import EMPTY, canonical, content_hashes
from kaikai_assets.ledger.targets import Account
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.vault import Vault
from kaikai_assets.quality.contracts import Contract, key, metrics, schema
from kaikai_assets.settings import utc_now


def take_out(platform: Platform, domain: Domain, vault: Vault) -> int:
    """Take the rows of suppressed patients out of sealed days; the number of tables and days that changed.

    A row of something that only such patients had (a device) goes too. What else was computed over all patients stays
    as it was built. A call that was killed is finished by the next.
    """
    state = platform.runner(domain).state()
    contracts, done = tables(domain), 0
    for day in sorted(state.sealed):
        part = day.isoformat()
        held = {table: platform.lake.read(table, schema(c), [day]) for table, c in contracts.items()}
        named = [rows[domain.entity] for rows in held.values() if domain.entity in rows.columns]
        gone = [one for one in pl.concat(named).drop_nulls().unique() if vault.suppression(one) in vault.suppressed]
        rest = {
            table: _without(domain, contracts[table], rows, held[domain.silver], gone) for table, rows in held.items()
        }
        # What tells who is gone comes last: as long as it does, a killed call is not finished.
        ordered = sorted(rest, key=lambda t: (domain.entity in held[t].columns, t == domain.silver, t == domain.bronze))
        for table in ordered:
            built, left = state.built.get((table, part)), rest[table]
            if built is None or left.height == held[table].height == built.rows:
                continue
            rows = canonical(contracts[table], left)
            n, output = content_hashes(contracts[table], rows).get(part, (0, EMPTY))
            if left.height < held[table].height:
                platform.lake.commit(table, rows, {part: platform.lake.builds(table)[part]})
            accounts = {(domain.name, part): _accounts(platform, domain, part, rest)} if table == domain.bronze else {}
            platform.ledger.targets.record_built(
                {(table, part): replace(built, output=output, rows=n)}, utc_now(), accounts
            )
            done += 1
    return done


def _without(
    domain: Domain, contract: Contract, rows: pl.DataFrame, silver: pl.DataFrame, gone: Collection[str]
) -> pl.DataFrame:
    is_gone = pl.col(domain.entity).is_in(list(gone)).fill_null(False)
    if domain.entity in rows.columns:
        return rows.filter(~is_gone)
    for name in {metric.name for metric in metrics(domain.readings)}.intersection(key(contract)):
        theirs, others = (silver.filter(condition)[name].unique() for condition in (is_gone, ~is_gone))
        only = [one for one in theirs.drop_nulls() if one not in set(others)]
        rows = rows.filter(~pl.col(name).is_in(only).fill_null(False))
    return rows


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
