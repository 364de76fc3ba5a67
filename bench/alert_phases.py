"""Where the seconds between a file's drop and its alert row went, as Dagster and the ledger have noted them."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import dagster as dg
from dagster._core.events import DagsterEventType

from kaikai_assets.orchestration.automation import DOMAIN
from kaikai_assets.platform import Platform

PHASES = (
    "until a tick took the file",
    "until a run was asked for",
    "until it left the queue",
    "until its process ran",
    "until its step began",
    "until its last table was committed",
    "until the row was visible",
)


@dataclass(frozen=True)
class Dropped:
    """A file and when it was dropped and seen, in seconds since 1970."""

    dropped: float
    visible: float

    @property
    def seconds(self) -> float:
        return self.visible - self.dropped


def phases(platform: Platform, instance: dg.DagsterInstance, domain: str, files: Sequence[Dropped]) -> dict[str, float]:
    """Mean seconds of each phase, over the files of which all is known. Phases overlap where a run that was asked for
    before a file was taken finds it: then the later ones begin with the earlier one's end."""
    taken = sorted(file["arrived_at"].timestamp() for file in platform.ledger.landed.files(domain).values())
    runs = instance.get_run_records(dg.RunsFilter(tags={DOMAIN: domain}))
    marks = [_marks(instance, run.dagster_run.run_id, run.create_timestamp.timestamp()) for run in runs]
    found: list[list[float]] = []
    for file in files:
        arrived = [instant for instant in taken if file.dropped <= instant <= file.visible]
        # Of several runs meanwhile, the one whose tables were committed last made the row.
        made = [run for run in marks if run and arrived and arrived[0] <= run[-1] <= file.visible]
        if made:
            instants = [file.dropped, arrived[0], *max(made, key=lambda run: run[-1]), file.visible]
            found.append([after - before for before, after in pairwise(accumulate(instants, max))])
    return {name: statistics.fmean(of) for name, of in zip(PHASES, zip(*found, strict=True), strict=False)}


def _marks(instance: dg.DagsterInstance, run_id: str, created: float) -> list[float]:
    """When a run was created, left the queue, had a process, began its step, and committed its last table of days."""
    begun = (DagsterEventType.PIPELINE_STARTING, DagsterEventType.PIPELINE_START, DagsterEventType.STEP_START)
    committed = DagsterEventType.ASSET_MATERIALIZATION
    instants: Mapping[DagsterEventType, list[float]] = {kind: [] for kind in (*begun, committed)}
    for entry in instance.all_logs(run_id, of_type={*begun, committed}):
        event = entry.get_dagster_event()
        if event.event_type != committed or event.partition is not None:
            instants[event.event_type].append(entry.timestamp)
    if not all(instants.values()):
        return []
    return [created, *(min(instants[kind]) for kind in begun), max(instants[committed])]
