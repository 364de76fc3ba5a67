"""The journal of alerts as two tables of days: the status log, and each alert as it last stood."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    false,
    func,
    select,
    update,
)

from kaikai_assets.alerts.lifecycle import with_states
from kaikai_assets.ledger import frames, schema
from kaikai_assets.ledger.alert_rows import actions
from kaikai_assets.ledger.database import Database

_SEEN, _LOG = schema.alerts_seen, schema.alert_status_log


@dataclass(frozen=True)
class Due:
    """Rows, whole days of them, that the warehouse should hold and may not. ``marks`` say which versions of alerts
    these are, ``last`` which of the log."""

    log: pl.DataFrame
    history: pl.DataFrame
    marks: Mapping[str, int]
    last: int


class AlertTables:
    """What of the journal of alerts is to be published."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, domain: str, log_days: Collection[str], history_days: Collection[str], now: datetime) -> Due:
        """Rows of the days (UTC: of noting, of opening) of which a row changed, and of those that are not among the
        published ones (ISO)."""
        with self._database.read() as c:
            last = c.execute(select(func.coalesce(func.max(_LOG.c.id), 0))).scalar_one()
            noted_on = _days(c, _LOG, domain, _LOG.c.noted_at, _LOG.c.published, log_days)
            log = frames.read(c, _log(domain).where(_within(_LOG.c.noted_at, noted_on)))
            published = _SEEN.c.revision == _SEEN.c.published
            changed = _days(c, _SEEN, domain, _SEEN.c.opened_at, published, history_days)
            of_domain = select(_SEEN).where(_SEEN.c.domain == domain)
            seen = frames.read(c, of_domain.where(_within(_SEEN.c.opened_at, changed)))
            made = actions(c, domain, set(seen["entity"]))
        noted, opened = pl.col("noted_at").dt.date(), pl.col("opened_at").dt.date()
        log = log.with_columns(day=noted).filter(pl.col("day").is_in(noted_on))
        history = with_states(seen.with_columns(day=opened).filter(pl.col("day").is_in(changed)), made, now)
        marks = history.filter(pl.col("revision") != pl.col("published")).select("alert_id", "revision")
        return Due(log, history, dict(marks.iter_rows()), last)

    def mark(self, domain: str, due: Due) -> None:
        """Note that rows stand in the warehouse."""
        if not due.log.height and not due.marks:
            return
        with self._database.write() as c:
            fresh = and_(_LOG.c.domain == domain, _LOG.c.id <= due.last, _LOG.c.published.is_(False))
            c.execute(update(_LOG).where(fresh).values(published=True))
            changed = and_(_SEEN.c.domain == domain, _SEEN.c.published != _SEEN.c.revision)
            now = c.execute(select(_SEEN.c.alert_id, _SEEN.c.revision, _SEEN.c.published).where(changed)).all()
            c.execute(update(_SEEN).where(changed).values(published=_SEEN.c.revision))
            # Those that changed again since, or only since, are still to be published.
            if again := [
                {"_id": alert_id, "_published": due.marks.get(alert_id, published)}
                for alert_id, revision, published in now
                if due.marks.get(alert_id) != revision
            ]:
                one = update(_SEEN).where(_SEEN.c.alert_id == bindparam("_id"))
                c.execute(one.values(published=bindparam("_published")), again)


def _log(domain: str) -> Select[Any]:
    of_alert = (_SEEN.c.rule_set, _SEEN.c.rule, _SEEN.c.entity, _SEEN.c.severity)
    joined = _LOG.join(_SEEN, _SEEN.c.alert_id == _LOG.c.alert_id)
    return select(_LOG, *of_alert).select_from(joined).where(_LOG.c.domain == domain)


def _days(
    c: Connection, t: Any, domain: str, at: Column[Any], done: ColumnElement[bool], published: Collection[str]
) -> set[date]:
    """Days of which the warehouse may lack a row."""
    day = func.date(at)
    query = select(day, func.sum(case((done, 0), else_=1))).where(t.c.domain == domain).group_by(day)
    # SQLite says a date as text.
    lacking = {date.fromisoformat(str(name)): rows for name, rows in c.execute(query)}
    return {day for day, rows in lacking.items() if rows or day.isoformat() not in published}


def _within(at: Column[Any], days: Collection[date]) -> ColumnElement[bool]:
    """Whether an instant is from the first to the last of some days."""
    if not days:
        return false()
    start, end = datetime.combine(min(days), time()), datetime.combine(max(days) + timedelta(days=1), time())
    return and_(at >= start, at < end)
