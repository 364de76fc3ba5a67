"""The ledger: short transactions over its tables."""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Delete,
    Engine,
    Table,
    bindparam,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from kaikai_assets.landing.raw import Landed
from kaikai_assets.ledger import schema

_WAIT_S = 30.0
"""Seconds to wait for a lock of SQLite."""


@dataclass(frozen=True)
class Built:
    """A built target: digest of its inputs, hash of its rows, last arrival it knew of."""

    digest: str
    output: str
    rows: int
    seen: int


@dataclass(frozen=True)
class Account:
    """Records of one day and source, and where they went."""

    part: str
    source: str
    records: int
    leading: int
    absorbed: int
    rejected: int


@dataclass(frozen=True)
class Attempt:
    """Builds of one digest of a target that were begun and have not succeeded."""

    digest: str
    attempts: int
    error: str
    at: datetime


Target = tuple[str, str]
"""A table's name and its part: the day as ISO text, or '' for an unpartitioned table."""


class Ledger:
    """Access to the ledger at a SQLAlchemy URL; tables are created on first use."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._writer = self._engine.execution_options(immediate=True)
        # Under the write lock: of several processes that open a new ledger at once, one creates its tables.
        with self._write() as c:
            schema.metadata.create_all(c)

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with self._writer.begin() as connection:
            yield connection

    # landed -----------------------------------------------------------------------------------------------------

    def next_arrival(self) -> int:
        """A new arrival number, larger than all given before."""
        with self._write() as c:
            table = schema.sequence
            given = c.execute(
                update(table).where(table.c.name == "arrival").values(last=table.c.last + 1).returning(table.c.last)
            ).scalar()
            if given is None:
                given = 1 + (c.execute(select(func.max(schema.files.c.arrival_seq))).scalar() or 0)
                c.execute(insert(table).values(name="arrival", last=given))
            return int(given)

    def register(self, landed: Landed) -> bool:
        """Note a landed file with its days; False when its identity is already there.

        Raises ``IntegrityError`` when its arrival number was given to another file.
        """
        row = landed.model_dump(exclude={"days"}) | {"raw_file": landed.raw_file}
        row["arrived_at"] = _naive(landed.arrived_at)
        days = [
            {"arrival_seq": landed.arrival_seq, "day": day, "records": records, "announced": False}
            for day, records in landed.days.items()
        ]
        try:
            with self._write() as c:
                c.execute(insert(schema.files), row)
                if days:
                    c.execute(insert(schema.file_days), days)
                table = schema.sequence
                # A ledger made anew from sidecars must not give a number twice.
                c.execute(update(table).where(table.c.last < landed.arrival_seq).values(last=landed.arrival_seq))
        except IntegrityError:
            if not self.has(landed.identity):
                raise
            return False
        return True

    def has(self, identity: str) -> bool:
        """Whether a file of this identity has landed."""
        with self._engine.connect() as c:
            return (
                c.execute(select(schema.files.c.identity).where(schema.files.c.identity == identity)).first()
                is not None
            )

    def is_empty(self) -> bool:
        """Whether no file has landed."""
        with self._engine.connect() as c:
            return c.execute(select(schema.files.c.identity).limit(1)).first() is None

    def note_redelivery(self, identity: str, name: str, at: datetime) -> None:
        """Note that a file's content came again."""
        with self._write() as c:
            c.execute(insert(schema.redeliveries).values(identity=identity, name=name, seen_at=_naive(at)))

    def note_rejection(self, domain: str, name: str, reason: str, at: datetime) -> None:
        """Note a file that could not be taken."""
        with self._write() as c:
            c.execute(insert(schema.rejections).values(domain=domain, name=name, reason=reason, seen_at=_naive(at)))

    def last_arrival(self, domain: str) -> int:
        """The last arrival number among a domain's files, 0 without any."""
        with self._engine.connect() as c:
            query = select(func.max(schema.files.c.arrival_seq)).where(schema.files.c.domain == domain)
            return int(c.execute(query).scalar() or 0)

    def files(self, domain: str) -> dict[int, dict[str, Any]]:
        """What a plan needs of a domain's files, by arrival number."""
        t = schema.files.c
        wanted = (t.arrival_seq, t.identity, t.source, t.kind, t.sha256, t.raw_file, t.arrived_at)
        query = select(*wanted).where(t.domain == domain)
        with self._engine.connect() as c:
            rows = c.execute(query).mappings().all()
        return {row["arrival_seq"]: {**row, "arrived_at": row["arrived_at"].replace(tzinfo=UTC)} for row in rows}

    def file_days(self, domain: str) -> list[tuple[date, int, int]]:
        """``(day, arrival_seq, records)`` of a domain's files."""
        days, files = schema.file_days, schema.files
        query = (
            select(days.c.day, days.c.arrival_seq, days.c.records)
            .join(files, files.c.arrival_seq == days.c.arrival_seq)
            .where(files.c.domain == domain)
        )
        with self._engine.connect() as c:
            return [(day, seq, records) for day, seq, records in c.execute(query)]

    def unannounced(self, domain: str) -> dict[date, tuple[int, int]]:
        """Days whose raw event is due: number of new files and of records."""
        days, files = schema.file_days, schema.files
        query = (
            select(days.c.day, func.count(), func.sum(days.c.records))
            .join(files, files.c.arrival_seq == days.c.arrival_seq)
            .where(files.c.domain == domain, days.c.announced.is_(False))
            .group_by(days.c.day)
        )
        with self._engine.connect() as c:
            return {day: (int(count), int(records)) for day, count, records in c.execute(query)}

    def counted(self, domain: str) -> set[tuple[str, str]]:
        """How the event days of a domain's files were told: ``(source, digest)``."""
        t = schema.files.c
        with self._engine.connect() as c:
            return {(s, d) for s, d in c.execute(select(t.source, t.counted).where(t.domain == domain).distinct())}

    def raw_files(self, domain: str, source: str, counted: str) -> list[str]:
        """Files below raw/ of a source whose event days were told in one way."""
        t = schema.files.c
        query = select(t.raw_file).where(t.domain == domain, t.source == source, t.counted == counted)
        with self._engine.connect() as c:
            return [raw_file for (raw_file,) in c.execute(query.order_by(t.arrival_seq))]

    def recount(self, landed: Landed) -> None:
        """Replace the event days of a landed file."""
        days = [
            {"arrival_seq": landed.arrival_seq, "day": day, "records": records, "announced": False}
            for day, records in landed.days.items()
        ]
        files, table = schema.files, schema.file_days
        with self._write() as c:
            c.execute(update(files).where(files.c.identity == landed.identity).values(counted=landed.counted))
            c.execute(delete(table).where(table.c.arrival_seq == landed.arrival_seq))
            if days:
                c.execute(insert(table), days)

    def announced(self, domain: str, up_to: int) -> None:
        """Note that the raw events of all files up to an arrival number were emitted."""
        files, table = schema.files, schema.file_days
        of_domain = select(files.c.arrival_seq).where(files.c.domain == domain, files.c.arrival_seq <= up_to)
        due = table.c.announced.is_(False) & table.c.arrival_seq.in_(of_domain)
        with self._write() as c:
            c.execute(update(table).where(due).values(announced=True))

    # built ------------------------------------------------------------------------------------------------------

    def built(self) -> dict[Target, Built]:
        """All built targets."""
        t = schema.built
        with self._engine.connect() as c:
            rows = c.execute(select(t.c.table_name, t.c.part, t.c.digest, t.c.output, t.c.rows, t.c.seen))
            return {(table, part): Built(digest, output, n, seen) for table, part, digest, output, n, seen in rows}

    def record_built(
        self,
        builds: Mapping[Target, Built],
        at: datetime,
        accounts: Mapping[tuple[str, str], Sequence[Account]] | None = None,
    ) -> None:
        """Note committed builds and forget the attempts at them; replace the accounts of some ``(domain, part)``."""
        keys = [{"t": table, "p": part} for table, part in builds]
        rows = [
            {"table_name": table, "part": part, "built_at": _naive(at), **asdict(build)}
            for (table, part), build in builds.items()
        ]
        if not rows:
            return
        t = schema.accounts
        with self._write() as c:
            for table in (schema.built, schema.attempts):
                c.execute(_delete_targets(table), keys)
            c.execute(insert(schema.built), rows)
            for (domain, part), of_part in (accounts or {}).items():
                c.execute(delete(t).where(t.c.domain == domain, t.c.part == part))
                if of_part:
                    c.execute(insert(t), [{"domain": domain, **asdict(account)} for account in of_part])

    def forget(self, targets: Iterable[Target]) -> None:
        """Forget that some targets were built: what they held is gone."""
        keys = [{"t": table, "p": part} for table, part in targets]
        if keys:
            with self._write() as c:
                c.execute(_delete_targets(schema.built), keys)

    def lake_versions(self) -> dict[str, int]:
        """The last version seen of each table of the lake."""
        t = schema.lake_versions
        with self._engine.connect() as c:
            return {table: int(version) for table, version in c.execute(select(t.c.table_name, t.c.version))}

    def note_lake_versions(self, versions: Mapping[str, int]) -> None:
        """Note versions of tables of the lake."""
        t = schema.lake_versions
        if versions:
            with self._write() as c:
                c.execute(delete(t).where(t.c.table_name.in_(list(versions))))
                c.execute(insert(t), [{"table_name": name, "version": v} for name, v in versions.items()])

    def accounts(self, domain: str) -> list[Account]:
        """All accounts of a domain."""
        t = schema.accounts
        query = select(t.c.part, t.c.source, t.c.records, t.c.leading, t.c.absorbed, t.c.rejected)
        with self._engine.connect() as c:
            return [
                Account(*row) for row in c.execute(query.where(t.c.domain == domain).order_by(t.c.part, t.c.source))
            ]

    def begin_attempts(self, digests: Mapping[Target, str], at: datetime) -> None:
        """Count an attempt at each target before it is built, so that a killed run counts too."""
        if not digests:
            return
        with self._write() as c:
            known = _attempts(c)
            rows = []
            for (table, part), digest in digests.items():
                before = known.get((table, part))
                made = before.attempts if before is not None and before.digest == digest else 0
                error = "the run ended before it said why"
                rows.append(
                    {
                        "table_name": table,
                        "part": part,
                        "digest": digest,
                        "attempts": made + 1,
                        "error": error,
                        "at": _naive(at),
                    }
                )
            c.execute(_delete_targets(schema.attempts), [{"t": table, "p": part} for table, part in digests])
            c.execute(insert(schema.attempts), rows)

    def record_error(self, target: Target, error: str) -> None:
        """Say why the current attempt at a target failed."""
        t = schema.attempts
        with self._write() as c:
            c.execute(update(t).where(t.c.table_name == target[0], t.c.part == target[1]).values(error=error))

    def attempts(self) -> dict[Target, Attempt]:
        """Attempts that have not succeeded."""
        with self._engine.connect() as c:
            return _attempts(c)


def _attempts(connection: Connection) -> dict[Target, Attempt]:
    t = schema.attempts
    rows = connection.execute(select(t.c.table_name, t.c.part, t.c.digest, t.c.attempts, t.c.error, t.c.at))
    return {
        (table, part): Attempt(digest, n, error, at.replace(tzinfo=UTC)) for table, part, digest, n, error, at in rows
    }


def _delete_targets(table: Table) -> Delete:
    return delete(table).where(table.c.table_name == bindparam("t"), table.c.part == bindparam("p"))


def _naive(at: datetime) -> datetime:
    # SQLite keeps no time zone: the ledger's instants are UTC without one.
    return at.astimezone(UTC).replace(tzinfo=None)


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": _WAIT_S})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's BEGIN below, not the driver's
        _set_wal(connection)
        connection.execute("PRAGMA synchronous=NORMAL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads and then writes must hold the lock from its start, or updates are lost.
        writes = connection.get_execution_options().get("immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _set_wal(connection: sqlite3.Connection) -> None:
    until = time.monotonic() + _WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            # SQLite does not wait here: of several processes that open a new file at once some find it locked.
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
