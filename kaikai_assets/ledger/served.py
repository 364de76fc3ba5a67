"""When landed files reached the people who read the warehouse."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import TypeVar

from sqlalchemy import Connection, func, insert, select

from kaikai_assets.landing.raw import Landed
from kaikai_assets.ledger import schema
from kaikai_assets.ledger.database import Database, aware, naive

_TOGETHER = 500
"""Values in one statement: databases limit them."""

T = TypeVar("T", int, date)


class Served:
    """The ledger's table of served files. Only files of readings count."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self, domain: str) -> dict[int, tuple[datetime, set[str]]]:
        """Arrival and days (ISO) of each file that is not noted yet, by arrival number.

        Days that were sealed before a file came do not count: what it holds of them is never built.
        """
        file, day, served = schema.files.c, schema.file_days, schema.served
        query = (
            select(file.arrival_seq, file.arrived_at, day.c.day)
            .join(day, day.c.arrival_seq == file.arrival_seq)
            .outerjoin(served, served.c.arrival_seq == file.arrival_seq)
            .where(file.domain == domain, file.kind == "readings", served.c.arrival_seq.is_(None))
        )
        found: dict[int, tuple[datetime, set[str]]] = {}
        with self._database.read() as c:
            rows = c.execute(query).all()
            seen = _sealed(c, domain, {row.day for row in rows})
        for seq, at, of_day in rows:
            if seq <= seen.get(of_day, seq):
                found.setdefault(seq, (aware(at), set()))[1].add(of_day.isoformat())
        return found

    def note(self, files: Iterable[int], at: datetime) -> None:
        """Note when files were served."""
        self._insert({seq: naive(at) for seq in files})

    def note_unknown(self, files: Iterable[Landed]) -> None:
        """Note that nobody knows when files that were not noted yet were served."""
        self._insert(dict.fromkeys(file.arrival_seq for file in files if file.kind == "readings"))

    def _insert(self, times: Mapping[int, datetime | None]) -> None:
        if not times:
            return
        with self._database.write() as c:
            # Another publication may have noted some meanwhile: the first counts.
            number = schema.served.c.arrival_seq
            noted = {
                seq for some in _batches(times) for seq in c.execute(select(number).where(number.in_(some))).scalars()
            }
            if new := times.keys() - noted:
                c.execute(insert(schema.served), [{"arrival_seq": seq, "served_at": times[seq]} for seq in new])

    def days(self, domain: str) -> set[date]:
        """UTC days of arrival of the files whose serving was noted."""
        file, served = schema.files.c, schema.served
        query = (
            select(func.date(file.arrived_at))
            .join(served, served.c.arrival_seq == file.arrival_seq)
            .where(file.domain == domain, served.c.served_at.is_not(None))
            .distinct()
        )
        with self._database.read() as c:
            # SQLite says a date as text.
            return {date.fromisoformat(str(day)) for day in c.execute(query).scalars()}

    def times(self, domain: str, days: Collection[date]) -> list[tuple[datetime, datetime]]:
        """Arrival of each file that came on some UTC days and whose serving was noted, and when that was."""
        if not days:
            return []
        file, served = schema.files.c, schema.served
        start, end = datetime.combine(min(days), time()), datetime.combine(max(days) + timedelta(days=1), time())
        query = (
            select(file.arrived_at, served.c.served_at)
            .join(served, served.c.arrival_seq == file.arrival_seq)
            .where(file.domain == domain, served.c.served_at.is_not(None))
            .where(file.arrived_at >= start, file.arrived_at < end)
            .order_by(file.arrival_seq)
        )
        with self._database.read() as c:
            return [(aware(arrived), aware(at)) for arrived, at in c.execute(query) if arrived.date() in days]


def _sealed(c: Connection, domain: str, days: Collection[date]) -> dict[date, int]:
    """The last arrival that the tables of a sealed day know of, of those of some days that are sealed."""
    file, of_day, removal = schema.files.c, schema.file_days, schema.removals
    query = (
        select(of_day.c.day, func.min(removal.c.seen))
        .join(removal, removal.c.arrival_seq == of_day.c.arrival_seq)
        .join(schema.files, file.arrival_seq == of_day.c.arrival_seq)
        .where(file.domain == domain)
        .group_by(of_day.c.day)
    )
    return {day: seen for some in _batches(days) for day, seen in c.execute(query.where(of_day.c.day.in_(some)))}


def _batches(values: Collection[T]) -> Iterator[list[T]]:
    every = sorted(values)
    yield from (every[start : start + _TOGETHER] for start in range(0, len(every), _TOGETHER))
