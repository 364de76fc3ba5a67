"""State of an alert: the episode that the data gives, and what people and the platform did about it.

Episodes are derived and may move when late data comes; actions are journal. An action keeps the interval of the episode
that it was made on, and counts for whichever episode of the same rule and entity overlaps that. State is a function of
the two and of an explicit instant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import polars as pl
import polars.selectors as cs

ESCALATED = frozenset({"critical"})
"""Severities whose alerts are escalated while nobody acknowledges them."""

ESCALATION = timedelta(minutes=15)
"""Time from raising to escalation (kidjamo-audit: unacknowledged critical alerts escalate after 15 minutes)."""

_INSTANT = timedelta(microseconds=1)

Matter = tuple[str, str, str]
"""Rule set, rule and entity: episodes of one matter never overlap."""


@dataclass(frozen=True)
class Episode:
    """A row of ``gold/<domain>_alerts``. Instants are event time, UTC; ``closed_at`` is null while open."""

    alert_id: str
    rule_set: str
    rule_version: int
    rule: str
    severity: str
    entity: str
    opened_at: datetime
    raised_at: datetime
    last_violation_end: datetime
    closed_at: datetime | None
    n: int
    peak: float | None
    threshold: float | None
    assumed: str | None

    @property
    def matter(self) -> Matter:
        return self.rule_set, self.rule, self.entity

    @property
    def until(self) -> datetime:
        """End of its violations, not included. Just after the last, which may be an instant and not an interval."""
        return self.last_violation_end + _INSTANT


Kind = Literal["acknowledge", "resolve", "silence", "unsilence", "escalate"]


@dataclass(frozen=True)
class Action:
    """An entry of the journal about the violations of a matter in [since, until); ``at`` is when it was made."""

    kind: Kind
    rule_set: str
    rule: str
    entity: str
    since: datetime
    until: datetime
    at: datetime
    author: str
    reason: str
    expires_at: datetime | None = None

    @property
    def matter(self) -> Matter:
        return self.rule_set, self.rule, self.entity


@dataclass(frozen=True)
class State:
    """An alert at an instant. ``active`` (still violating, as far as data tells) and ``acknowledged`` are independent.

    ``since``: start of what is to be dealt with: the opening, or the end of the violations that a person resolved if
    others followed. ``escalation_due`` is null for what is never escalated, and once it is acknowledged or escalated.
    """

    active: bool
    acknowledged: bool
    resolved: bool
    escalated: bool
    since: datetime
    silenced_until: datetime | None
    escalation_due: datetime | None


def episodes(alerts: pl.DataFrame, entity: str) -> list[Episode]:
    """Rows of a domain's alerts, whose entity stands in the column ``entity``."""
    instants = cs.datetime().dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    named = alerts.rename({entity: "entity"}).select(list(Episode.__dataclass_fields__)).with_columns(instants)
    # Without a zone they are read many times faster.
    return [Episode(*(_utc(value) for value in row)) for row in named.iter_rows()]


def state(episode: Episode, actions: Sequence[Action], now: datetime) -> State:
    """State of an episode at an instant; ``actions`` are all of its matter.

    Resolving says that the violations so far are dealt with. It ends no violation: one that follows is a new matter,
    to be acknowledged, told and escalated anew.
    """
    resolved_until = max((a.until for a in _on(episode, episode.opened_at, actions, "resolve")), default=None)
    resolved = resolved_until is not None and resolved_until >= episode.until
    since = episode.opened_at if resolved_until is None or resolved else max(episode.opened_at, resolved_until)
    acknowledged = resolved or bool(_on(episode, since, actions, "acknowledge"))
    escalated = bool(_on(episode, since, actions, "escalate"))
    due = None
    if episode.severity in ESCALATED and not acknowledged and not escalated:
        due = max(episode.raised_at, since) + ESCALATION
    return State(
        active=episode.closed_at is None,
        acknowledged=acknowledged,
        resolved=resolved,
        escalated=escalated,
        since=since,
        silenced_until=_silenced(episode, actions, now),
        escalation_due=due,
    )


def _on(episode: Episode, since: datetime, actions: Sequence[Action], kind: Kind) -> list[Action]:
    return [a for a in actions if a.kind == kind and a.since < episode.until and since < a.until]


def _silenced(episode: Episode, actions: Sequence[Action], now: datetime) -> datetime | None:
    # A silence is about a rule and an entity: late data that moves an episode must not end it.
    made = [a for a in actions if a.kind in ("silence", "unsilence") and a.at <= now]
    last = max(made, key=lambda a: a.at, default=None)
    if last is None or last.expires_at is None or last.expires_at <= now or episode.severity == "critical":
        return None
    return last.expires_at


def _utc(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
