"""Inbox to raw: take settled files, learn their event days, note them once.

A plain function that a sensor and the command line call. A kill anywhere is repaired by the next call: a file leaves
the inbox only after raw and ledger hold it.
"""

import json
import os
import shutil
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from kaikai_assets.landing import raw
from kaikai_assets.landing.choose import captured, choose_source
from kaikai_assets.landing.days import count_days, counting_digest
from kaikai_assets.landing.recount import recount
from kaikai_assets.landing.sources import Source, SourceError
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

    With ``tick`` it stops after ``tick_s`` seconds, leaves files over ``tick_bytes`` for a run, and leaves all while
    another process lands: one does at a time. A file that cannot be taken goes to ``rejected/`` and never stops the
    others.
    """
    inbox = settings.inbox / domain
    inbox.mkdir(parents=True, exist_ok=True)
    call = _Call(settings, ledger, domain, sources, tick)
    try:
        with FileLock(settings.data / "landing.lock", timeout=0 if tick else -1):
            raw.sweep(settings.raw)
            recover(settings, ledger)
            recount(settings, ledger, domain, sources)
            call.take_all(inbox)
    except Timeout:
        call.report.left.append((domain, "another process is landing"))
    return call.report


def recover(settings: Settings, ledger: Ledger) -> int:
    """Note again all files of raw in a ledger that holds none, or not yet all; the number of files noted."""
    begun = settings.raw / ".recovering"
    if ledger.is_empty() or begun.exists():
        settings.raw.mkdir(parents=True, exist_ok=True)
        begun.touch()  # a ledger that a kill left half full is not empty
        noted = sum(ledger.register(landed) for landed in raw.sidecars(settings.raw))
        begun.unlink()
    else:
        last = raw.arriving(settings.raw)
        noted = int(last is not None and ledger.register(last))
    raw.arrived(settings.raw)
    return noted


@dataclass
class _Call:
    """One call of ``land``."""

    settings: Settings
    ledger: Ledger
    domain: str
    sources: Mapping[str, Source]
    tick: bool
    report: LandingReport = field(default_factory=LandingReport)

    def take_all(self, inbox: Path) -> None:
        until = time.monotonic() + self.settings.tick_s
        for path in _waiting(inbox):
            # A name need not be UTF-8, but what is noted of it must.
            name = os.fsencode(path.relative_to(inbox)).decode(errors="backslashreplace")
            if self.tick and time.monotonic() > until:
                self.report.left.append((name, "the tick's time is up"))
                continue
            try:
                self._take(path, path.relative_to(inbox), name)
            except OSError as error:
                self.report.left.append((name, f"{type(error).__name__}: {error.strerror}"))

    def _take(self, path: Path, place: Path, name: str) -> None:
        before, now = path.lstat(), utc_now()
        if not _is_settled(before, self.settings.settle_s):
            self.report.unsettled.append(name)
            return
        if self.tick and before.st_size > self.settings.tick_bytes:
            self.report.left.append((name, "large: landed by the next run"))
            return
        try:
            if not stat.S_ISREG(before.st_mode):
                raise UnreadableFile("not a regular file; links out of the inbox are not followed")
            source = choose_source(path, place, self.sources, self.settings.max_unpacked_bytes)
            sha256 = fingerprint(path)
            identity = raw.identity_of(self.domain, source.source, sha256, captured(source, path.name))
            if self.ledger.has(identity):
                self.ledger.note_redelivery(identity, name, now)
                self.report.redelivered.append(name)
            else:
                # A call that was killed before the ledger knew has left the file in raw.
                landed = raw.find(self.settings.raw, self.domain, source.source, identity)
                landed = landed or self._put(path, source, identity, sha256, now)
                self.ledger.register(landed)
                raw.arrived(self.settings.raw)
                self.report.landed.append(landed)
        except raw.ChangedMeanwhile:
            self.report.unsettled.append(name)
            return
        except (UnreadableFile, SourceError) as error:
            if _same(before, path.lstat()):
                self._reject(path, name, str(error), now)
            else:
                self.report.unsettled.append(name)
            return
        # What was written since is landed by the next call.
        if _same(before, path.lstat()):
            path.unlink()

    def _put(self, path: Path, source: Source, identity: str, sha256: str, now: datetime) -> raw.Landed:
        first_day, max_bytes = self.settings.first_day, self.settings.max_unpacked_bytes
        days = count_days(path, source, first_day=first_day, arrived_at=now, max_bytes=max_bytes)
        landed = raw.Landed(
            domain=self.domain,
            source=source.source,
            kind=source.kind,
            identity=identity,
            sha256=sha256,
            name=raw.safe_name(path.name),
            bytes=path.stat().st_size,
            records=sum(days.values()),
            arrival_seq=self.ledger.next_arrival(),
            arrived_at=now,
            counted=counting_digest(source, first_day),
            days=days,
        )
        raw.put(self.settings.raw, path, landed)
        return landed

    def _reject(self, path: Path, name: str, reason: str, now: datetime) -> None:
        folder = self.settings.rejected / self.domain / f"{now:%Y%m%dT%H%M%S%f}-{raw.safe_name(path.name)}"
        folder.mkdir(parents=True)
        self.ledger.note_rejection(self.domain, name, reason, now)
        content = {"name": name, "reason": reason, "rejected_at": now.isoformat()}
        (folder / "reason.json").write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
        shutil.move(path, folder / raw.safe_name(path.name))
        self.report.rejected.append((name, reason))


def _waiting(inbox: Path) -> list[Path]:
    """Finished files of the inbox, and links to folders, oldest first."""
    found: list[tuple[int, Path]] = []
    for folder, folders, names in os.walk(inbox):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in [*names, *folders]:
            path = Path(folder, name)
            if not name.startswith(".") and not name.lower().endswith(_UNFINISHED):
                try:
                    status = path.lstat()
                except FileNotFoundError:
                    continue
                if not stat.S_ISDIR(status.st_mode):
                    found.append((status.st_mtime_ns, path))
    return [path for _, path in sorted(found)]


def _is_settled(status: os.stat_result, settle_s: float) -> bool:
    # A clock that ran ahead where the file was made must not keep it waiting for years.
    last = status.st_mtime if status.st_mtime <= time.time() else status.st_ctime
    return time.time() - last >= settle_s or not stat.S_ISREG(status.st_mode)


def _same(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
