"""The platform as one object: settings, ledger, lake and warehouse, and the domains that use them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from kaikai_assets.build.pending import publication_digest
from kaikai_assets.build.runner import Runner
from kaikai_assets.build.steps import WHOLE, Domain
from kaikai_assets.lake.tables import Lake
from kaikai_assets.landing.land import LandingReport, land
from kaikai_assets.landing.sources import Source, SourceError, read_sources
from kaikai_assets.ledger.store import Built, Ledger
from kaikai_assets.quality.contracts import columns
from kaikai_assets.settings import Settings, utc_now
from kaikai_assets.warehouse.duckdb_file import DuckDBFile
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
        if not self.settings.warehouse.exists():
            self.ledger.forget([(domain.warehouse, WHOLE)])
        return Runner(self.settings, self.ledger, self.lake, domain, self.sources(domain))

    def land(self, domain: Domain, *, tick: bool = False, wait: bool = False) -> LandingReport:
        """Land a domain's inbox. With ``wait``, files that are not settled yet are waited for, but not for ever."""
        sources = self.sources(domain)
        report = land(self.settings, self.ledger, domain.name, sources, tick=tick)
        for _ in range(3):
            if not (wait and report.unsettled):
                break
            time.sleep(self.settings.settle_s)
            report.unsettled.clear()
            report.add(land(self.settings, self.ledger, domain.name, sources, tick=tick))
        return report

    def publish(self, domain: Domain) -> dict[str, int]:
        """Publish a domain's changed days to the warehouse; parts written by table."""
        built = self.ledger.built()
        digest = publication_digest(domain, built)
        self.ledger.begin_attempts({(domain.warehouse, WHOLE): digest}, utc_now())
        written = publish(self.warehouse, self.lake, {t: domain.contracts[t] for t in domain.published}, built)
        self.ledger.record_built(
            {(domain.warehouse, WHOLE): Built(digest, digest, sum(written.values()), 0)}, utc_now()
        )
        return written
