"""Upkeep of a domain's tables in the lake, safe beside running builds."""

from dataclasses import dataclass, field

from kaikai_assets.build.steps import Domain
from kaikai_assets.lake.tables import Conflict
from kaikai_assets.lake.tidy import Tidied, tidy
from kaikai_assets.platform import Platform


@dataclass
class Compaction:
    """What was done (or would be) by table; ``busy`` tables were left for the next time, with the reason."""

    tables: dict[str, Tidied] = field(default_factory=dict)
    busy: dict[str, str] = field(default_factory=dict)


def compact(platform: Platform, domain: Domain, dry_run: bool) -> Compaction:
    """Merge small files, make checkpoints, remove old log entries and files that nothing needs any more."""
    report = Compaction()
    for table in domain.tables:
        try:
            days = platform.settings.lake_history_days
            report.tables[table] = tidy(platform.lake, table, history_days=days, dry_run=dry_run)
        except Conflict as error:
            report.busy[table] = str(error)
    return report
