"""Outbox of notifications: offered in the transaction that saw the alert, sent later, each at most once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from kaikai_assets.alerts.lifecycle import Action, Episode, Matter, state
from kaikai_assets.alerts.notifications import Notice, NoticeState, is_news, notice
from kaikai_assets.ledger import schema
from kaikai_assets.ledger.alert_rows import about, as_value, of_entities, plain, states
from kaikai_assets.ledger.database import Database, aware, naive

_T = schema.notifications

OUTBOX = _T.name

_OLD = "old: violated or raised long before it became known, or before the ledger was made anew"
_SILENCED = "silenced"
_CLEARED = "cleared while silenced"
_RESTING = "HTTP 429"
"""Reason of a notice whose ``next_at`` holds for all: the server asked to wait."""

_LONGEST = timedelta(hours=2)
"""Nothing is put off for longer at a time: an instant further ahead is from before the clock was set back."""


class Outbox:
    """The ledger's table of notifications."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, now: datetime, every: timedelta, within: timedelta) -> list[Notice]:
        """Notices for one message, of one matter and kind, which are now being sent; none when nothing is due.

        Of a matter that was told less than ``every`` ago, nothing is due; escalations never wait. What is no longer
        news ``within`` so long is held. Nothing is due while a server that asked to wait is waited for.
        """
        pending, furthest = _T.c.state == "pending", naive(now + max(every, _LONGEST))
        due = and_(pending, or_(_T.c.next_at <= naive(now), _T.c.next_at > furthest))
        rests = and_(pending, _T.c.reason == _RESTING, _T.c.next_at > naive(now), _T.c.next_at <= furthest)
        with self._database.read() as c:
            if not _any(c, due):
                return []
        with self._database.write() as c:
            if _any(c, rests):
                return []
            _set_back(c, now)
            groups: dict[tuple[str, str, Matter], list[Notice]] = defaultdict(list)
            for row in c.execute(select(_T).where(due).order_by(_T.c.noted_at, _T.c.since, _T.c.key)).mappings():
                one = as_value(Notice, row)
                groups[one.domain, one.kind, one.matter].append(one)
            for (domain, kind, matter), waiting in groups.items():
                ready = _ready(c, waiting, now, within)
                again = _last_told(c, domain, matter) + every if kind == "raised" else now
                if ready and again > now:
                    _set(c, _keys(ready), next_at=naive(again), reason="")
                elif ready:
                    _set(c, _keys(ready), state="sending", sent_at=naive(now), attempts=_T.c.attempts + 1)
                    return [as_value(Notice, row) for row in c.execute(select(_T).where(_keys(ready))).mappings()]
        return []

    def settle(self, notices: Sequence[Notice], state: NoticeState, reason: str, next_at: datetime) -> None:
        """Note what became of notices that were being sent."""
        with self._database.write() as c:
            _set(c, and_(_keys(notices), _T.c.state == "sending"), state=state, reason=reason, next_at=naive(next_at))

    def rest(self, notices: Sequence[Notice], until: datetime) -> None:
        """Note that notices that were being sent were refused because everything is to wait until an instant. That does
        not count as an attempt."""
        with self._database.write() as c:
            refused = and_(_keys(notices), _T.c.state == "sending")
            attempts = _T.c.attempts - 1
            _set(c, refused, state="pending", reason=_RESTING, next_at=naive(until), attempts=attempts)

    def abandon(self, now: datetime, after: timedelta) -> int:
        """Give up notices that were handed over longer ago than ``after`` and of which nobody noted the end; their
        number.

        The sender was killed in between. They may have been sent, so they are not sent again.
        """
        reason = "the sender was cut off; not sent again"
        with self._database.write() as c:
            _set_back(c, now)
            cut_off = and_(_T.c.state == "sending", _T.c.sent_at < naive(now - after))
            return _set(c, cut_off, state="unknown", reason=reason)

    def listed(self, last: int | None = None) -> list[Notice]:
        """The notices that were noted last, in the order in which they were noted."""
        query = select(_T).order_by(_T.c.noted_at.desc(), _T.c.since.desc(), _T.c.key).limit(last)
        with self._database.read() as c:
            return [as_value(Notice, row) for row in reversed(c.execute(query).mappings().all())]


def tell(
    c: Connection,
    domain: str,
    rows: Iterable[tuple[Episode, bool]],
    actions: Mapping[Matter, Sequence[Action]],
    sources: Mapping[str, str],
    now: datetime,
) -> None:
    """Offer what is worth telling of alerts whose row changed, and whether they are news; what was told of them grows
    with them."""
    raised: list[Notice] = []
    grown: list[Notice] = []
    for episode, is_new in rows:
        stands = state(episode, actions.get(episode.matter, ()), now)
        held = "acknowledged" if stands.acknowledged else "" if is_new else _OLD
        wanted = notice(domain, "raised", episode, stands, sources, now, held)
        (grown if stands.acknowledged else raised).append(wanted)
        grown.append(notice(domain, "escalated", episode, stands, sources, now, held))
    offer(c, raised, grown)


