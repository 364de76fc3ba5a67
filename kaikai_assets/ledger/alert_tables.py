"""The journal of alerts as two tables of days: the status log, and each alert as it last stood."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Column, Connection, RowMapping, Select, and_, bindparam, func, select, update

from kaikai_assets.alerts.lifecycle import state
from kaikai_assets.ledger import schema
from kaikai_assets.ledger.alert_rows import actions, as_stored
from kaikai_assets.ledger.database import Database, aware

_SEEN, _LOG = schema.alerts_seen, schema.alert_status_log


@dataclass(frozen=True)
class Due:
    """Rows, whole days of them, that the warehouse should hold and may not; ``marks`` say which versions these are."""

    log: list[dict[str, Any]]
    history: list[dict[str, Any]]
    marks: Mapping[str, int]
    last: int


class AlertTables:
    """What of the journal of alerts is to be published."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, domain: str, log_days: Collection[str], history_days: Collection[str], now: datetime) -> Due:
        """Days (UTC: of noting, of opening) of which a row changed, and those that are not among the published ones
        (ISO)."""
        with self._database.read() as c:
            last = c.execute(select(func.coalesce(func.max(_LOG.c.id), 0))).scalar_one()
            log = _rows(c, _log(domain), _LOG.c.noted_at, _LOG.c.published.is_(False), log_days)
            changed = _SEEN.c.revision != _SEEN.c.published
            seen = _rows(c, select(_SEEN).where(_SEEN.c.domain == domain), _SEEN.c.opened_at, changed, history_days)
            made = actions(c, domain, {row["entity"] for row in seen})
        history = []
        for row in seen:
            one = as_stored(row).seen
            stands = state(one.episode, made.get(one.episode.matter, ()), now)
            done = {name: getattr(stands, name) for name in ("acknowledged", "resolved", "escalated")}
            history.append({"day": one.episode.opened_at.date(), **_utc(row), **done})
        entries = [{"day": row["noted_at"].date(), **_utc(row)} for row in log]
        return Due(entries, history, {row["alert_id"]: row["revision"] for row in seen}, last)

    def mark(self, domain: str, due: Due) -> None:
        """Note that rows stand in the warehouse."""
        with self._database.write() as c:
            fresh = and_(_LOG.c.domain == domain, _LOG.c.id <= due.last, _LOG.c.published.is_(False))
            c.execute(update(_LOG).where(fresh).values(published=True))
            one = and_(_SEEN.c.alert_id == bindparam("_id"), _SEEN.c.published != bindparam("_revision"))
            if marks := [{"_id": alert_id, "_revision": revision} for alert_id, revision in due.marks.items()]:
                c.execute(update(_SEEN).where(one).values(published=bindparam("_revision")), marks)


def _log(domain: str) -> Select[Any]:
    of_alert = (_SEEN.c.rule_set, _SEEN.c.rule, _SEEN.c.entity, _SEEN.c.severity)
    joined = _LOG.join(_SEEN, _SEEN.c.alert_id == _LOG.c.alert_id)
    query = select(_LOG, *of_alert).select_from(joined)
    return query.where(_LOG.c.domain == domain).order_by(_LOG.c.id)


def _rows(
    c: Connection, query: Select[Any], at: Column[Any], changed: Any, published: Collection[str]
) -> list[RowMapping]:
    """Rows of the days with a changed row and of those that are not published."""
    days = query.with_only_columns(func.date(at)).order_by(None).distinct()
    wanted = _days(c, days.where(changed)) | {day for day in _days(c, days) if day.isoformat() not in published}
    if not wanted:
        return []
    start, end = datetime.combine(min(wanted), time()), datetime.combine(max(wanted) + timedelta(days=1), time())
    rows = c.execute(query.where(at >= start, at < end)).mappings()
    return [row for row in rows if row[at.name].date() in wanted]


def _days(c: Connection, query: Select[Any]) -> set[date]:
    # SQLite says a date as text.
    return {date.fromisoformat(str(day)) for day in c.execute(query).scalars()}


def _utc(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): aware(value) if isinstance(value, datetime) else value for name, value in row.items()}
