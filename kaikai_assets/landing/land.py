"""Inbox to raw: take settled files, learn their event days, note them once.

A plain function that a sensor and the command line call. A kill anywhere is repaired by the next call: a file leaves
the inbox only after raw and ledger hold it.
"""

import os
import re
import shutil
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
from filelock import FileLock

from kaikai_assets.landing import raw
from kaikai_assets.landing.readers import read_header, read_records
from kaikai_assets.landing.sources import Source, SourceError, match_header
from kaikai_assets.landing.times import to_utc
from kaikai_assets.landing.unpack import UnreadableFile, fingerprint
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.settings import Settings, utc_now

_UNFINISHED = (".tmp", ".part")


@dataclass
class LandingReport:
    """What one call did. Names are relative to the domain's inbox."""

    landed: list[raw.Landed] = field(default_factory=list)
    redelivered: list[str] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)

    @property
    def records(self) -> int:
        return sum(landed.records for landed in self.landed)

    def add(self, later: "LandingReport") -> None:
        """Add what a later call did."""
        self.landed += later.landed
        self.redelivered += later.redelivered
        self.rejected += later.rejected
        self.unsettled += later.unsettled
        self.left = later.left


def land(
    settings: Settings, ledger: Ledger, domain: str, sources: Mapping[str, Source], *, tick: bool = False
) -> LandingReport:
    """Land the settled files of a domain's inbox, oldest first.

    With ``tick`` it stops after ``tick_s`` seconds and leaves files over ``tick_bytes`` for a run. One process lands at
    a time; a file that cannot be taken goes to ``rejected/`` and never stops the others.
    """
    inbox = settings.inbox / domain
    inbox.mkdir(parents=True, exist_ok=True)
    report = LandingReport()
    with FileLock(settings.data / "landing.lock"):
        recover(settings, ledger)
        until = time.monotonic() + settings.tick_s
        for path in _waiting(inbox):
            name = str(path.relative_to(inbox))
            if tick and time.monotonic() > until:
                report.left.append((name, "the tick's time is up"))
                continue
            try:
                _take(path, name, settings, ledger, domain, sources, report, tick)
            except OSError as error:
                report.left.append((name, f"{type(error).__name__}: {error.strerror}"))
    return report


def recover(settings: Settings, ledger: Ledger) -> int:
    """Note again all files of raw in a ledger that holds none; the number of files noted."""
    if not ledger.is_empty():
        return 0
    return sum(ledger.register(landed) for landed in raw.sidecars(settings.raw))


def _waiting(inbox: Path) -> list[Path]:
    found: list[tuple[int, Path]] = []
    for folder, _folders, names in os.walk(inbox):
        for name in names:
            path = Path(folder) / name
            if not name.startswith(".") and not name.endswith(_UNFINISHED):
                found.append((path.lstat().st_mtime_ns, path))
    return [path for _, path in sorted(found)]


def _take(
    path: Path,
    name: str,
    settings: Settings,
    ledger: Ledger,
    domain: str,
    sources: Mapping[str, Source],
    report: LandingReport,
    tick: bool,
) -> None:
    before = path.lstat()
    if stat.S_ISREG(before.st_mode) and time.time() - before.st_mtime < settings.settle_s:
        report.unsettled.append(name)
        return
    if tick and before.st_size > settings.tick_bytes:
        report.left.append((name, "large: landed by the next run"))
        return
    now = utc_now()
    try:
        if not stat.S_ISREG(before.st_mode):
            raise UnreadableFile("not a regular file; links out of the inbox are not followed")
        source = choose_source(path, name, sources, settings.max_unpacked_bytes)
        sha256 = fingerprint(path)
        identity = raw.identity_of(domain, source.source, sha256, captured(source, path.name))
        if ledger.has(identity):
            ledger.note_redelivery(identity, name, now)
            report.redelivered.append(name)
            path.unlink()
            return
        landed = raw.find(settings.raw, domain, source.source, identity)
        if landed is None:
            counts = count_days(path, source, settings, now)
            after = path.lstat()
            if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                report.unsettled.append(name)
                return
            landed = raw.Landed(
                domain=domain,
                source=source.source,
                kind=source.kind,
                identity=identity,
                sha256=sha256,
                name=raw.safe_name(path.name),
                bytes=before.st_size,
                records=sum(counts.values()),
                arrival_seq=ledger.next_arrival(),
                arrived_at=now,
                days=counts,
            )
            raw.put(settings.raw, path, landed)
    except (UnreadableFile, SourceError) as error:
        _reject(path, name, str(error), settings, ledger, domain, now)
        report.rejected.append((name, str(error)))
        return
    ledger.register(landed)
    path.unlink()
    report.landed.append(landed)


