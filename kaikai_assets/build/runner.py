"""Brings a domain's targets up to date, layer by layer.

A day that fails is not committed and what reads it is skipped; the others go on. The caller decides what a failed
target means for its run.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from kaikai_assets.build.bronze import build_bronze
from kaikai_assets.build.derive import build_dimension, build_step
from kaikai_assets.build.pending import Plan, plan
from kaikai_assets.build.reconcile import reconcile
from kaikai_assets.build.run import Done, Run
from kaikai_assets.build.sealed import adopt, seal
from kaikai_assets.build.state import File, State
from kaikai_assets.build.steps import Context, Domain
from kaikai_assets.lake.tables import Lake
from kaikai_assets.landing.sources import Source
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.quality.contracts import schema
from kaikai_assets.settings import Settings


@dataclass(frozen=True)
class Runner:
    """Plans and builds one domain."""

    settings: Settings
    ledger: Ledger
    lake: Lake
    domain: Domain
    sources: Mapping[str, Source]

    def state(self) -> State:
        """The ledger's present state of the domain, less what the lake has lost."""
        reconcile(self.ledger, self.lake, self.domain.tables)
        gone = self.ledger.landed.erased(self.domain.name) if self.domain.sensitive else {}
        files = {
            seq: File(**row, erased=sum(gone.get(seq, {}).values()))
            for seq, row in self.ledger.landed.files(self.domain.name).items()
        }
        file_days: dict[date, dict[int, int]] = {}
        erased: dict[date, dict[str, int]] = {}
        for day, seq, records in self.ledger.landed.file_days(self.domain.name):
            # A file that lands between the two queries is for the next plan.
            if seq not in files:
                continue
            lost = gone.get(seq, {}).get(day, 0)
            if records > lost:
                file_days.setdefault(day, {})[seq] = records - lost
            if lost and files[seq].kind == "readings":
                of_day = erased.setdefault(day, {})
                of_day[files[seq].source] = of_day.get(files[seq].source, 0) + lost
        in_time, sealed, late = seal(file_days, self.ledger.landed.removals(self.domain.name))
        built = self.ledger.targets.built()
        if unknown := {day for day in sealed if (self.domain.bronze, day.isoformat()) not in built}:
            adopt(self.ledger, self.lake, self.domain, unknown)
            built = self.ledger.targets.built()
        return State(files, in_time, built, frozenset(sealed), late, erased)

    def context(self) -> Context:
        """Sources, settings and the registry as built."""
        registry = self.lake.read(self.domain.registry, schema(self.domain.dimension[self.domain.registry]))
        return Context(self.sources, self.settings.first_day, registry)

    def plan(self) -> Plan:
        """Evaluate all targets now."""
        return plan(self.domain, self.context(), self.state())

    def begin(self) -> Run:
        """A run that knows of the files that have landed until now."""
        return Run(self.settings, self.ledger, self.lake, self.domain, self.context(), self.state())

    def build(
        self, run: Run, days: Collection[date], tables: Collection[str], *, only_pending: bool, reparse: bool = False
    ) -> Iterator[Done]:
        """Build ``tables`` for ``days``, and those of them that are not partitioned; each target as it is committed.

        With ``only_pending`` targets that are up to date are left alone. ``reparse`` reads raw again for bronze.
        """
        wanted = set(days)
        if self.domain.registry in tables:
            yield from build_dimension(run, only_pending=only_pending)
        if self.domain.bronze in tables:
            yield from build_bronze(run, wanted, reparse=reparse)
        # The registry as this run has just made it: a day is made from what its digest says, whatever others build.
        context = self.context()
        for step in self.domain.steps:
            if any(name in tables for name in step.outputs):
                # Evaluated anew before each layer: the layer below may have changed what this one must be built from.
                made = plan(self.domain, context, replace(run.start, built=self.ledger.targets.built()))
                yield from build_step(run, step, context, made, wanted, only_pending=only_pending)
