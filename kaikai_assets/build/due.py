"""Which pending days to ask for now, and which wait or are given up: pure functions of a plan and its attempts."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from kaikai_assets.build.pending import Plan, days_of
from kaikai_assets.digests import digest_of
from kaikai_assets.ledger.targets import KILLED, Attempt, Target
from kaikai_assets.settings import Settings

LONGEST_REST_S = 3600.0
"""Most seconds between two attempts at a target that waits for a disk, a database or a lock."""


@dataclass(frozen=True)
class Request:
    """A range of days to build, both ends included. ``stamp`` is a digest of the work to do there."""

    start: date
    end: date
    stamp: str


def broken(made: Plan, attempts: Mapping[Target, Attempt], most: int) -> dict[Target, Attempt]:
    """Targets whose present digest was attempted ``most`` times without success, and not for want of a resource."""
    return {
        target: attempt
        for target, attempt in attempts.items()
        if attempt.attempts >= most and not attempt.transient and made.digests.get(target) == attempt.digest
    }


def resting(made: Plan, attempts: Mapping[Target, Attempt], now: datetime, retry_s: float) -> set[Target]:
    """Targets whose present digest failed so recently that the next attempt is not due yet."""
    return {
        target
        for target, attempt in attempts.items()
        if made.digests.get(target) == attempt.digest and rests(attempt.attempts, attempt.at, now, retry_s)
    }


def rests(attempts: int, last: datetime, now: datetime, retry_s: float) -> bool:
    """Whether an attempt at something is not due yet: the wait doubles each time, up to an hour."""
    wait = min(retry_s * 2 ** min(attempts - 1, 20), LONGEST_REST_S)
    # A last attempt in the future was made before the clock was set back.
    return timedelta(0) <= now - last < timedelta(seconds=wait)


def due(
    made: Plan,
    attempts: Mapping[Target, Attempt],
    in_flight: Sequence[tuple[date, date]],
    now: datetime,
    settings: Settings,
) -> list[Request]:
    """Ranges to ask for now, beside those in flight: today and yesterday at once, then older days, the
    oldest first, in at most ``older_runs`` ranges.

    A long backfill thus leaves room for the data that people look at, and a day that reads the two weeks before it
    (``gold/air_sensor_health``) is built once, after them.
    """
    held = broken(made, attempts, settings.attempts).keys() | resting(made, attempts, now, settings.retry_s)
    today = now.date()
    active = made.active(held | outside(made, settings.first_day, today))
    yesterday = today - timedelta(days=1)
    flying = {day for start, end in in_flight for day in days_between(start, end)}
    pending = {day for day in days_of(active) if settings.first_day <= day <= today}
    wanted = pending - flying
    alone = wanted & suspects(made, attempts, settings.attempts)
    recent = _ranges(wanted, alone, flying, settings.run_days, lambda day: day >= yesterday)
    older = _ranges(wanted, alone, flying, settings.run_days, lambda day: day < yesterday)
    free = max(0, settings.older_runs - sum(start < yesterday for start, _ in in_flight))
    asked = recent + older[:free]
    if not pending and not flying and any(not part for _, part in active):
        # Only tables without partitions are behind: any day carries them, and costs nothing where it is up to date.
        asked = [(today, today)]
    return [Request(start, end, _stamp(made, active, start, end)) for start, end in asked]


def outside(made: Plan, first: date, last: date) -> set[Target]:
    """Targets of days that are no partitions: a local day east of UTC begins before its own UTC day does, and waits."""
    return {target for target in made.digests if target[1] and not first <= date.fromisoformat(target[1]) <= last}


def suspects(made: Plan, attempts: Mapping[Target, Attempt], most: int) -> set[date]:
    """Days whose run was killed each time but the last: that one they have to themselves, so that a day that kills its
    runs takes no other along."""
    killed = {
        target
        for target, attempt in attempts.items()
        if attempt.error == KILLED and attempt.attempts >= most - 1 and made.digests.get(target) == attempt.digest
    }
    return days_of(killed)


def ranges(days: Iterable[date], most: int, apart: Collection[date] = ()) -> list[tuple[date, date]]:
    """Inclusive ranges of at most ``most`` days (0: any number) that cover some days, the oldest first.

    A range may span days that need nothing (they cost nothing), but never one of ``apart``.
    """
    found: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        fits = found and (not most or (day - found[-1][0]).days < most)
        if fits and not any(found[-1][1] < other < day for other in apart):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def _ranges(
    days: set[date], alone: set[date], flying: set[date], most: int, of: Callable[[date], bool]
) -> list[tuple[date, date]]:
    together = ranges(filter(of, days - alone), most, alone | flying)
    return together + [(day, day) for day in sorted(filter(of, alone))]


def days_between(start: date, end: date) -> list[date]:
    """Days from ``start`` to ``end``, both included."""
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


def _stamp(made: Plan, active: Iterable[Target], start: date, end: date) -> str:
    wanted = [t for t in active if not t[1] or start <= date.fromisoformat(t[1]) <= end]
    return digest_of(sorted((*target, made.digests[target]) for target in wanted))
