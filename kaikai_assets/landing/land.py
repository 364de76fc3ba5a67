"""Inbox to raw: take settled files, learn their event days, note them once.

A plain function that a sensor and the command line call. A kill anywhere is repaired by the next call: a file leaves
the inbox only after raw and ledger hold it.
"""

import errno
import json
import os
import shutil
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile

from filelock import FileLock, Timeout

from kaikai_assets.faults import before_write
from kaikai_assets.landing import raw
from kaikai_assets.landing.choose import captured, choose_source
from kaikai_assets.landing.days import count_days, counting_digest
from kaikai_assets.landing.inbox import is_same, is_settled, printable, waiting
from kaikai_assets.landing.readers import require_sound_record
from kaikai_assets.landing.recount import recount
from kaikai_assets.landing.report import BUSY, LARGE, TIME_UP, LandingReport
from kaikai_assets.landing.sources import Source, SourceError
from kaikai_assets.landing.unpack import TooLarge, UnreadableFile, fingerprint
from kaikai_assets.ledger.database import LedgerUnavailable
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.privacy.container import SEALED
from kaikai_assets.privacy.erased import erased_days, remaining_days, sealed_files
from kaikai_assets.privacy.keys import KeyProblem
from kaikai_assets.privacy.vault import Vault
from kaikai_assets.privacy.wording import without_values
from kaikai_assets.settings import Settings, utc_now

LANDING_LOCK = "landing.lock"
"""File of the data root whose lock is held by whoever lands."""

RECOVERING = ".recovering"
"""File of raw that is there as long as the ledger may lack some of raw's files."""

_SET_BACK = timedelta(days=1)
"""A clock set back by more than this was wrong before."""


def land(
    settings: Settings,
    ledger: Ledger,
    domain: str,
    sources: Mapping[str, Source],
    *,
    tick: bool = False,
    sensitive: bool = False,
) -> LandingReport:
    """Land the settled files of a domain's inbox, oldest first; of a ``sensitive`` domain sealed, and without names.

    With ``tick`` it stops after ``tick_s`` seconds, leaves files over ``tick_bytes`` for a run, and leaves all while
    another process lands: one does at a time. A file that cannot be taken goes to ``rejected/`` and never stops the
    others. Raises ``LedgerUnavailable``, ``OSError`` where the data root cannot be written, and ``ValueError`` while
    the clock stands before the first day: each file would be refused as one of the future.
    """
    if utc_now().date() < settings.first_day:
        raise ValueError(f"the clock says {utc_now():%Y-%m-%d}, before KAIKAI_FIRST_DAY {settings.first_day}: set it")
    inbox = settings.inbox / domain
    call = _Call(settings, ledger, domain, sources, tick)
    try:
        inbox.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        # Nothing waits where there is no folder: the other domains go on.
        call.report.left.append((domain, f"{type(error).__name__}: {error.strerror}: {inbox}"))
    try:
        with FileLock(settings.data / LANDING_LOCK, timeout=0 if tick else -1):
            if sensitive:
                # Neither the ledger nor raw may know of files that another store would have to open.
                is_new = not ledger.landed.last_arrival(domain) and not any(sealed_files(settings, domain))
                call.vault = Vault.opened(settings, domain, create=is_new)
                call.vault.suppressed |= ledger.privacy.suppressed(domain)
            raw.sweep(settings.raw)
            recover(settings, ledger)
            recount(settings, ledger, domain, sources)
            call.take_all(inbox)
    except Timeout:
        call.report.left.append((domain, BUSY))
    except KeyProblem as error:
        call.report.left.append((domain, str(error)))
    return call.report


