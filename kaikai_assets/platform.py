"""The platform as one object: settings, ledger, lake and warehouse, and the domains that use them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import polars as pl

from kaikai_assets.build.pending import Plan, publication_digest
from kaikai_assets.build.runner import Runner
from kaikai_assets.build.standing import Standing, standing
from kaikai_assets.build.steps import WHOLE, Domain
from kaikai_assets.build.transient import is_transient
from kaikai_assets.lake.content import canonical
from kaikai_assets.lake.tables import Lake
from kaikai_assets.landing.land import LandingReport, land
from kaikai_assets.landing.sources import Source, SourceError, read_sources
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.ledger.targets import Built
from kaikai_assets.quality.contracts import columns
from kaikai_assets.settings import Settings, utc_now
from kaikai_assets.warehouse.duckdb_file import DuckDBFile
from kaikai_assets.warehouse.latency import Latency, latency, served
from kaikai_assets.warehouse.publish import publish


@dataclass(frozen=True)
class Platform:
    """Opens what the settings name, on first use."""

    settings: Settings
    domains: Mapping[str, Domain]

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.settings.ledger_uri)

    @cached_property
    def lake(self) -> Lake:
        return Lake(self.settings.lake_uri)

    @cached_property
    def warehouse(self) -> DuckDBFile:
        return DuckDBFile(self.settings.warehouse)

    def sources(self, domain: Domain) -> dict[str, Source]:
        """Descriptions of the package and of ``<data>/sources/<domain>/``. Raises ``SourceError``."""
        found = read_sources([domain.sources, self.settings.data / "sources" / domain.name])
        for source in found.values():
            if domain.sensitive:
                _check_sealable(source)
            contract = domain.readings if source.kind == "readings" else domain.dimension[domain.registry]
            known = {c.name for c in columns(contract) if c.metric or source.kind == "snapshot"}
            if unknown := sorted(set(source.fills) - known):
                raise SourceError(
                    f"{source.source}.yaml: columns: {domain.name} has no {', '.join(map(repr, unknown))}; "
                    f"it has {', '.join(sorted(known))}"
                )
        return found

    def runner(self, domain: Domain) -> Runner:
        """Plans and builds a domain."""
        if not self.warehouse.is_intact():
            self.ledger.targets.forget([(domain.warehouse, WHOLE)])
        return Runner(self.settings, self.ledger, self.lake, domain, self.sources(domain))

    def land(self, domain: Domain, *, tick: bool = False, wait: bool = False) -> LandingReport:
        """Land a domain's inbox. With ``wait``, files that are not settled yet are waited for, but not for ever."""
        sources = self.sources(domain)
        report = self._land(domain, sources, tick)
        for _ in range(3):
            if not (wait and report.unsettled):
                break
            time.sleep(self.settings.settle_s)
            report.unsettled.clear()
            report.add(self._land(domain, sources, tick))
        return report

    def _land(self, domain: Domain, sources: Mapping[str, Source], tick: bool) -> LandingReport:
        return land(self.settings, self.ledger, domain.name, sources, tick=tick, sensitive=domain.sensitive)

    def standing(self, domain: Domain, plan: Plan) -> list[Standing]:
        """What an operator must know of a domain now. Notes since when days are pending."""
        now = utc_now()
        begun = {part for _, part in plan.pending if not part or date.fromisoformat(part) <= now.date()}
        since = self.ledger.targets.note_pending(domain.name, begun, now)
        attempts = self.ledger.targets.attempts()
        settings = self.settings
        return standing(plan, attempts, since, now, most=settings.attempts, overdue_s=settings.overdue_h * 3600)

    def publish(self, domain: Domain) -> dict[str, int]:
        """Publish a domain's changed days to the warehouse; parts written by table."""
        built = self.ledger.targets.built()
        digest, target = publication_digest(domain, built), (domain.warehouse, WHOLE)
        waiting = self.ledger.served.waiting(domain.name)
        attempts = self.ledger.targets.attempts().keys() - {target}
        self.ledger.targets.begin_attempts({target: digest}, utc_now())
        now = utc_now()
        reached = served(waiting, domain.bronze, built, attempts)
        beside = {_latency_of(domain): (Latency, self._latency(domain, [(waiting[file][0], now) for file in reached]))}
        contracts = {table: domain.contracts[table] for table in domain.published}
        try:
            written = publish(self.warehouse, self.lake, contracts, built, beside)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            self.ledger.targets.record_error(target, text, transient=is_transient(error))
            raise
        self.ledger.served.note(reached, now)
        self.ledger.targets.record_built({target: Built(digest, digest, sum(written.values()), 0)}, utc_now())
        return written

    def _latency(self, domain: Domain, reached: list[tuple[datetime, datetime]]) -> pl.DataFrame:
        """Latency of the days of arrival that change by files that are served now, and of those not published yet."""
        published = self.warehouse.parts(_latency_of(domain), canonical(Latency, latency([])))
        noted = {day for day in self.ledger.served.days(domain.name) if day.isoformat() not in published}
        days = noted | {arrived.date() for arrived, _ in reached}
        return latency([*self.ledger.served.times(domain.name, days), *reached])


def _check_sealable(source: Source) -> None:
    """Raises ``SourceError`` for a description that a sensitive domain cannot have."""
    if source.format not in ("csv", "ndjson"):
        raise SourceError(
            f"{source.source}.yaml: format: {source.format} has no lines, so that no patient's part of it can be "
            "sealed apart; a sensitive domain takes csv and ndjson"
        )
    if source.entity.prefix:
        raise SourceError(f"{source.source}.yaml: entity.prefix: a pseudonym is made of the id as it stands")


def _latency_of(domain: Domain) -> str:
    return f"gold/{domain.name}_latency"
