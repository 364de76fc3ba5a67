"""Event times and days of a file's records."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from kaikai_assets.digests import code_digest, digest_of
from kaikai_assets.landing.readers import record_pieces
from kaikai_assets.landing.sources import Source, Time
from kaikai_assets.landing.times import since, to_utc


def count_days(path: Path, source: Source, *, first_day: date, arrived_at: datetime, max_bytes: int) -> dict[date, int]:
    """Records of a file by event day; those without a usable day count for the arrival day."""
    arrival = arrived_at.astimezone(UTC).date()
    counted: Counter[date] = Counter()
    for records in record_pieces(path, source, max_bytes, [] if source.time is None else [source.time.column]):
        if source.time is None:
            counted[arrival] += records.height
        else:
            day = event_day(event_times(records[source.time.column], source.time), first_day, arrival)
            counted.update(dict(day.value_counts().iter_rows()))
    return dict(sorted(counted.items()))


def event_times(text: pl.Series, time: Time) -> pl.Series:
    """UTC instants of texts as a source writes them; null where one cannot be read."""
    if time.relative_to is not None and time.unit is not None:
        return since(text, time.relative_to, time.unit)
    return to_utc(text, time.formats, time.timezone)


def counting_digest(source: Source, first_day: date) -> str:
    """Digest of all that tells which day a record of a source belongs to."""
    decisive = source.model_dump(mode="json", include={"format", "time", "separator", "encoding", "sheet"})
    return digest_of(code_digest(count_days), decisive, first_day)


def event_day(event_time: pl.Series, first_day: date, arrival_day: date) -> pl.Series:
    """UTC day of each instant; the arrival day where it is null or outside [first day, arrival day + 1]."""
    day = event_time.dt.date()
    usable = day.is_between(first_day, arrival_day + timedelta(days=1)).fill_null(False)
    return day.zip_with(usable, pl.Series([arrival_day], dtype=pl.Date))
