"""A small sensitive domain: air's tables, with persons for sensors, and sources of its own."""

from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import pytest

from kaikai_assets.build.bronze import all_contracts
from kaikai_assets.build.steps import Domain
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.landing.report import LandingReport
from kaikai_assets.platform import Platform
from kaikai_assets.quality.contracts import schema
from kaikai_assets.settings import Settings
from kaikai_assets_tests.landing.making import put

SOURCES = {
    "ward": """
        source: ward
        format: csv
        entity: {column: patient}
        time: {column: time}
        columns: {pm25: pm25}
    """,
    "phone": """
        source: phone
        format: ndjson
        entity: {column: who.id}
        time: {column: time}
        columns: {pm25: value}
    """,
    "monitor": r"""
        source: monitor
        format: csv
        match: folder
        entity: {from_name: '^(.+?)_'}
        time: {column: time}
        columns: {pm25: pm25}
    """,
    "persons": """
        source: persons
        format: csv
        kind: snapshot
        entity: {column: person}
        columns: {location_name: room, timezone: zone}
    """,
}
ANNA, BORIS = "rp-0001-anna", "rp-0002-boris"


@dataclass(frozen=True)
class Clinic:
    """A platform with the one sensitive domain."""

    platform: Platform
    domain: Domain

    @property
    def settings(self) -> Settings:
        return self.platform.settings

    def drop(self, name: str, content: str | bytes) -> Path:
        return put(self.settings.inbox / self.domain.name / name, content)

    def land(self) -> LandingReport:
        return self.platform.land(self.domain)

    def build(self) -> dict[tuple[str, str], Exception]:
        """Build all that is pending, and publish; what failed."""
        runner = self.platform.runner(self.domain)
        failed: dict[tuple[str, str], Exception] = {}
        for _ in range(4):
            due = {part for _, part in runner.plan().active(failed) if part}
            run = runner.begin()
            days = [pl.Series([part]).str.to_date().item() for part in sorted(due)]
            done = list(runner.build(run, days, self.domain.tables, only_pending=True))
            failed |= run.failed
            if not done:
                break
        if not failed:
            self.platform.publish(self.domain)
        return failed

    def table(self, name: str) -> pl.DataFrame:
        return self.platform.lake.read(name, schema(all_contracts(self.domain)[name]))


def domain_of(folder: Path) -> Domain:
    """The domain, with its sources described in a folder."""
    for name, text in SOURCES.items():
        put(folder / f"{name}.yaml", "\n".join(line[8:] for line in text.splitlines()))
    return replace(AIR, sources=folder, sensitive=True)


@pytest.fixture
def clinic(tmp_path: Path, keys: dict[str, str]) -> Clinic:
    domain = domain_of(tmp_path / "described")
    return Clinic(Platform(Settings(data=tmp_path / "data", settle_s=0), {domain.name: domain}), domain)
