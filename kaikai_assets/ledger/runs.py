"""The execution log: one row a run of Dagster. A journal: nothing else can tell it again."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select

from kaikai_assets.ledger import schema
from kaikai_assets.ledger.database import Database, aware, naive


@dataclass(frozen=True)
class LoggedRun:
    """A run: when, what it was asked for, how it ended, how many rows it moved. Instants are UTC."""

    run_id: str
    job: str
    domain: str
    days: str
    status: str
    started_at: datetime | None
    ended_at: datetime | None
    rows_in: int
    rows_out: int
    rejected: int
    error: str


class RunLog:
    """The ledger's table of runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, run: LoggedRun) -> None:
        """Note a run, in the place of what was noted of it before."""
        t = schema.pipeline_execution_log
        row = asdict(run)
        for name in ("started_at", "ended_at"):
            row[name] = None if row[name] is None else naive(row[name])
        with self._database.write() as c:
            c.execute(delete(t).where(t.c.run_id == run.run_id))
            c.execute(insert(t), row)

    def latest(self, most: int) -> list[LoggedRun]:
        """The runs that started last, the latest first."""
        t = schema.pipeline_execution_log
        with self._database.read() as c:
            rows = (
                c.execute(select(t).order_by(t.c.started_at.desc().nulls_last(), t.c.run_id).limit(most))
                .mappings()
                .all()
            )
        return [
            LoggedRun(**{**row, "started_at": _utc(row["started_at"]), "ended_at": _utc(row["ended_at"])})
            for row in rows
        ]


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else aware(at)
