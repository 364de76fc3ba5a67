"""Journal of alerts: those that were seen, what was done about them, and the log of their changes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import Connection, and_, bindparam, func, insert, or_, select, update

from kaikai_assets.alerts.lifecycle import ESCALATED, Action, Kind, State, as_episodes, state, with_states
from kaikai_assets.alerts.notifications import TOLD, news, notice
from kaikai_assets.alerts.supersession import SEEN, Seen, compare
from kaikai_assets.ledger import frames, schema
from kaikai_assets.ledger.alert_rows import (
    Stored,
    about,
    actions,
    actions_on,
    as_stored,
    as_value,
    plain,
    stored,
)
from kaikai_assets.ledger.database import Database, aware, naive
from kaikai_assets.ledger.outbox import offer, tell

_SEEN = schema.alerts_seen

_LOOKED_BACK = timedelta(days=7)
"""Closed alerts are escalated this long after they were first seen: later only if nothing ran for so long."""

_CHANGE = {"acknowledge": "acknowledged", "resolve": "resolved", "silence": "silenced", "unsilence": "unsilenced"}


class AlertError(ValueError):
    """An action on an alert that cannot be made; the message says why."""


@dataclass(frozen=True)
class Known:
    """An alert as it was last seen, with its state at an instant."""

    domain: str
    seen: Seen
    state: State
    first_seen_at: datetime


@dataclass(frozen=True)
class Entry:
    """A row of the status log. ``effective_at`` is event time for what data changed."""

    alert_id: str
    change: str
    effective_at: datetime
    noted_at: datetime
    author: str = ""
    reason: str = ""
    expires_at: datetime | None = None
    superseded_by: str | None = None


@dataclass(frozen=True)
class Acted:
    """The alert that an action was made on: the successor, where the one that was named is superseded. ``changed`` is
    false when it was so already."""

    kind: Kind
    domain: str
    alert_id: str
    superseded: bool
    changed: bool

    def __str__(self) -> str:
        said = f"{self.domain} {self.alert_id}: {self.kind}" + ("" if self.changed else ": it was so already")
        return said + (" (in the place of the alert that was named, which it supersedes)" if self.superseded else "")


class Alerts:
    """The ledger's tables of alerts. What changes them is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(
        self,
        domain: str,
        episodes: pl.DataFrame,
        missing: Collection[date],
        sources: Mapping[str, str],
        now: datetime,
        within: timedelta,
    ) -> int:
        """Compare all alerts of a domain (``EPISODE``) with those seen before; the number of changes, which are logged.

        Days are ``missing`` when they are still to be built for the first time. What violated ``within`` so long
        before ``now`` is told; ``sources`` says where each rule's numbers come from.
        """
        with self._database.write() as c:
            made = actions(c, domain)
            known = frames.read(c, select(*(_SEEN.c[name] for name in (*SEEN, "news"))).where(_SEEN.c.domain == domain))
            rows, changes = compare(known.select(list(SEEN)), episodes, made, frozenset(missing), now)
            before = known.select("alert_id", was_news="news")
            timely = news(now, within) & (pl.max_horizontal("raised_at", "since") > pl.lit(_lost(c, domain)))
            changed = (
                with_states(rows, made, now)
                .join(before, on="alert_id", how="left", maintain_order="left")
                .with_columns(news=timely | pl.col("was_news").fill_null(False))
            )
            _put(c, domain, changed, now)
            logged = changes.rename({"at": "effective_at"}).with_columns(noted_at=pl.lit(now))
            same = {"domain": domain, "author": "", "reason": "", "published": False}
            frames.add(
                c, schema.alert_status_log, logged.with_columns(pl.lit(v).alias(name) for name, v in same.items())
            )
            told = changed.filter(~pl.col("gone"), pl.col("severity").is_in(TOLD))
            tell(c, domain, zip(as_episodes(told), told["news"], strict=True), made, sources, now)
            return changes.height

    def act(
        self,
        kind: Kind,
        alert_id: str,
        author: str,
        now: datetime,
        *,
        reason: str = "",
        expires_at: datetime | None = None,
    ) -> Acted:
        """Acknowledge, resolve, silence until ``expires_at``, or unsilence an alert, named by its id or its beginning.

        Raises ``AlertError``.
        """
        if not author:
            raise AlertError(f"{kind}: an author is needed")
        if kind in ("resolve", "silence") and not reason:
            raise AlertError(f"{kind}: a reason is needed")
        if kind == "silence" and (expires_at is None or expires_at <= now):
            raise AlertError("silence: its end is needed, and must be in the future")
        with self._database.write() as c:
            named = _named(c, alert_id)
            row = _successor(c, named)
            episode = row.seen.episode
            stands = state(episode, actions_on(c, row.domain, episode.matter), now)
            if kind == "silence" and episode.severity == "critical":
                raise AlertError(f"{episode.alert_id}: a critical alert cannot be silenced; acknowledge it")
            if kind == "unsilence" and stands.silenced_until is None:
                raise AlertError(f"{episode.alert_id}: is not silenced")
            if (kind == "acknowledge" and stands.acknowledged) or (kind == "resolve" and stands.resolved):
                return Acted(kind, row.domain, episode.alert_id, row != named, changed=False)
            end = expires_at if kind == "silence" else None
            made = Action(kind, *episode.matter, episode.opened_at, episode.until, now, author, reason, end)
            _journal(c, row.domain, made)
            _log(c, row.domain, [Entry(episode.alert_id, _CHANGE[kind], now, now, author, reason, end)])
            return Acted(kind, row.domain, episode.alert_id, row != named, changed=True)

    def escalate(self, domain: str, sources: Mapping[str, str], now: datetime) -> int:
        """Escalate the alerts for which it is due; their number."""
        with self._database.read() as c:
            if not _due(c, domain, now):
                return 0
        with self._database.write() as c:
            due = _due(c, domain, now)
            for row, stands, at in due:
                episode, reason = row.seen.episode, "nobody acknowledged it"
                span = (episode.opened_at, episode.until)
                _journal(c, domain, Action("escalate", *episode.matter, *span, now, "", reason))
                _log(c, domain, [Entry(episode.alert_id, "escalated", at, now, reason=reason)])
                offer(c, [notice(domain, "escalated", episode, stands, sources, now)])
            return len(due)

    def find(self, alert_id: str, now: datetime) -> Known:
        """An alert by its id or its beginning. Raises ``AlertError``."""
        with self._database.read() as c:
            row = _named(c, alert_id)
            return _known(row, actions_on(c, row.domain, row.seen.episode.matter), now)

    def known(self, domain: str, now: datetime) -> list[Known]:
        """All alerts of a domain that were ever seen, the latest first."""
        with self._database.read() as c:
            made, rows = actions(c, domain), stored(c, domain).values()
        found = [_known(row, made.get(row.seen.episode.matter, ()), now) for row in rows]
        return sorted(found, key=lambda k: (k.seen.episode.opened_at, k.seen.episode.alert_id), reverse=True)

    def log(self, alert_id: str | None = None, last: int | None = None) -> list[Entry]:
        """Rows of the status log, of one alert or all, in the order in which they were noted; the ``last`` ones."""
        t = schema.alert_status_log
        query = select(t).order_by(t.c.id.desc()).limit(last)
        if alert_id is not None:
            query = query.where(t.c.alert_id == alert_id)
        with self._database.read() as c:
            return [as_value(Entry, row) for row in reversed(c.execute(query).mappings().all())]


