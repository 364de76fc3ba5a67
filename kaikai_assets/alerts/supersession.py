"""What became of the alerts that were seen before, now that the data gives these episodes."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from kaikai_assets.alerts.lifecycle import Action, Episode, Matter, state


@dataclass(frozen=True)
class Seen:
    """An episode as it last stood. ``gone``: the data gives it no more; the one that overlaps it is ``superseded_by``,
    null where there is none."""

    episode: Episode
    gone: bool = False
    superseded_by: str | None = None


@dataclass(frozen=True)
class Change:
    """A row of the status log: what happened to an alert, and the event time of that."""

    alert_id: str
    change: str
    at: datetime
    superseded_by: str | None = None


def compare(
    seen: Mapping[str, Seen],
    episodes: Collection[Episode],
    actions: Mapping[Matter, Sequence[Action]],
    missing: AbstractSet[date],
    now: datetime,
) -> tuple[list[Seen], list[Change]]:
    """Alerts whose row changes, and the changes.

    ``episodes`` are all that the data gives. An alert that was seen and is not among them is gone, unless one of its
    days is ``missing``: while a lake is made anew nobody knows.
    """
    present = {e.alert_id: e for e in episodes}
    of_matter: dict[Matter, list[Episode]] = defaultdict(list)
    for episode in sorted(episodes, key=lambda e: e.opened_at):
        of_matter[episode.matter].append(episode)
    # Of one matter they do not overlap: their ends are sorted too.
    ends = {matter: [episode.until for episode in found] for matter, found in of_matter.items()}
    rows: list[Seen] = []
    changes: list[Change] = []
    for episode in episodes:
        before = seen.get(episode.alert_id)
        if before != (after := Seen(episode)):
            rows.append(after)
            changes += _of_present(before, episode, actions.get(episode.matter, ()), now)
    for alert_id, before in seen.items():
        old = before.episode
        if alert_id in present or not missing.isdisjoint(_days(old)):
            continue
        # The first that ends after it began.
        later = of_matter[old.matter][bisect_right(ends.get(old.matter, []), old.opened_at) :][:1]
        successor = next((e.alert_id for e in later if e.opened_at < old.until), None)
        after = Seen(old, gone=True, superseded_by=successor)
        if after != before:
            rows.append(after)
            changes.append(Change(alert_id, "superseded" if successor else "withdrawn", old.opened_at, successor))
    return rows, sorted(changes, key=lambda c: (c.at, c.alert_id, c.change))


def _of_present(before: Seen | None, new: Episode, actions: Sequence[Action], now: datetime) -> list[Change]:
    found = []
    if before is None or before.gone:
        found.append(Change(new.alert_id, "restored" if before else "opened", new.opened_at))
    old = before.episode if before else None
    closed = old.closed_at if old else None
    if new.closed_at is not None and new.closed_at != closed:
        found.append(Change(new.alert_id, "cleared", new.closed_at))
    if old is not None and closed is not None and new.closed_at is None:
        found.append(Change(new.alert_id, "reopened", closed))
    if old is not None and state(old, actions, now).resolved and not (after := state(new, actions, now)).resolved:
        found.append(Change(new.alert_id, "violated_again", after.since))
    return found


def _days(episode: Episode) -> set[date]:
    first, last = episode.opened_at.date(), episode.last_violation_end.date()
    return {first + timedelta(days=n) for n in range((last - first).days + 1)}
