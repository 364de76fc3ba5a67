"""Rows of the journal of alerts, and what they are as values."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, Table, and_, select
from sqlalchemy.sql.elements import ColumnElement

from kaikai_assets.alerts.lifecycle import Action, Episode, Matter, State, state
from kaikai_assets.alerts.supersession import Seen
from kaikai_assets.ledger import schema
from kaikai_assets.ledger.database import aware, naive

_TOGETHER = 500
"""Values in one statement: databases limit them."""

T = TypeVar("T")


@dataclass(frozen=True)
class Stored:
    """A row of the alerts that were seen. ``revision`` grows with each change; one of them is ``published``."""

    domain: str
    seen: Seen
    news: bool
    first_seen_at: datetime
    revision: int
    published: int


def stored(c: Connection, domain: str) -> dict[str, Stored]:
    """Alerts of a domain that were ever seen, by id."""
    rows = c.execute(select(schema.alerts_seen).where(schema.alerts_seen.c.domain == domain)).mappings()
    return {row["alert_id"]: as_stored(row) for row in rows}


def actions(c: Connection, domain: str, entities: Collection[str] | None = None) -> dict[Matter, list[Action]]:
    """Actions in a domain, of some entities or all, by matter in the order in which they were made."""
    found: dict[Matter, list[Action]] = defaultdict(list)
    for row in sorted(of_entities(c, schema.alert_actions, domain, entities), key=lambda row: int(row["id"])):
        action = as_value(Action, row)
        found[action.matter].append(action)
    return found


def actions_on(c: Connection, domain: str, matter: Matter) -> list[Action]:
    """Actions on one matter, in the order in which they were made."""
    t = schema.alert_actions
    rows = c.execute(select(t).where(about(t, domain, matter)).order_by(t.c.id)).mappings()
    return [as_value(Action, row) for row in rows]


def states(c: Connection, domain: str, matter: Matter, now: datetime) -> list[tuple[Episode, State]]:
    """Alerts of a matter that the data gives, with their states."""
    t = schema.alerts_seen
    made = actions_on(c, domain, matter)
    rows = c.execute(select(t).where(about(t, domain, matter), t.c.gone.is_(False))).mappings()
    return [(episode, state(episode, made, now)) for episode in (as_stored(row).seen.episode for row in rows)]


def of_entities(
    c: Connection, t: Table, domain: str, entities: Collection[str] | None, which: ColumnElement[bool] | None = None
) -> list[RowMapping]:
    """Rows of a domain, of some entities or all, and only those for which a condition holds."""
    query = select(t).where(t.c.domain == domain)
    if which is not None:
        query = query.where(which)
    if entities is None:
        return list(c.execute(query).mappings())
    return [row for some in batches(entities) for row in c.execute(query.where(t.c.entity.in_(some))).mappings()]


def about(t: Table, domain: str, matter: Matter) -> ColumnElement[bool]:
    """Whether a row is about a matter."""
    rule_set, rule, entity = matter
    return and_(t.c.domain == domain, t.c.rule_set == rule_set, t.c.rule == rule, t.c.entity == entity)


def as_stored(row: RowMapping) -> Stored:
    seen = Seen(as_value(Episode, row), row["gone"], row["superseded_by"])
    rest = {name: row[name] for name in ("domain", "news", "revision", "published")}
    return Stored(seen=seen, first_seen_at=aware(row["first_seen_at"]), **rest)


def as_value(kind: type[T], row: Mapping[Any, Any]) -> T:
    """A row as a value of a dataclass whose fields are columns; instants are UTC."""
    found = ((name, row[name]) for name in _names(kind))  # type: ignore[arg-type]
    return kind(**{name: aware(value) if isinstance(value, datetime) else value for name, value in found})


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the ledger keeps them."""
    return {name: naive(value) if isinstance(value, datetime) else value for name, value in row.items()}


def batches(values: Collection[str]) -> Iterator[list[str]]:
    """Values, as many as one statement takes at a time."""
    every = sorted(values)
    yield from (every[start : start + _TOGETHER] for start in range(0, len(every), _TOGETHER))