def _lost(c: Connection, domain: str) -> datetime:
    """The last arrival that a lost ledger knew of, where this one was made anew from raw: what was raised until then
    may have been told."""
    file, served = schema.files.c, schema.served.c
    unknown = and_(file.domain == domain, served.served_at.is_(None))
    query = select(func.max(file.arrived_at)).join(schema.served, served.arrival_seq == file.arrival_seq)
    return aware(c.execute(query.where(unknown)).scalar() or datetime.min)  # noqa: DTZ901 - made aware here


def _named(c: Connection, alert_id: str) -> Stored:
    rows = (
        c.execute(select(_SEEN).where(_SEEN.c.alert_id.startswith(alert_id, autoescape=True)).limit(2)).mappings().all()
    )
    if not alert_id or not rows:
        raise AlertError(f"no alert {alert_id!r}")
    if len(rows) > 1:
        raise AlertError(f"several alerts begin with {alert_id!r}")
    return as_stored(rows[0])


def _successor(c: Connection, row: Stored) -> Stored:
    if not row.seen.gone:
        return row
    if row.seen.superseded_by is None:
        raise AlertError(f"{row.seen.episode.alert_id}: was withdrawn, the data gives no such alert any more")
    # One step is enough: successors are noted anew whenever the alerts of their matter change.
    return _named(c, row.seen.superseded_by)


