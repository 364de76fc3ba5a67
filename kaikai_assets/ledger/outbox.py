"""Outbox of notifications: offered in the transaction that saw the alert, sent later, each at most once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, update

from kaikai_assets.alerts.lifecycle import Action, Matter, state
from kaikai_assets.alerts.notifications import TOLD, Notice, NoticeState, notice
from kaikai_assets.ledger import schema
from kaikai_assets.ledger.alert_rows import Stored, about, as_value, of_entities, plain, states
from kaikai_assets.ledger.database import Database, aware, naive

_T = schema.notifications

_SILENCED = "silenced"


class Outbox:
    """The ledger's table of notifications."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, now: datetime, every: timedelta) -> list[Notice]:
        """Notices for one message, of one matter and kind, which are now being sent; none when nothing is due.

        Of a matter that was told less than ``every`` ago, nothing is due; escalations never wait.
        """
        due = and_(_T.c.state == "pending", _T.c.next_at <= naive(now))
        with self._database.read() as c:
            if c.execute(select(_T.c.key).where(due).limit(1)).first() is None:
                return []
        with self._database.write() as c:
            groups: dict[tuple[str, str, Matter], list[Notice]] = defaultdict(list)
            for row in c.execute(select(_T).where(due).order_by(_T.c.noted_at, _T.c.since, _T.c.key)).mappings():
                one = as_value(Notice, row)
                groups[one.domain, one.kind, one.matter].append(one)
            for (domain, kind, matter), waiting in groups.items():
                ready = _ready(c, waiting, now)
                again = _last_told(c, domain, matter) + every if kind == "raised" else now
                if ready and again > now:
                    _set(c, _keys(ready), next_at=naive(again))
                elif ready:
                    _set(c, _keys(ready), state="sending", sent_at=naive(now), attempts=_T.c.attempts + 1)
                    return [as_value(Notice, row) for row in c.execute(select(_T).where(_keys(ready))).mappings()]
        return []

    def settle(self, notices: Sequence[Notice], state: NoticeState, reason: str, next_at: datetime) -> None:
        """Note what became of notices that were being sent."""
        with self._database.write() as c:
            _set(c, and_(_keys(notices), _T.c.state == "sending"), state=state, reason=reason, next_at=naive(next_at))

    def rest(self, until: datetime) -> None:
        """Let everything that waits wait until then at least."""
        with self._database.write() as c:
            _set(c, and_(_T.c.state == "pending", _T.c.next_at < naive(until)), next_at=naive(until))

    def abandon(self, before: datetime) -> int:
        """Give up notices that were handed over before an instant and of which nobody noted the end; their number.

        The sender was killed in between. They may have been sent, so they are not sent again.
        """
        reason = "the sender was cut off; not sent again"
        with self._database.write() as c:
            cut_off = and_(_T.c.state == "sending", _T.c.sent_at < naive(before))
            return _set(c, cut_off, state="unknown", reason=reason)

    def listed(self, last: int | None = None) -> list[Notice]:
        """The notices that were noted last, in the order in which they were noted."""
        query = select(_T).order_by(_T.c.noted_at.desc(), _T.c.since.desc(), _T.c.key).limit(last)
        with self._database.read() as c:
            return [as_value(Notice, row) for row in reversed(c.execute(query).mappings().all())]


def tell(
    c: Connection,
    domain: str,
    rows: Sequence[Stored],
    actions: Mapping[Matter, Sequence[Action]],
    sources: Mapping[str, str],
    now: datetime,
) -> None:
    """Offer what is worth telling of alerts whose row changed; what was told of them grows with them."""
    raised: list[Notice] = []
    grown: list[Notice] = []
    for row in rows:
        episode = row.seen.episode
        stands = state(episode, actions.get(episode.matter, ()), now)
        if row.seen.gone or episode.severity not in TOLD:
            continue
        wanted = notice(domain, "raised", episode, stands, sources, now, news=row.news)
        (grown if stands.acknowledged else raised).append(wanted)
        grown.append(notice(domain, "escalated", episode, stands, sources, now, news=True))
    offer(c, raised, grown)


def offer(c: Connection, wanted: Sequence[Notice], grown: Sequence[Notice] = ()) -> None:
    """Put notices into the outbox. One about violations that overlap those of a row there, or that is only ``grown``,
    makes no row of its own: the row there grows."""
    there: dict[tuple[str, Matter], list[Notice]] = defaultdict(list)
    for domain in {one.domain for one in (*wanted, *grown)}:
        entities = {one.entity for one in (*wanted, *grown)}
        for row in of_entities(c, _T, domain, entities):
            one = as_value(Notice, row)
            there[one.kind, one.matter].append(one)
    new = []
    for one, makes_row in [*((one, True) for one in wanted), *((one, False) for one in grown)]:
        told = [o for o in there[one.kind, one.matter] if o.since < one.until and one.since < o.until]
        for old in told:
            span = {"since": min(old.since, one.since), "until": max(old.until, one.until)}
            text = one.text if old.state == "pending" else old.text
            _set(c, _T.c.key == old.key, text=text, **plain(span))
        if not told and makes_row:
            new.append(plain(asdict(one)))
    if new:
        c.execute(insert(_T), new)


def _ready(c: Connection, waiting: Sequence[Notice], now: datetime) -> list[Notice]:
    """Those of a matter's notices that are to be sent now; the others are held or put off."""
    alerts = states(c, waiting[0].domain, waiting[0].matter, now)
    ready = []
    for one in waiting:
        found = [s for e, s in alerts if e.opened_at < one.until and one.since < e.until]
        until = max((s.silenced_until for s in found if s.silenced_until is not None), default=None)
        active = any(s.active for s in found)
        if not found:
            _set(c, _T.c.key == one.key, state="held", reason="withdrawn before it was sent")
        elif all(s.acknowledged for s in found):
            _set(c, _T.c.key == one.key, state="held", reason="acknowledged before it was sent")
        elif (until or one.reason == _SILENCED) and not active:
            _set(c, _T.c.key == one.key, state="held", reason="cleared while silenced")
        elif until:
            _set(c, _T.c.key == one.key, next_at=naive(until), reason=_SILENCED)
        else:
            ready.append(one)
    return ready


def _last_told(c: Connection, domain: str, matter: Matter) -> datetime:
    mine = and_(about(_T, domain, matter), _T.c.kind == "raised", _T.c.state.in_(("sending", "sent", "unknown")))
    last = c.execute(select(func.max(_T.c.sent_at)).where(mine)).scalar()
    return aware(last or datetime.min)  # noqa: DTZ901 - made aware here


def _keys(notices: Iterable[Notice]) -> ColumnElement[bool]:
    return _T.c.key.in_([one.key for one in notices])


def _set(c: Connection, which: ColumnElement[bool], **values: object) -> int:
    return c.execute(update(_T).where(which).values(**values)).rowcount
