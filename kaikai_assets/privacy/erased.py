"""How many records of sealed files are left, by event day, and how many were erased."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from kaikai_assets.landing.days import count_days
from kaikai_assets.landing.raw import Landed
from kaikai_assets.landing.sources import Source
from kaikai_assets.privacy.vault import Opener, opened
from kaikai_assets.settings import Settings


def remaining_days(
    container: Path, opener: Opener, source: Source, landed: Landed, settings: Settings
) -> dict[date, int]:
    """Records of a container that can still be read, by event day. Raises ``UnreadableFile``, ``KeyProblem``."""
    if not opener.records(container):
        return {}
    with opened(container, opener, source) as file:
        return count_days(
            file.path,
            source,
            first_day=settings.first_day,
            arrived_at=landed.arrived_at,
            max_bytes=settings.max_unpacked_bytes,
        )


def erased_days(days: Mapping[date, int], remaining: Mapping[date, int]) -> dict[date, int]:
    """Records by day that are not among the remaining ones."""
    return {day: n - remaining.get(day, 0) for day, n in days.items() if n > remaining.get(day, 0)}
