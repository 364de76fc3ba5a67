"""Retention of raw: files expire by arrival, are removed once all their days are built, and seal those days."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from filelock import FileLock

from kaikai_assets.build.pending import days_of, plan
from kaikai_assets.build.state import File, State
from kaikai_assets.build.steps import Domain
from kaikai_assets.landing import raw
from kaikai_assets.landing.land import LANDING_LOCK
from kaikai_assets.landing.raw import Removed
from kaikai_assets.platform import Platform


@dataclass
class Retention:
    """What was removed (or would be), and the days that this seals. ``waiting`` files have expired, but one of their
    days is not built or has a file that has not expired."""

    files: list[File] = field(default_factory=list)
    bytes: int = 0
    sealed: list[date] = field(default_factory=list)
    waiting: list[File] = field(default_factory=list)


def retain(platform: Platform, domain: Domain, now: datetime, dry_run: bool) -> Retention:
    """Remove a domain's expired raw files. Without a setting for the domain nothing expires.

    Snapshots never expire: the registry is made from all of them. Raises ``ValueError`` when the setting names a domain
    that is not there.
    """
    limits = platform.settings.retain_raw_days
    if unknown := sorted(limits.keys() - platform.domains.keys()):
        raise ValueError(f"KAIKAI_RETAIN_RAW_DAYS: no domain {', '.join(map(repr, unknown))}")
    if dry_run:
        return _removable(platform, domain, now)
    # No file lands meanwhile: one that a day holds, but that its seal does not know of, would count as late.
    with keeping(platform), landing(platform):
        _remove_noted(platform, domain)
        report = _removable(platform, domain, now)
        removed = Removed(at=now, seen=platform.ledger.landed.last_given())
        # Noted all at once and first: from here on no plan asks for their days.
        platform.ledger.landed.note_removals({file.arrival_seq: removed for file in report.files})
        _remove_noted(platform, domain)
    return report


def keeping(platform: Platform) -> FileLock:
    """Held by who removes raw files or must find them all."""
    return FileLock(platform.settings.data / "keeping.lock")


def landing(platform: Platform) -> FileLock:
    """Held by who lands, or must not see raw change."""
    return FileLock(platform.settings.data / LANDING_LOCK)


def _removable(platform: Platform, domain: Domain, now: datetime) -> Retention:
    days = platform.settings.retain_raw_days.get(domain.name)
    if days is None:
        return Retention()
    runner = platform.runner(domain)
    state = runner.state()
    gone = platform.ledger.landed.removals(domain.name).keys()
    unready = days_of(plan(domain, runner.context(), state).pending)
    report = choose(state, gone, unready, now - timedelta(days=days))
    report.bytes = sum((platform.settings.raw / file.raw_file).stat().st_size for file in report.files)
    return report


def choose(state: State, gone: Collection[int], unready: Collection[date], until: datetime) -> Retention:
    """Files to remove: those that arrived ``until`` then and of which each day is sealed, or can be: it is built, and
    all its files have expired."""
    expired = {seq for seq, file in state.files.items() if file.kind == "readings" and file.arrived_at <= until}
    sealable = {
        day for day, counts in state.file_days.items() if counts.keys() <= expired and day not in unready
    } | state.sealed
    report = Retention()
    for seq in sorted(expired - set(gone)):
        fits = state.days(seq).keys() <= sealable
        (report.files if fits else report.waiting).append(state.files[seq])
    report.sealed = sorted({day for file in report.files for day in state.days(file.arrival_seq)} - state.sealed)
    return report


def _remove_noted(platform: Platform, domain: Domain) -> None:
    """Remove the files that are noted as removed, where a killed call has left them."""
    files = platform.ledger.landed.files(domain.name)
    for seq, removed in platform.ledger.landed.removals(domain.name).items():
        place = platform.settings.raw / files[seq]["raw_file"]
        if place.exists():
            landed = raw.find(platform.settings.raw, domain.name, files[seq]["source"], Path(place).parent.name)
            if landed is None:
                raise FileNotFoundError(f"{place}: has no sidecar; call kaikai doctor")
            raw.remove(platform.settings.raw, landed, removed)
