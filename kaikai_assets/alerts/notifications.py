"""What is worth telling of an alert, and how it is said. No text holds more of an entity than its id."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import polars as pl

from kaikai_assets.alerts.lifecycle import Episode, Matter, State

TOLD = frozenset({"warn", "alert", "critical"})
"""Severities that are told; others are there to be looked at."""

NoticeKind = Literal["raised", "escalated"]
NoticeState = Literal["pending", "sending", "sent", "failed", "held", "unknown"]

_LISTED = 10
"""Most alerts that one message lists."""


@dataclass(frozen=True)
class Notice:
    """A row of the outbox: something to be told about the violations of a matter in [since, until).

    ``held`` rows are not sent, for a ``reason``. ``unknown``: the sender was cut off between asking and learning the
    answer; it is not sent again. ``key`` makes a row once, whoever notes it how often.
    """

    key: str
    domain: str
    kind: NoticeKind
    rule_set: str
    rule: str
    entity: str
    since: datetime
    until: datetime
    state: NoticeState
    reason: str
    attempts: int
    next_at: datetime
    noted_at: datetime
    sent_at: datetime | None
    text: str

    @property
    def matter(self) -> Matter:
        return self.rule_set, self.rule, self.entity


def is_news(episode: Episode, now: datetime, within: timedelta) -> bool:
    """Whether an alert violated ``within`` so long before ``now``, whenever it began: alerts of a backfill did not."""
    return now - max(episode.raised_at, episode.last_violation_end) <= within


def news(now: datetime, within: timedelta) -> pl.Expr:
    """``is_news`` of rows."""
    return pl.max_horizontal("raised_at", "last_violation_end") >= pl.lit(now) - pl.lit(within)


def notice(
    domain: str,
    kind: NoticeKind,
    episode: Episode,
    state: State,
    sources: Mapping[str, str],
    now: datetime,
    held: str = "",
) -> Notice:
    """The outbox row for an alert as it stands; it is ``held`` where a reason is given. ``sources`` says where each
    rule's numbers come from."""
    identity = "|".join((domain, kind, *episode.matter, state.since.isoformat()))
    return Notice(
        key=hashlib.sha256(identity.encode()).hexdigest()[:32],
        domain=domain,
        kind=kind,
        rule_set=episode.rule_set,
        rule=episode.rule,
        entity=episode.entity,
        since=state.since,
        until=episode.until,
        state="held" if held else "pending",
        reason=held,
        attempts=0,
        next_at=now,
        noted_at=now,
        sent_at=None,
        text=line(kind, episode, state, sources),
    )


def line(kind: NoticeKind, episode: Episode, state: State, sources: Mapping[str, str]) -> str:
    """One alert in one line."""
    parts = [f"{episode.severity.upper()} {episode.rule_set}/{episode.rule}: {episode.entity}"]
    parts.append(f"since {state.since:%Y-%m-%d %H:%M:%S} UTC")
    if episode.peak is not None:
        parts.append(f"value {episode.peak:g}")
    if episode.threshold is not None:
        parts.append(f"threshold {episode.threshold:g}")
    if source := sources.get(episode.rule):
        parts.append(f"source: {source}")
    if episode.assumed:
        parts.append(f"assumed: {episode.assumed}")
    said = ", ".join(parts)
    return f"ESCALATED, nobody acknowledged it: {said}" if kind == "escalated" else said


def message(lines: Sequence[str]) -> str:
    """One message about one or more alerts of an entity and a rule."""
    shown = list(lines[:_LISTED])
    if more := len(lines) - len(shown):
        shown.append(f"and {more} more")
    return "\n".join(shown)
