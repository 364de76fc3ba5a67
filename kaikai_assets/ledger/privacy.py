"""Erased patients, and who did what to the data of sensitive domains: no personal data."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, String, Table, delete, func, insert, or_, select, update

from kaikai_assets.ledger import schema
from kaikai_assets.ledger.database import Database, aware, naive

ERASED = "erased"
"""Stands where a note named an erased patient."""


class Privacy:
    """The ledger's notes of sensitive domains."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def suppressed(self, domain: str) -> set[str]:
        """Keyed hashes of a domain's erased patients."""
        t = schema.suppressions.c
        with self._database.read() as c:
            return set(c.execute(select(t.hash).where(t.domain == domain)).scalars())

    def suppress(self, domain: str, suppression: str, at: datetime) -> None:
        """Note an erased patient, once."""
        t = schema.suppressions
        with self._database.write() as c:
            known = select(t.c.hash).where(t.c.domain == domain, t.c.hash == suppression)
            if c.execute(known).first() is None:
                c.execute(insert(t).values(domain=domain, hash=suppression, at=naive(at)))

    def note(self, domain: str, action: str, reason: str, scope: Mapping[str, int], at: datetime) -> None:
        """Note an action with the counts of what it touched."""
        row = {"domain": domain, "action": action, "reason": reason, "scope": json.dumps(scope, sort_keys=True)}
        with self._database.write() as c:
            c.execute(insert(schema.privacy_audit).values(**row, at=naive(at)))

    def audit(self) -> list[dict[str, Any]]:
        """All actions in order: ``at, domain, action, reason, scope``."""
        t = schema.privacy_audit.c
        query = select(t.at, t.domain, t.action, t.reason, t.scope).order_by(t.id)
        with self._database.read() as c:
            rows = c.execute(query).mappings().all()
        return [{**row, "at": aware(row["at"]), "scope": json.loads(row["scope"])} for row in rows]

    def entities(self, domain: str) -> set[str]:
        """Entities that the journal of a domain names."""
        found: set[str] = set()
        with self._database.read() as c:
            for table in schema.metadata.sorted_tables:
                if {"domain", "entity"} <= set(table.columns.keys()):
                    query = select(table.c.entity).where(table.c.domain == domain).distinct()
                    found.update(c.execute(query).scalars())
        return found

    def rows_of(self, name: str) -> dict[str, list[dict[str, Any]]]:
        """Rows that have a text as a value, by table."""
        found = {}
        with self._database.read() as c:
            for table in schema.metadata.sorted_tables:
                if texts := _texts(table):
                    rows = c.execute(select(table).where(or_(*(column == name for column in texts)))).mappings()
                    found[table.name] = [dict(row) for row in rows]
        return {table: rows for table, rows in found.items() if rows}

    def forget(self, name: str, alerts: Collection[str]) -> int:
        """Delete rows that have a name as a value, or an alert: one given, or one that the journal holds of the name.
        Take the name out of what else holds it. Returns the number of rows."""
        seen = schema.alerts_seen.c
        done = 0
        with self._database.write() as c:
            of_journal = c.execute(select(seen.alert_id).where(seen.entity == name)).scalars()
            gone = {name, *alerts, *of_journal}
            for table in schema.metadata.sorted_tables:
                for column in _texts(table):
                    done += c.execute(delete(table).where(column.in_(gone))).rowcount
                    holding = column.contains(name, autoescape=True)
                    c.execute(update(table).where(holding).values({column: func.replace(column, name, ERASED)}))
        self._database.compact()
        return done

    def mentions(self, name: str) -> list[str]:
        """``table.column`` of each column that holds a text within a value."""
        with self._database.read() as c:
            return [
                f"{table.name}.{column.name}"
                for table in schema.metadata.sorted_tables
                for column in _texts(table)
                if c.execute(select(column).where(column.contains(name, autoescape=True)).limit(1)).first()
            ]


def _texts(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if isinstance(column.type, String | schema.Text)]