def recover(settings: Settings, ledger: Ledger) -> int:
    """Note again all files of raw in a ledger that holds none, or not yet all; the number of files noted."""
    begun = settings.raw / RECOVERING
    if ledger.landed.is_empty() or begun.exists():
        settings.raw.mkdir(parents=True, exist_ok=True)
        before_write()
        begun.touch()  # a ledger that a kill left half full is not empty
        found = list(raw.sidecars(settings.raw))
        noted = sum(map(ledger.landed.register, found))
        ledger.served.note_unknown(found)
        before_write()
        begun.unlink()
    else:
        last = raw.arriving(settings.raw)
        noted = int(last is not None and ledger.landed.register(last))
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
    vault: Vault | None = None
    report: LandingReport = field(default_factory=LandingReport)

    def _called(self, place: Path) -> str:
        """What a file of the inbox is called in reports and notes."""
        return self.vault.stand_in(place) if self.vault else printable(place)

    def _said(self, reason: str) -> str:
        return without_values(reason, self.sources.values()) if self.vault else reason

    def take_all(self, inbox: Path) -> None:
        until = time.monotonic() + self.settings.tick_s
        files, unseen = waiting(inbox)
        for path, error in unseen:
            self._leave(path.relative_to(inbox), error)
        for path in files:
            place = path.relative_to(inbox)
            if self.tick and time.monotonic() > until:
                self.report.left.append((self._called(place), TIME_UP))
                continue
            try:
                self._take(path, place, self._called(place))
            except LedgerUnavailable:
                raise  # no other file fares better
            except OSError as error:
                self._leave(place, error)

    def _leave(self, place: Path, error: OSError) -> None:
        # Of a copy that fails, the place it goes to.
        where = os.fsdecode(error.filename2 or error.filename or "")
        inbox = self.settings.inbox / self.domain
        told = where and (not Path(where).is_relative_to(inbox) if self.vault else Path(where) != inbox / place)
        elsewhere = f": {where}" if told else ""
        self.report.left.append((self._called(place), f"{type(error).__name__}: {error.strerror}{elsewhere}"))

    def _take(self, path: Path, place: Path, name: str) -> None:
        before, now = path.lstat(), utc_now()
        if not os.access(path.parent, os.W_OK | os.X_OK):
            # It would land, stay, and be told as a redelivery with each call.
            raise PermissionError(errno.EACCES, "no permission to take files out of", str(path.parent))
        if not is_settled(before, self.settings.settle_s):
            self.report.unsettled.append(name)
            return
        if self.tick and before.st_size > self.settings.tick_bytes:
            self.report.left.append((name, LARGE))
            return
        again = False
        max_bytes = self.settings.max_unpacked_bytes
        if self.tick:
            # A small file may hold a lot: a tick reads no more of a packed file than of a plain one.
            max_bytes = min(max_bytes, self.settings.tick_bytes)
        try:
            if not stat.S_ISREG(before.st_mode):
                raise UnreadableFile("not a regular file; links out of the inbox are not followed")
            source = choose_source(path, place, self.sources, max_bytes)
            sha256 = fingerprint(path)
            identity = self._identity(source, sha256, captured(source, path.name))
            again = self.ledger.landed.has(identity)
            if not again:
                # A call that was killed before the ledger knew has left the file in raw.
                landed = raw.find(self.settings.raw, self.domain, source.source, identity)
                landed = landed or self._put(path, source, identity, sha256, now, max_bytes)
                self.ledger.landed.register(landed)
                raw.arrived(self.settings.raw)
                self.report.landed.append(landed)
        except raw.ChangedMeanwhile:
            self.report.unsettled.append(name)
            return
        except KeyProblem as error:
            self.report.left.append((name, str(error)))
            return
        except (UnreadableFile, SourceError) as error:
            if not is_same(before, path.lstat()):
                self.report.unsettled.append(name)
            elif isinstance(error, TooLarge) and max_bytes < self.settings.max_unpacked_bytes:
                self.report.left.append((name, LARGE))
            elif self.vault and self.vault.keys.demo:
                # Nobody knows what it holds; under a key that everybody knows it must not be kept.
                self.report.left.append((name, f"{self._said(str(error))}; without keys no refused file is kept"))
            else:
                self._reject(path, name, self._said(str(error)), now)
            return
        if again:
            there_since = datetime.fromtimestamp(min(before.st_ctime, now.timestamp()), UTC)
            self.ledger.landed.note_redelivery(identity, name, now, there_since)
        # What was written since is landed by the next call.
        if is_same(before, path.lstat()):
            before_write()
            path.unlink()
        if again:
            self.report.redelivered.append(name)

    def _identity(self, source: Source, sha256: str, of_name: str) -> str:
        if self.vault:
            return self.vault.identity(source.source, sha256, of_name)
        return raw.identity_of(self.domain, source.source, sha256, of_name)

    def _put(self, path: Path, source: Source, identity: str, sha256: str, now: datetime, max_bytes: int) -> raw.Landed:
        first_day = self.settings.first_day
        last = self.ledger.landed.last_arrived_at()
        # While a clock is a little back, what is measured now must not be refused as of the future.
        arrived_at = last if last is not None and now < last <= now + _SET_BACK else now
        require_sound_record(path, source, max_bytes)
        days = count_days(path, source, first_day=first_day, arrived_at=arrived_at, max_bytes=max_bytes)
        landed = raw.Landed(
            domain=self.domain,
            source=source.source,
            kind=source.kind,
            identity=identity,
            sha256=sha256,
            name=raw.safe_name(path.name),
            bytes=path.stat().st_size,
            records=sum(days.values()),
            arrival_seq=0 if self.vault else self.ledger.landed.next_arrival(),
            arrived_at=arrived_at,
            counted=counting_digest(source, first_day),
            days=days,
        )
        if self.vault:
            return self._put_sealed(self.vault, path, source, landed)
        raw.put(self.settings.raw, path, landed)
        return landed

    def _put_sealed(self, vault: Vault, path: Path, source: Source, landed: raw.Landed) -> raw.Landed:
        building = self.settings.raw / raw.BUILDING
        building.mkdir(parents=True, exist_ok=True)
        before_write()
        with NamedTemporaryFile(dir=building) as file:
            container = Path(file.name)
            left_out = vault.seal(path, source, file.file, self.settings.max_unpacked_bytes)
            file.flush()
            if fingerprint(path) != landed.sha256:
                raise raw.ChangedMeanwhile
            sealed = landed.model_copy(
                update={
                    "sha256": fingerprint(container),
                    "name": f"{landed.identity[:12]}{SEALED}",
                    "bytes": container.stat().st_size,
                    "arrival_seq": self.ledger.landed.next_arrival(),
                }
            )
            if left_out:
                days = remaining_days(container, vault.opener(), source, sealed, self.settings)
                sealed = sealed.model_copy(update={"erased": erased_days(sealed.days, days)})
            raw.put(self.settings.raw, container, sealed)
        return sealed

    def _reject(self, path: Path, name: str, reason: str, now: datetime) -> None:
        if self.vault and not stat.S_ISREG(path.lstat().st_mode):
            self.report.left.append((name, reason))  # what cannot be read cannot be sealed
            return
        kept = f"{name}{SEALED}" if self.vault else raw.safe_name(path.name)
        folder = self.settings.rejected / self.domain / f"{now:%Y%m%dT%H%M%S%f}-{kept}"
        content = {"name": name, "reason": reason, "rejected_at": now.isoformat()}
        before_write()
        folder.mkdir(parents=True)
        try:
            before_write()
            (folder / "reason.json").write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
            self.ledger.landed.note_rejection(self.domain, name, reason, now)
            before_write()
            if self.vault:
                with (folder / kept).open("xb") as file:
                    self.vault.seal_bytes(path, file)
                before_write()
                path.unlink()
            else:
                shutil.move(path, folder / kept)
        except OSError:
            # A full disk, or a file that cannot be moved, must not gather a folder for each try.
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self.report.rejected.append((name, reason))
