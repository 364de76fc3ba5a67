"""What was built: (table, day) targets with their digests, attempts at them, and where the records of a day went."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Delete, Table, bindparam, delete, insert, select, update

from kaikai_assets.ledger import schema
from kaikai_assets.ledger.database import Database, aware, naive


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
    erased: int = 0


@dataclass(frozen=True)
class Attempt:
    """Builds of one digest of a target that were begun and have not succeeded.

    ``transient``: the last failed for want of a disk, a database or a lock, not by what it was to build.
    """

    digest: str
    attempts: int
    error: str
    at: datetime
    transient: bool = False


KILLED = "the run ended before it said why"
"""Error of an attempt that has not ended, or whose run was killed."""

Target = tuple[str, str]
"""A table's name and its part: the day as ISO text, or '' for an unpartitioned table."""


class Targets:
    """The ledger's tables of built targets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def built(self) -> dict[Target, Built]:
        """All built targets."""
        t = schema.built
        with self._database.read() as c:
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
            {"table_name": table, "part": part, "built_at": naive(at), **asdict(build)}
            for (table, part), build in builds.items()
        ]
        if not rows:
            return
        t = schema.accounts
        with self._database.write() as c:
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
            with self._database.write() as c:
                c.execute(_delete_targets(schema.built), keys)

    def lake_versions(self) -> dict[str, int]:
        """The last version seen of each table of the lake."""
        t = schema.lake_versions
        with self._database.read() as c:
            return {table: int(version) for table, version in c.execute(select(t.c.table_name, t.c.version))}

    def note_lake_versions(self, versions: Mapping[str, int]) -> None:
        """Note versions of tables of the lake."""
        t = schema.lake_versions
        if versions:
            with self._database.write() as c:
                c.execute(delete(t).where(t.c.table_name.in_(list(versions))))
                c.execute(insert(t), [{"table_name": name, "version": v} for name, v in versions.items()])

    def accounts(self, domain: str) -> list[Account]:
        """All accounts of a domain."""
        t = schema.accounts
        query = select(t.c.part, t.c.source, t.c.records, t.c.leading, t.c.absorbed, t.c.rejected, t.c.erased)
        with self._database.read() as c:
            return [
                Account(*row) for row in c.execute(query.where(t.c.domain == domain).order_by(t.c.part, t.c.source))
            ]

    def begin_attempts(self, digests: Mapping[Target, str], at: datetime) -> None:
        """Count an attempt at each target before it is built, so that a killed run counts too."""
        if not digests:
            return
        with self._database.write() as c:
            tables, parts = (sorted(set(names)) for names in zip(*digests, strict=True))
            t = schema.attempts.c
            known = _attempts(c, t.table_name.in_(tables) & t.part.in_(parts))
            rows = []
            for (table, part), digest in digests.items():
                before = known.get((table, part))
                made = before.attempts if before is not None and before.digest == digest else 0
                rows.append(
                    {
                        "table_name": table,
                        "part": part,
                        "digest": digest,
                        "attempts": made + 1,
                        "error": KILLED,
                        "transient": False,
                        "at": naive(at),
                    }
                )
            c.execute(_delete_targets(schema.attempts), [{"t": table, "p": part} for table, part in digests])
            c.execute(insert(schema.attempts), rows)

    def record_error(self, target: Target, error: str, *, transient: bool = False) -> None:
        """Say why the current attempt at a target failed."""
        t = schema.attempts
        with self._database.write() as c:
            c.execute(
                update(t)
                .where(t.c.table_name == target[0], t.c.part == target[1])
                .values(error=error, transient=transient)
            )

    def attempts(self) -> dict[Target, Attempt]:
        """Attempts that have not succeeded."""
        with self._database.read() as c:
            return _attempts(c)

    def note_pending(self, domain: str, parts: Collection[str], at: datetime) -> dict[str, datetime]:
        """Note which parts of a domain are pending now; since when each is."""
        t = schema.pending_days
        with self._database.read() as c:
            rows = c.execute(select(t.c.part, t.c.since).where(t.c.domain == domain)).all()
        known = {row.part: row.since for row in rows}
        begun = [{"domain": domain, "part": part, "since": naive(at)} for part in parts if part not in known]
        changed = [{"d": domain, "p": part} for part in known.keys() ^ set(parts)]
        if changed:
            with self._database.write() as c:
                c.execute(delete(t).where(t.c.domain == bindparam("d"), t.c.part == bindparam("p")), changed)
                if begun:
                    c.execute(insert(t), begun)
        return {part: aware(known.get(part, naive(at))) for part in parts}


def _attempts(connection: Connection, which: ColumnElement[bool] | None = None) -> dict[Target, Attempt]:
    t = schema.attempts
    query = select(t.c.table_name, t.c.part, t.c.digest, t.c.attempts, t.c.error, t.c.at, t.c.transient)
    rows = connection.execute(query if which is None else query.where(which))
    return {
        (table, part): Attempt(digest, n, error, aware(at), transient)
        for table, part, digest, n, error, at, transient in rows
    }


def _delete_targets(table: Table) -> Delete:
    return delete(table).where(table.c.table_name == bindparam("t"), table.c.part == bindparam("p"))
