"""The product as a person drives it: put files into the inbox, land, build, look."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl

from kaikai_assets.build.pending import days_of
from kaikai_assets.build.steps import Domain
from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.ledger.targets import Target
from kaikai_assets.platform import Platform
from kaikai_assets.quality.contracts import schema

DERIVED = set(AIR.contracts)
"""Tables that must not depend on how files were delivered."""


def drop(platform: Platform, name: str, content: str | bytes, domain: Domain = AIR) -> Path:
    """Put a file into a domain's inbox."""
    path = platform.settings.inbox / domain.name / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def drop_tree(platform: Platform, folder: Path, domain: Domain = AIR) -> None:
    """Put a folder of files into a domain's inbox."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        target = platform.settings.inbox / domain.name / file.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


@dataclass(frozen=True)
class Built:
    """What a build committed, and what it could not."""

    targets: set[Target]
    failed: dict[Target, Exception]


def build(platform: Platform, days: Iterable[date] | None = None, domain: Domain = AIR) -> Built:
    """Land, then build all that is pending (of some days), without Dagster."""
    platform.land(domain)
    runner = platform.runner(domain)
    targets: set[Target] = set()
    chosen = None if days is None else set(days)
    for _ in range(5):
        plan = runner.plan()
        run = runner.begin()
        wanted = days_of(plan.pending) if chosen is None else chosen
        committed = runner.build(run, wanted, set(domain.tables), only_pending=True)
        found = {done.target for done in committed}
        if run.failed or not found:
            return Built(targets | found, run.failed)
        targets |= found
    raise AssertionError("five rounds did not bring everything up to date")


def outputs(platform: Platform, domain: Domain = AIR) -> dict[Target, str]:
    """Content hash of each derived target that holds rows."""
    built = platform.ledger.targets.built().items()
    return {target: b.output for target, b in built if target[0] in domain.contracts and b.rows}


def table(platform: Platform, name: str, domain: Domain = AIR) -> pl.DataFrame:
    """All rows of a derived table."""
    return platform.lake.read(name, schema(domain.contracts[name]))


def materialized(instance: dg.DagsterInstance, name: str) -> set[str]:
    """Partitions of a table that Dagster knows as materialized."""
    return instance.get_materialized_partitions(dg.AssetKey(name.split("/")))


def again(platform: Platform) -> Platform:
    """The platform as a new process opens it."""
    return build_platform(platform.settings)