def offer(c: Connection, wanted: Sequence[Notice], grown: Sequence[Notice] = ()) -> None:
    """Put notices into the outbox. One about violations that overlap those of a row there, or that is only ``grown``,
    makes no row of its own: the row there grows. One that was held waits again, unless what is wanted is held too:
    whether it is to be sent is judged when it is claimed."""
    there: dict[tuple[str, Matter], list[Notice]] = defaultdict(list)
    for domain in {one.domain for one in (*wanted, *grown)}:
        mine = [one for one in (*wanted, *grown) if one.domain == domain]
        since, until = naive(min(one.since for one in mine)), naive(max(one.until for one in mine))
        around = and_(_T.c.since < until, _T.c.until > since)
        for row in of_entities(c, _T, domain, {one.entity for one in mine}, around):
            one = as_value(Notice, row)
            there[one.kind, one.matter].append(one)
    new = []
    for one, makes_row in [*((one, True) for one in wanted), *((one, False) for one in grown)]:
        told = [o for o in there[one.kind, one.matter] if o.since < one.until and one.since < o.until]
        for old in told:
            values: dict[str, object] = {"since": min(old.since, one.since), "until": max(old.until, one.until)}
            again = old.state == "held" and one.state == "pending"
            if again:
                reason = _SILENCED if old.reason == _CLEARED else ""
                values |= {"state": "pending", "reason": reason, "next_at": one.next_at}
            if again or old.state == "pending":
                values["text"] = one.text
            _set(c, _T.c.key == old.key, **plain(values))
        if not told and makes_row:
            new.append(plain(vars(one)))
    if new:
        c.execute(insert(_T), new)


def of_backup(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the outbox in a backup. What waited then may have been sent since, so it is not sent again."""
    reason = "restored from a backup, may have been sent since; not sent again"
    lost = {"state": "unknown", "reason": reason}
    return [{**row, **lost} if row["state"] in ("pending", "sending") else {**row} for row in rows]


def _ready(c: Connection, waiting: Sequence[Notice], now: datetime, within: timedelta) -> list[Notice]:
    """Those of a matter's notices that are to be sent now; the others are held or put off."""
    alerts = states(c, waiting[0].domain, waiting[0].matter, now)
    ready = []
    for one in waiting:
        about_it = [(e, s) for e, s in alerts if e.opened_at < one.until and one.since < e.until]
        found = [s for _, s in about_it]
        until = max((s.silenced_until for s in found if s.silenced_until is not None), default=None)
        active = any(s.active for s in found)
        if not found:
            _set(c, _T.c.key == one.key, state="held", reason="withdrawn before it was sent")
        elif all(s.acknowledged for s in found):
            _set(c, _T.c.key == one.key, state="held", reason="acknowledged before it was sent")
        elif (until or one.reason == _SILENCED) and not active:
            _set(c, _T.c.key == one.key, state="held", reason=_CLEARED)
        elif not any(is_news(e, now, within) for e, _ in about_it):
            _set(c, _T.c.key == one.key, state="held", reason="old: could not be sent in time")
        elif until:
            _set(c, _T.c.key == one.key, next_at=naive(min(until, now + _LONGEST)), reason=_SILENCED)
        else:
            ready.append(one)
    return ready


def _last_told(c: Connection, domain: str, matter: Matter) -> datetime:
    mine = and_(about(_T, domain, matter), _T.c.kind == "raised", _T.c.state.in_(("sending", "sent", "unknown")))
    last = c.execute(select(func.max(_T.c.sent_at)).where(mine)).scalar()
    return aware(last or datetime.min)  # noqa: DTZ901 - made aware here


def _set_back(c: Connection, now: datetime) -> None:
    """Have nothing be sent in the future, as it was before the clock was set back."""
    _set(c, _T.c.sent_at > naive(now), sent_at=naive(now))


def _any(c: Connection, which: ColumnElement[bool]) -> bool:
    return c.execute(select(_T.c.key).where(which).limit(1)).first() is not None


def _keys(notices: Iterable[Notice]) -> ColumnElement[bool]:
    return _T.c.key.in_([one.key for one in notices])


def _set(c: Connection, which: ColumnElement[bool], **values: object) -> int:
    return c.execute(update(_T).where(which).values(**values)).rowcount
