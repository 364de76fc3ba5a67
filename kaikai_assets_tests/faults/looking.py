"""What stands on disk: contents of each (table, day) of the lake and of the warehouse, and whether nothing was lost."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from kaikai_assets.build.bronze import contract as bronze_contract
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.lake.content import canonical, content_hashes
from kaikai_assets.lake.tables import Lake
from kaikai_assets.landing.raw import sidecars
from kaikai_assets.ledger.targets import Account, Target
from kaikai_assets.platform import Platform
from kaikai_assets.quality.contracts import schema
from kaikai_assets.settings import Settings

CONTRACTS = {AIR.bronze: bronze_contract(AIR), **AIR.contracts}
Contents = dict[Target, str]


def lake_contents(settings: Settings) -> Contents:
    """Hash of the rows of each stored (table, day)."""
    lake = Lake(settings.lake_uri)
    found: Contents = {}
    for name, contract in CONTRACTS.items():
        rows = lake.read(name, schema(contract))
        if name == AIR.bronze:
            # A killed call takes its arrival numbers along, and another call has another clock.
            rows = rows.with_columns(
                pl.col("arrival_seq").rank("dense").cast(pl.Int64), arrived_at=pl.lit(0).cast(rows.schema["arrived_at"])
            )
        hashes = content_hashes(contract, canonical(contract, rows))
        found |= {(name, part): hashed for part, (n, hashed) in hashes.items() if n}
    return found


def warehouse_contents(settings: Settings) -> Contents:
    """Hash of the rows of each published (table, day), as a new reader finds them; none before the first one."""
    if not settings.warehouse.exists():
        return {}
    found: Contents = {}
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        published = connection.sql("SELECT DISTINCT table_name FROM meta.published").fetchall()
        for name in {name for (name,) in published} & AIR.contracts.keys():  # latency is no function of raw
            contract = AIR.contracts[name]
            rows = connection.sql(f"FROM {name.replace('/', '.')}").pl()
            hashes = content_hashes(contract, canonical(contract, rows))
            found |= {(name, part): hashed for part, (n, hashed) in hashes.items() if n}
    return found


@dataclass(frozen=True)
class Truth:
    """What an undisturbed platform ends with."""

    lake: Contents
    warehouse: Contents
    accounts: list[Account]
    landed: dict[str, int]

    @classmethod
    def of(cls, platform: Platform) -> "Truth":
        return cls(
            lake_contents(platform.settings),
            warehouse_contents(platform.settings),
            platform.ledger.targets.accounts(AIR.name),
            {landed.name: landed.records for landed in sidecars(platform.settings.raw)},
        )


def check_old_or_new(settings: Settings, old: Truth, new: Truth) -> None:
    """Each (table, day) of lake and warehouse stands as before or as at the end."""
    for target, found in lake_contents(settings).items():
        assert found in (old.lake.get(target), new.lake.get(target)), target
    for target, found in warehouse_contents(settings).items():
        assert found in (old.warehouse.get(target), new.warehouse.get(target)), target


def check_complete(platform: Platform, truth: Truth) -> None:
    """All is as an undisturbed platform leaves it: nothing lost, nothing twice, nothing waiting."""
    settings, ledger = platform.settings, platform.ledger
    assert Truth.of(platform) == truth
    assert waiting(settings) == []
    runner = platform.runner(AIR)
    assert runner.plan().pending == set()
    assert ledger.targets.attempts() == {}
    in_raw = {landed.arrival_seq: landed.identity for landed in sidecars(settings.raw)}
    assert len(in_raw) == len(truth.landed)
    assert {seq: file["identity"] for seq, file in ledger.landed.files(AIR.name).items()} == in_raw
    assert all(a.records == a.leading + a.absorbed + a.rejected for a in ledger.targets.accounts(AIR.name))
    assert not list((settings.raw / ".tmp").glob("*"))
    assert not list(settings.warehouse.parent.glob(".*.building*"))


def waiting(settings: Settings) -> list[str]:
    """Files of the inbox."""
    return sorted(path.name for path in settings.inbox.rglob("*") if path.is_file())


def rejected(settings: Settings) -> list[Path]:
    """Files that were set aside, each with its reason beside it."""
    found = [path for path in settings.rejected.rglob("*") if path.is_file() and path.name != "reason.json"]
    assert all((path.parent / "reason.json").read_text(encoding="utf-8").startswith("{") for path in found)
    return found
