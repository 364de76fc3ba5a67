"""The platform as one object: settings, ledger, lake and warehouse, and the domains that use them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import polars as pl

from kaikai_assets.alerts.lifecycle import Kind, episodes
from kaikai_assets.build.pending import Plan, publication_digest
from kaikai_assets.build.runner import Runner
from kaikai_assets.build.standing import Standing, standing
from kaikai_assets.build.steps import WHOLE, Domain
from kaikai_assets.build.transient import is_transient
from kaikai_assets.digests import digest_of
from kaikai_assets.lake.tables import Lake
from kaikai_assets.landing.land import land
from kaikai_assets.landing.report import LandingReport
from kaikai_assets.landing.sources import Source, SourceError, read_sources
from kaikai_assets.ledger.alert_tables import Due
from kaikai_assets.ledger.alerts import Acted
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.ledger.targets import Built, Target
from kaikai_assets.quality.contracts import Contract, columns, schema
from kaikai_assets.settings import Settings, utc_now
from kaikai_assets.warehouse.alert_tables import history, rows_of, status_log
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
        """Follow a domain's alerts, then publish its changed days to the warehouse; parts written by table.

        Tables are published though alerts cannot be followed; the attempt has failed then too.
        """
        built = self.ledger.targets.built()
        digest, target = publication_digest(domain, built), (domain.warehouse, WHOLE)
        self.ledger.targets.begin_attempts({target: digest}, utc_now())
        try:
            try:
                self.follow_alerts(domain, utc_now())
            finally:
                with self.warehouse.alone():
                    built = self.ledger.targets.built()
                    digest, written = publication_digest(domain, built), self._publish_tables(domain, built)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            self.ledger.targets.record_error(target, text, transient=is_transient(error))
            raise
        self.ledger.targets.record_built({target: Built(digest, digest, sum(written.values()), 0)}, utc_now())
        return written

    def _publish_tables(self, domain: Domain, built: Mapping[Target, Built]) -> dict[str, int]:
        now = utc_now()
        waiting = self.ledger.served.waiting(domain.name)
        attempts = self.ledger.targets.attempts().keys() - {(domain.warehouse, WHOLE)}
        reached = served(waiting, domain.bronze, built, attempts)
        journal, due = self._alert_journal(domain)
        of_latency: tuple[Contract, pl.DataFrame] = (
            Latency,
            self._latency(domain, [(waiting[file][0], now) for file in reached]),
        )
        beside = {_latency_of(domain): of_latency, **journal}
        contracts = {table: domain.contracts[table] for table in domain.published}
        written = publish(self.warehouse, self.lake, contracts, built, beside)
        self.ledger.served.note(reached, now)
        if due is not None:
            self.ledger.alert_tables.mark(domain.name, due)
        return written

    def follow_alerts(self, domain: Domain, now: datetime) -> int:
        """Compare a domain's alerts with those seen before, log what changed and note what is to be told; the number
        of changes. The same alerts are compared once."""
        if domain.rules is None:
            return 0
        built, followed = self.ledger.targets.built(), (domain.alert_journal[0], WHOLE)
        noted = built.get((domain.alerts, WHOLE))
        targets = self.runner(domain).plan().digests.keys() - built.keys()
        missing = {date.fromisoformat(part) for table, part in targets if table == domain.alert_days}
        digest = digest_of(noted and noted.output, sorted(missing))
        if noted is None or (followed in built and built[followed].digest == digest):
            return 0
        rows = self.lake.read(domain.alerts, schema(domain.contracts[domain.alerts]))
        if rows.height != noted.rows:
            # Lost, or just built anew by another run: no alert is gone because of that.
            return 0
        within = timedelta(hours=self.settings.notify_within_h)
        found = episodes(rows, domain.entity)
        changes = self.ledger.alerts.note(domain.name, found, missing, domain.alert_sources, now, within)
        self.ledger.targets.record_built({followed: Built(digest, digest, found.height, 0)}, now)
        return changes

    def alert_contracts(self, domain: Domain) -> dict[str, Contract]:
        """Tables of the life cycle of a domain's alerts; none where it has no rules."""
        if domain.rules is None:
            return {}
        return dict(zip(domain.alert_journal, (status_log(domain.entity), history(domain.entity)), strict=True))

    def act_on_alert(
        self, kind: Kind, alert_id: str, author: str, *, reason: str = "", expires_at: datetime | None = None
    ) -> Acted:
        """Act on an alert, and publish that. Raises ``AlertError``."""
        acted = self.ledger.alerts.act(kind, alert_id, author, utc_now(), reason=reason, expires_at=expires_at)
        self.publish(self.domains[acted.domain])
        return acted

    def _alert_journal(self, domain: Domain) -> tuple[dict[str, tuple[Contract, pl.DataFrame]], Due | None]:
        """Days of the journal of alerts that changed since they were published, and those not published yet."""
        if domain.rules is None:
            return {}, None
        contracts = self.alert_contracts(domain)
        log_days, history_days = (
            self.warehouse.parts(table, pl.DataFrame(schema=schema(contract))) for table, contract in contracts.items()
        )
        due = self.ledger.alert_tables.due(domain.name, log_days, history_days, utc_now())
        return {
            table: (contract, rows_of(contract, rows, domain.entity))
            for (table, contract), rows in zip(contracts.items(), (due.log, due.history), strict=True)
        }, due

    def _latency(self, domain: Domain, reached: list[tuple[datetime, datetime]]) -> pl.DataFrame:
        """Latency of the days of arrival that change by files that are served now, and of those not published yet."""
        published = self.warehouse.parts(_latency_of(domain), pl.DataFrame(schema=schema(Latency)))
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
