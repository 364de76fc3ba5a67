"""What landed: files, their event days, and what was refused or came again."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from kaikai_assets.landing.raw import Landed, Removed
from kaikai_assets.ledger import schema
from kaikai_assets.ledger.database import Database, aware, naive


class LandedFiles:
    """The ledger's tables of landed files."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def next_arrival(self) -> int:
        """A new arrival number, larger than all given before."""
        with self._database.write() as c:
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
        row = landed.model_dump(exclude={"days", "erased", "removed"}) | {"raw_file": landed.raw_file}
        row["arrived_at"] = naive(landed.arrived_at)
        days = _days(landed)
        try:
            with self._database.write() as c:
                c.execute(insert(schema.files), row)
                # What is noted of a number whose file was lost belongs to nobody.
                for noted in (schema.file_days, schema.removals):
                    c.execute(delete(noted).where(noted.c.arrival_seq == landed.arrival_seq))
                if days:
                    c.execute(insert(schema.file_days), days)
                if landed.removed is not None:
                    c.execute(insert(schema.removals), _removal(landed.arrival_seq, landed.removed))
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
        with self._database.read() as c:
            return (
                c.execute(select(schema.files.c.identity).where(schema.files.c.identity == identity)).first()
                is not None
            )

    def is_empty(self) -> bool:
        """Whether no file has landed."""
        with self._database.read() as c:
            return c.execute(select(schema.files.c.identity).limit(1)).first() is None

    def note_redelivery(self, identity: str, name: str, at: datetime, since: datetime) -> None:
        """Note that a file's content came again. One that lies there ``since`` some instant is noted once."""
        t = schema.redeliveries
        same = (t.c.identity == identity) & (t.c.name == name) & (t.c.seen_at >= naive(since))
        with self._database.write() as c:
            if c.execute(select(t.c.id).where(same).limit(1)).first() is None:
                c.execute(insert(t).values(identity=identity, name=name, seen_at=naive(at)))

    def redeliveries(self, identities: Iterable[str]) -> list[tuple[str, str, datetime]]:
        """``(identity, name, seen_at)`` of files whose content had landed before, in order of time."""
        t = schema.redeliveries
        query = select(t.c.identity, t.c.name, t.c.seen_at).where(t.c.identity.in_(list(identities)))
        with self._database.read() as c:
            return [(i, name, aware(at)) for i, name, at in c.execute(query.order_by(t.c.id))]

    def note_rejection(self, domain: str, name: str, reason: str, at: datetime) -> None:
        """Note a file that could not be taken."""
        with self._database.write() as c:
            c.execute(insert(schema.rejections).values(domain=domain, name=name, reason=reason, seen_at=naive(at)))

    def last_arrival(self, domain: str) -> int:
        """The last arrival number among a domain's files, 0 without any."""
        with self._database.read() as c:
            query = select(func.max(schema.files.c.arrival_seq)).where(schema.files.c.domain == domain)
            return int(c.execute(query).scalar() or 0)

    def last_given(self) -> int:
        """The last arrival number given, 0 before the first."""
        with self._database.read() as c:
            return int(c.execute(select(func.max(schema.sequence.c.last))).scalar() or 0)

    def last_arrived_at(self) -> datetime | None:
        """When the file with the last arrival number landed, of any domain."""
        t = schema.files.c
        with self._database.read() as c:
            at = c.execute(select(t.arrived_at).order_by(t.arrival_seq.desc()).limit(1)).scalar()
        return None if at is None else aware(at)

    def files(self, domain: str) -> dict[int, dict[str, Any]]:
        """What a plan needs of a domain's files, by arrival number."""
        t = schema.files.c
        wanted = (t.arrival_seq, t.identity, t.source, t.kind, t.sha256, t.raw_file, t.arrived_at)
        query = select(*wanted).where(t.domain == domain)
        with self._database.read() as c:
            rows = c.execute(query).mappings().all()
        return {row["arrival_seq"]: {**row, "arrived_at": aware(row["arrived_at"])} for row in rows}

    def noted(self) -> dict[str, Landed]:
        """All files as their sidecars should tell them, by identity."""
        with self._database.read() as c:
            days: dict[int, dict[date, int]] = {}
            erased: dict[int, dict[date, int]] = {}
            d = schema.file_days.c
            for seq, day, records, gone in c.execute(select(d.arrival_seq, d.day, d.records, d.erased)):
                days.setdefault(seq, {})[day] = records
                if gone:
                    erased.setdefault(seq, {})[day] = gone
            t = schema.removals.c
            removed = {
                seq: Removed(at=aware(at), seen=seen)
                for seq, at, seen in c.execute(select(t.arrival_seq, t.removed_at, t.seen))
            }
            rows = c.execute(select(schema.files).order_by(schema.files.c.arrival_seq)).mappings().all()
        return {
            row["identity"]: Landed.model_validate(
                {
                    **row,
                    "arrived_at": aware(row["arrived_at"]),
                    "days": days.get(row["arrival_seq"], {}),
                    "erased": erased.get(row["arrival_seq"], {}),
                    "removed": removed.get(row["arrival_seq"]),
                }
            )
            for row in rows
        }

    def forget(self, identities: Iterable[str]) -> None:
        """Forget files, for them to be noted again from their sidecars."""
        files = schema.files
        with self._database.write() as c:
            for identity in identities:
                number = select(files.c.arrival_seq).where(files.c.identity == identity).scalar_subquery()
                for table in (schema.file_days, schema.removals):
                    c.execute(delete(table).where(table.c.arrival_seq == number))
                c.execute(delete(files).where(files.c.identity == identity))

    def file_days(self, domain: str) -> list[tuple[date, int, int]]:
        """``(day, arrival_seq, records)`` of a domain's files."""
        days, files = schema.file_days, schema.files
        query = (
            select(days.c.day, days.c.arrival_seq, days.c.records)
            .join(files, files.c.arrival_seq == days.c.arrival_seq)
            .where(files.c.domain == domain)
        )
        with self._database.read() as c:
            return [(day, seq, records) for day, seq, records in c.execute(query)]

    def erased(self, domain: str) -> dict[int, dict[date, int]]:
        """Records of erased patients by day, of each of a domain's files that has some, by arrival number."""
        days, files = schema.file_days, schema.files
        query = (
            select(days.c.arrival_seq, days.c.day, days.c.erased)
            .join(files, files.c.arrival_seq == days.c.arrival_seq)
            .where(files.c.domain == domain, days.c.erased > 0)
        )
        found: dict[int, dict[date, int]] = {}
        with self._database.read() as c:
            for seq, day, records in c.execute(query):
                found.setdefault(seq, {})[day] = records
        return found

    def note_removals(self, removals: Mapping[int, Removed]) -> None:
        """Note files whose bytes are about to be removed, all at once."""
        if removals:
            with self._database.write() as c:
                c.execute(insert(schema.removals), [_removal(seq, removed) for seq, removed in removals.items()])

    def removals(self, domain: str) -> dict[int, Removed]:
        """Removed files of a domain by arrival number."""
        t, files = schema.removals, schema.files
        query = (
            select(t.c.arrival_seq, t.c.removed_at, t.c.seen)
            .join(files, files.c.arrival_seq == t.c.arrival_seq)
            .where(files.c.domain == domain)
        )
        with self._database.read() as c:
            return {seq: Removed(at=aware(at), seen=seen) for seq, at, seen in c.execute(query)}

    def unannounced(self, domain: str) -> dict[date, tuple[int, int]]:
        """Days whose raw event is due: number of new files and of records."""
        days, files = schema.file_days, schema.files
        query = (
            select(days.c.day, func.count(), func.sum(days.c.records))
            .join(files, files.c.arrival_seq == days.c.arrival_seq)
            .where(files.c.domain == domain, days.c.announced.is_(False))
            .group_by(days.c.day)
        )
        with self._database.read() as c:
            return {day: (int(count), int(records)) for day, count, records in c.execute(query)}

    def counted(self, domain: str) -> set[tuple[str, str]]:
        """How the event days of a domain's files were told: ``(source, digest)``."""
        t = schema.files.c
        with self._database.read() as c:
            return {(s, d) for s, d in c.execute(select(t.source, t.counted).where(t.domain == domain).distinct())}

    def raw_files(self, domain: str, source: str, counted: str) -> list[str]:
        """Files below raw/ of a source whose event days were told in one way."""
        t = schema.files.c
        query = select(t.raw_file).where(t.domain == domain, t.source == source, t.counted == counted)
        with self._database.read() as c:
            return [raw_file for (raw_file,) in c.execute(query.order_by(t.arrival_seq))]

    def recount(self, landed: Landed) -> None:
        """Replace the event days of a landed file, and what is noted of its bytes."""
        days = _days(landed)
        files, table = schema.files, schema.file_days
        again = landed.model_dump(include={"counted", "sha256", "bytes"})
        with self._database.write() as c:
            c.execute(update(files).where(files.c.identity == landed.identity).values(**again))
            c.execute(delete(table).where(table.c.arrival_seq == landed.arrival_seq))
            if days:
                c.execute(insert(table), days)

    def announced(self, domain: str, days: Collection[date], up_to: int) -> None:
        """Note that the raw events of some days, of all files up to an arrival number, were emitted."""
        files, table = schema.files, schema.file_days
        of_domain = select(files.c.arrival_seq).where(files.c.domain == domain, files.c.arrival_seq <= up_to)
        due = table.c.announced.is_(False) & table.c.arrival_seq.in_(of_domain) & (table.c.day == bindparam("told"))
        if days:
            with self._database.write() as c:
                c.execute(update(table).where(due).values(announced=True), [{"told": day} for day in days])


def _days(landed: Landed) -> list[dict[str, Any]]:
    return [
        {
            "arrival_seq": landed.arrival_seq,
            "day": day,
            "records": records,
            "erased": landed.erased.get(day, 0),
            "announced": False,
        }
        for day, records in landed.days.items()
    ]


def _removal(arrival_seq: int, removed: Removed) -> dict[str, Any]:
    return {"arrival_seq": arrival_seq, "removed_at": naive(removed.at), "seen": removed.seen}