def _due(c: Connection, domain: str, now: datetime) -> list[tuple[Stored, State, datetime]]:
    recent = or_(_SEEN.c.closed_at.is_(None), _SEEN.c.first_seen_at >= naive(now - _LOOKED_BACK))
    mine = and_(
        _SEEN.c.domain == domain,
        _SEEN.c.severity.in_(ESCALATED),
        _SEEN.c.gone.is_(False),
        _SEEN.c.news.is_(True),
        recent,
    )
    rows = [
        as_stored(row)
        for row in c.execute(select(_SEEN).where(mine).order_by(_SEEN.c.raised_at, _SEEN.c.alert_id)).mappings()
    ]
    made = actions(c, domain, {row.seen.episode.entity for row in rows})
    states = ((row, state(row.seen.episode, made.get(row.seen.episode.matter, ()), now)) for row in rows)
    return [(row, found, due) for row, found in states if (due := found.escalation_due) is not None and due <= now]


def _put(c: Connection, domain: str, rows: pl.DataFrame, now: datetime) -> None:
    """Write rows (``SEEN``, ``news``); those that are known have a value in ``was_news``."""
    new = rows.filter(pl.col("was_news").is_null()).with_columns(domain=pl.lit(domain), first_seen_at=pl.lit(now))
    frames.add(c, _SEEN, new.with_columns(revision=pl.lit(1), published=pl.lit(0)))
    columns = [name for name in (*SEEN, "news") if name != "alert_id"]
    old = rows.drop_nulls("was_news").select(pl.col("alert_id").alias("_id"), *columns)
    if old.height:
        values: dict[str, Any] = {name: bindparam(name) for name in columns}
        mine = update(_SEEN).where(_SEEN.c.alert_id == bindparam("_id"))
        c.execute(mine.values(**values, revision=_SEEN.c.revision + 1), frames.naive(old).to_dicts())


def _log(c: Connection, domain: str, entries: Iterable[Entry]) -> None:
    if rows := [{"domain": domain, "published": False, **plain(vars(entry))} for entry in entries]:
        c.execute(insert(schema.alert_status_log), rows)


def _journal(c: Connection, domain: str, action: Action) -> None:
    c.execute(insert(schema.alert_actions), {"domain": domain, **plain(vars(action))})
    # Whatever overlaps it stands otherwise now, those that are gone as well.
    touched = and_(_SEEN.c.opened_at <= naive(action.until), _SEEN.c.last_violation_end >= naive(action.since))
    c.execute(update(_SEEN).where(about(_SEEN, domain, action.matter), touched).values(revision=_SEEN.c.revision + 1))


def _known(row: Stored, made: Sequence[Action], now: datetime) -> Known:
    return Known(row.domain, row.seen, state(row.seen.episode, made, now), row.first_seen_at)
