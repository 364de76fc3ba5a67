"""State of an alert: the episode that the data gives, and what people and the platform did about it.

Episodes are derived and may move when late data comes; actions are journal. An action keeps the interval of the episode
that it was made on, and counts for whichever episode of the same rule and entity overlaps that. State is a function of
the two and of an explicit instant.
"""

from collections.abc import Collection, Mapping, Sequence
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

MATTER = ("rule_set", "rule", "entity")
"""Columns that are a ``Matter``."""


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


EPISODE: dict[str, pl.DataType] = {
    "alert_id": pl.String(),
    "rule_set": pl.String(),
    "rule_version": pl.Int64(),
    "rule": pl.String(),
    "severity": pl.String(),
    "entity": pl.String(),
    "opened_at": pl.Datetime("us", "UTC"),
    "raised_at": pl.Datetime("us", "UTC"),
    "last_violation_end": pl.Datetime("us", "UTC"),
    "closed_at": pl.Datetime("us", "UTC"),
    "n": pl.Int64(),
    "peak": pl.Float64(),
    "threshold": pl.Float64(),
    "assumed": pl.String(),
}
"""Columns of episodes as rows of a frame: the fields of ``Episode``."""

UNTIL = pl.col("last_violation_end") + pl.lit(_INSTANT)
"""``Episode.until`` of a row."""


def episodes(alerts: pl.DataFrame, entity: str) -> pl.DataFrame:
    """Rows of a domain's alerts, whose entity stands in the column ``entity``, as ``EPISODE``."""
    return alerts.rename({entity: "entity"}).select(pl.col(name).cast(kind) for name, kind in EPISODE.items())


def as_episodes(rows: pl.DataFrame) -> list[Episode]:
    """Rows with the columns of ``EPISODE`` as values."""
    # Without a zone they are read many times faster.
    named = rows.select(list(EPISODE)).with_columns(cs.datetime().dt.replace_time_zone(None))
    return [Episode(*(_utc(value) for value in row)) for row in named.iter_rows()]


def of_matters(rows: pl.DataFrame, matters: Collection[Matter]) -> pl.DataFrame:
    """Those rows that are of some matters."""
    wanted = pl.DataFrame(list(matters), schema=dict.fromkeys(MATTER, pl.String), orient="row")
    return rows.join(wanted, on=list(MATTER), how="semi")


def with_states(rows: pl.DataFrame, actions: Mapping[Matter, Sequence[Action]], now: datetime) -> pl.DataFrame:
    """Rows with the columns of ``EPISODE`` and beside them ``since, acknowledged, resolved, escalated`` of their
    states at an instant."""
    # Where nobody did anything, nothing is to be computed: almost everywhere.
    acted = as_episodes(of_matters(rows, actions.keys()))
    stands = ((one.alert_id, state(one, actions[one.matter], now)) for one in acted)
    done = dict.fromkeys(("acknowledged", "resolved", "escalated"), pl.Boolean())
    found = pl.DataFrame(
        [(alert_id, s.since, s.acknowledged, s.resolved, s.escalated) for alert_id, s in stands],
        schema={"alert_id": pl.String(), "since": EPISODE["opened_at"], **done},
        orient="row",
    )
    return rows.join(found, on="alert_id", how="left", maintain_order="left").with_columns(
        pl.col("since").fill_null(pl.col("opened_at")), pl.col(*done).fill_null(False)
    )


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
