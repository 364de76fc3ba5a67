"""Event days told anew: when a source's times, the first day or the code that reads them change."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from kaikai_assets.landing import raw
from kaikai_assets.landing.days import count_days, counting_digest
from kaikai_assets.landing.sources import Source
from kaikai_assets.landing.unpack import UnreadableFile
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.privacy.container import SEALED
from kaikai_assets.privacy.erased import remaining_days
from kaikai_assets.privacy.keys import KeyProblem
from kaikai_assets.privacy.vault import Vault
from kaikai_assets.settings import Settings


def recount(settings: Settings, ledger: Ledger, domain: str, sources: Mapping[str, Source]) -> int:
    """Count the days of landed files again where they would be told otherwise now; the number of files.

    A file that cannot be read as its source is described now keeps its days: its build will say why. So does one that
    retention removed.
    """
    done = 0
    for name, counted in sorted(ledger.landed.counted(domain)):
        source = sources.get(name)
        now = counting_digest(source, settings.first_day) if source else counted
        if source is None or counted == now:
            continue
        for raw_file in ledger.landed.raw_files(domain, name, counted):
            landed = raw.find(settings.raw, domain, name, Path(raw_file).parent.name)
            if landed is None:
                continue
            try:
                if landed.removed is not None:
                    raise UnreadableFile("removed by retention")
                days = _days(settings, raw_file, source, landed)
            except (UnreadableFile, KeyProblem, OSError):
                days = landed.days
            again = landed.model_copy(update={"counted": now, "days": days})
            # The ledger last: a kill in between counts once more.
            raw.amend(settings.raw, again)
            ledger.landed.recount(again)
            done += 1
    return done


def _days(settings: Settings, raw_file: str, source: Source, landed: raw.Landed) -> dict[date, int]:
    if raw_file.endswith(SEALED):
        opener = Vault.opened(settings, landed.domain).opener()
        days = remaining_days(settings.raw / raw_file, opener, source, landed, settings)
        # What was erased keeps its days: nobody can tell them anew.
        return {day: days.get(day, 0) + landed.erased.get(day, 0) for day in sorted(days.keys() | landed.erased.keys())}
    return count_days(
        settings.raw / raw_file,
        source,
        first_day=settings.first_day,
        arrived_at=landed.arrived_at,
        max_bytes=settings.max_unpacked_bytes,
    )
