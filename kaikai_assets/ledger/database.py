"""The ledger's database: connections, and transactions that hold the write lock from their start."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, insert, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.schema import CreateColumn

from kaikai_assets.faults import before_write
from kaikai_assets.ledger import schema

_WAIT_S = 30.0
"""Seconds to wait for the write lock."""

_CONNECT_S = 10
"""Seconds to wait for a server to answer."""

_LOST_S = 120
"""Seconds after which a server ends a transaction whose client, maybe on a host that died, is silent."""

_WRITE_LOCK = int.from_bytes(b"kaikai")


class LedgerUnavailable(ConnectionError):
    """The ledger's database cannot be used: not there, locked for too long, read-only, full. The text names it without
    its password."""


class Database:
    """The database at a SQLAlchemy URL; tables are created on first use. All raise ``LedgerUnavailable``."""

    def __init__(self, url: str) -> None:
        self._url = _parse(url)
        try:
            self._engine = _engine(self._url)
        except (NoSuchModuleError, ImportError) as error:
            raise LedgerUnavailable(f"ledger {self._url}: {error}") from None
        self._writer = self._engine.execution_options(immediate=True)
        # Under the write lock: of several processes that open a new ledger at once, one creates its tables.
        with self.write() as connection:
            known = set(inspect(connection).get_table_names())
            schema.metadata.create_all(connection)
            _add_columns(connection)
            if schema.files.name in known and schema.served.name not in known:
                # Of an older version's files nobody noted when they were served.
                readings = select(schema.files.c.arrival_seq).where(schema.files.c.kind == "readings")
                connection.execute(insert(schema.served).from_select(["arrival_seq"], readings))

    def close(self) -> None:
        """Close the pooled connections."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading."""
        with self._available(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at the end, rolled back by an exception."""
        with self._available(), self._writer.begin() as connection:
            yield connection
            before_write()

    def compact(self) -> None:
        """Have a SQLite file hold nothing of rows that are deleted. PostgreSQL does so by itself, with time."""
        if self._url.get_backend_name() == "sqlite":
            before_write()
            with closing(self._engine.raw_connection()) as connection:
                try:
                    connection.cursor().execute("VACUUM")
                    connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
                except sqlite3.OperationalError as error:
                    raise LedgerUnavailable(f"ledger {self._url}: {error}") from None

    @contextmanager
    def _available(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            # SQLAlchemy's text has many lines, and the values of the statement.
            reason = " ".join(str(error.orig).split())
            if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY:
                reason = f"no permission to write it ({reason})"
            raise LedgerUnavailable(f"ledger {self._url}: {reason}") from None


def _add_columns(connection: Connection) -> None:
    """Add to the tables of an older version the columns that this one has more."""
    found = inspect(connection)
    for table in schema.metadata.tables.values():
        known = {column["name"] for column in found.get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:
                definition = CreateColumn(column).compile(dialect=connection.dialect)
                connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {definition}"))


def aware(at: datetime) -> datetime:
    """An instant of the ledger, UTC."""
    return at.replace(tzinfo=UTC)


def naive(at: datetime) -> datetime:
    """An instant as the ledger keeps it."""
    # SQLite keeps no time zone: the ledger's instants are UTC without one.
    return at.astimezone(UTC).replace(tzinfo=None)


def _parse(url: str) -> URL:
    # What went wrong is not shown: it may be a part of the password.
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise LedgerUnavailable("KAIKAI_LEDGER_URL is not a SQLAlchemy URL") from None
    if "@" in (parsed.host or ""):
        raise LedgerUnavailable("KAIKAI_LEDGER_URL: an @ within the user or the password is written %40")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise LedgerUnavailable(f"ledger {parsed}: a ledger is kept in sqlite or postgresql")
    return parsed


def _engine(url: URL) -> Engine:
    return _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)


def _postgresql(url: URL) -> Engine:
    # A connection that the server closed in the meantime is replaced, not handed out.
    engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": _CONNECT_S})

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("immediate", False):
            connection.exec_driver_sql(
                f"SET LOCAL lock_timeout = '{_WAIT_S}s';"
                f"SET LOCAL idle_in_transaction_session_timeout = '{_LOST_S}s';"
                f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})"
            )

    return engine


def _sqlite(url: URL) -> Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    wait_s = float(str(url.query.get("timeout", _WAIT_S)))
    engine = create_engine(url, connect_args={"timeout": wait_s})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's BEGIN below, not the driver's
        _set_wal(connection, wait_s)
        connection.execute("PRAGMA synchronous=NORMAL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads and then writes must hold the lock from its start, or updates are lost.
        writes = connection.get_execution_options().get("immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _set_wal(connection: sqlite3.Connection, wait_s: float) -> None:
    until = time.monotonic() + wait_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            # SQLite does not wait here: of several processes that open a new file at once some find it locked.
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
