"""Tables of the ledger that nothing can make again, as rows of plain values."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, Select, Table, insert, select

from kaikai_assets.ledger import schema
from kaikai_assets.ledger.database import Database

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""Rows by table; instants as ISO text."""

_TABLES = [table for table in schema.metadata.sorted_tables if table.info == schema.JOURNAL]


class Journal:
    """The tables declared as ``JOURNAL``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> Rows:
        """All rows."""
        with self._database.read() as c:
            return {table.name: [_plain(row) for row in c.execute(_in_order(table)).mappings()] for table in _TABLES}

    def fill(self, rows: Rows) -> None:
        """Write rows into those of the tables that are empty, in one transaction."""
        with self._database.write() as c:
            for table in _TABLES:
                if rows.get(table.name) and c.execute(select(table).limit(1)).first() is None:
                    times = {column.name for column in table.columns if isinstance(column.type, DateTime)}
                    c.execute(insert(table), [_typed(row, times) for row in rows[table.name]])


def salvage(file: Path) -> Rows:
    """What can still be read of the journal in a SQLite file that is damaged, or of another version."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table in _TABLES:
        wanted = {column.name for column in table.columns if column is not table.autoincrement_column}
        rows = found.setdefault(table.name, [])
        # A page that cannot be read ends its table, not the others.
        with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(file)) as connection:
            connection.row_factory = sqlite3.Row
            for row in connection.execute(f"SELECT * FROM {table.name}"):
                rows.append({name: row[name] for name in row.keys() if name in wanted})  # noqa: SIM118 - a Row's names
    return found


def _in_order(table: Table) -> Select[Any]:
    # Without the numbers that a database gives its rows: one that is filled goes on with its own.
    columns = [column for column in table.columns if column is not table.autoincrement_column]
    return select(*columns).order_by(*table.primary_key)


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def _typed(row: Mapping[str, Any], times: set[str]) -> dict[str, Any]:
    return {
        name: datetime.fromisoformat(value) if name in times and value is not None else value
        for name, value in row.items()
    }