def choose_source(path: Path, name: str, sources: Mapping[str, Source], max_bytes: int) -> Source:
    """The source named by the first folder of a file's place in the inbox, else the one that its header fits.

    Raises ``SourceError`` or ``UnreadableFile`` with what a person can do.
    """
    folder = Path(name).parts[0]
    if folder in sources and len(Path(name).parts) > 1:
        return sources[folder]
    problems: list[str] = []
    for form in dict.fromkeys(source.format for source in sources.values() if _may_be(path, source.format)):
        alike = {key: source for key, source in sources.items() if source.format == form}
        by_dialect = {(source.separator, source.encoding): source for source in alike.values()}
        for (separator, encoding), example in by_dialect.items():
            group = {k: s for k, s in alike.items() if (s.separator, s.encoding) == (separator, encoding)}
            try:
                return match_header(read_header(path, example, max_bytes), group)
            except (SourceError, UnreadableFile) as error:
                problems.append(str(error))
    raise SourceError("; ".join(dict.fromkeys(problems)) or f"no source reads files like {Path(name).name!r}")


_SUFFIXES = {
    "csv": {".csv", ".txt"},
    "ndjson": {".ndjson", ".jsonl"},
    "json": {".json"},
    "parquet": {".parquet"},
    "xlsx": {".xlsx"},
}


def _may_be(path: Path, form: str) -> bool:
    suffixes = [s.lower() for s in path.suffixes if s.lower() not in (".gz", ".zst")]
    return bool(suffixes) and suffixes[-1] in _SUFFIXES[form]


def captured(source: Source, name: str) -> str:
    """What a source takes from a file's name. Raises ``UnreadableFile`` when the name does not have it."""
    if source.entity.from_name is None:
        return ""
    found = re.search(source.entity.from_name, name)
    if found is None:
        raise UnreadableFile(f"name does not match {source.entity.from_name!r}")
    return found.group(1)


def count_days(path: Path, source: Source, settings: Settings, arrived_at: datetime) -> dict[date, int]:
    """Records of a file by event day; those without a usable day count for the arrival day."""
    arrival = arrived_at.astimezone(UTC).date()
    if source.time is None:
        return {arrival: read_records(path, source, settings.max_unpacked_bytes, []).height}
    frame = read_records(path, source, settings.max_unpacked_bytes, [source.time.column])
    days = event_day(to_utc(frame[source.time.column], source.time), settings.first_day, arrival)
    return {day: int(n) for day, n in sorted(days.value_counts().iter_rows())}


def event_day(event_time: pl.Series, first_day: date, arrival_day: date) -> pl.Series:
    """UTC day of each instant; the arrival day where it is null or outside [first day, arrival day + 1]."""
    day = event_time.dt.date()
    usable = day.is_between(first_day, arrival_day + timedelta(days=1)).fill_null(False)
    return day.zip_with(usable, pl.Series([arrival_day], dtype=pl.Date))


def _reject(path: Path, name: str, reason: str, settings: Settings, ledger: Ledger, domain: str, now: datetime) -> None:
    folder = settings.rejected / domain / f"{now:%Y%m%dT%H%M%S%f}-{raw.safe_name(path.name)}"
    folder.mkdir(parents=True)
    ledger.note_rejection(domain, name, reason, now)
    (folder / "reason.json").write_text(
        pl.DataFrame({"name": [name], "reason": [reason], "rejected_at": [now.isoformat()]}).write_json() + "\n",
        encoding="utf-8",
    )
    shutil.move(path, folder / raw.safe_name(path.name))
