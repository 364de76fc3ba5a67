"""The product on a small fast disk, with a clock that the test sets, to be interrupted at any write."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn
from unittest.mock import patch

import polars as pl
from hypothesis import strategies as st

from kaikai_assets import faults
from kaikai_assets.build.pending import days_of
from kaikai_assets.build.steps import WHOLE
from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.lake.content import canonical
from kaikai_assets.landing.raw import sidecars
from kaikai_assets.ledger.targets import Target
from kaikai_assets.platform import Platform
from kaikai_assets.quality.contracts import Contract, broken, columns, key, schema
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.product import DERIVED, drop, outputs, table
from kaikai_assets_tests.properties.deliveries import ARRIVAL, ATTIC, File
from kaikai_assets_tests.properties.reference import BRONZE, hashes, tables_of

TABLES = frozenset({AIR.bronze, *AIR.contracts})

some_tables = st.frozensets(st.sampled_from(sorted(TABLES)), min_size=1).map(
    lambda tables: tables | {AIR.bronze} if tables & set(AIR.steps[0].outputs) else tables
)
"""Tables to select for a run; silver never without bronze, from which it might lack records."""

_SHARED_MEMORY = Path("/dev/shm")


@dataclass
class Clock:
    """What landing takes for now."""

    now: datetime = ARRIVAL

    def __call__(self) -> datetime:
        return self.now

    def advance(self, minutes: float) -> None:
        """Set the clock on, or back."""
        self.now += timedelta(minutes=minutes)


@contextmanager
def fresh(clock: Clock, group_records: int = 1_000_000) -> Iterator[Platform]:
    """A platform on an empty data root, in memory where the machine has such a disk."""
    folder = Path(tempfile.mkdtemp(dir=_SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None))
    try:
        sources = folder / "sources" / "air"
        sources.mkdir(parents=True)
        (sources / "attic.yaml").write_text(ATTIC, encoding="utf-8")
        with patch("kaikai_assets.landing.land.utc_now", clock):
            yield build_platform(Settings(data=folder, settle_s=0, group_records=group_records))
    finally:
        shutil.rmtree(folder)


def deliver(platform: Platform, file: File, name: str) -> None:
    """Drop a file and land it."""
    drop(platform, f"{file.source}/{name}.csv", file.content)
    platform.land(AIR)


class Interrupted(BaseException):
    """The process would have been killed here."""


@contextmanager
def interrupted_before(write: int) -> Iterator[None]:
    """End the block as by a kill before its n-th durable write, if it comes to that."""

    def kill(*_: object) -> NoReturn:
        raise Interrupted

    hook = SimpleNamespace(kill=kill, getpid=lambda: 0)
    with patch.multiple(faults, _AT=write, _writes=count(1), os=hook):
        try:
            yield
        except Interrupted:
            return


def expected(platform: Platform, until: int | None = None) -> dict[Target, str]:
    """Hashes that the landed files (or those up to an arrival) should come to."""
    landed = [file for file in sidecars(platform.settings.raw) if until is None or file.arrival_seq <= until]
    return hashes(tables_of(platform, landed))


def stored(platform: Platform) -> dict[Target, str]:
    """Hashes of the rows in the lake, once each table was found to satisfy its contract."""
    found = {}
    for name, contract in {AIR.bronze: BRONZE, **AIR.contracts}.items():
        found[name] = canonical(contract, platform.lake.read(name, schema(contract)))
        assert_satisfies(contract, found[name])
    return hashes(found)


def assert_satisfies(contract: Contract, rows: pl.DataFrame) -> None:
    """No value breaks its column's contract, no key stands twice: all at once, where the product asks pandera."""
    wrong = {
        column.name: (broken(column) | (pl.col(column.name).is_null() & (not column.nullable))).any()
        for column in columns(contract)
    }
    assert rows.schema == schema(contract)
    assert not any(rows.select(**wrong).row(0))
    by = [name for name in dict.fromkeys(("day", *key(contract))) if name in rows.columns]
    assert not by or not rows.select(by).is_duplicated().any()


def days_to_build(platform: Platform) -> set[date]:
    """Days of all records, those around (a registry can move a sensor's midnight there), and those left to empty."""
    landed = {day for file in sidecars(platform.settings.raw) for day in file.days}
    around = {day + timedelta(days=shift) for day in landed for shift in (-1, 0, 1)}
    return around | days_of(platform.runner(AIR).plan().pending)


def work(platform: Platform, days: Collection[date], tables: Collection[str] = TABLES, **how: bool) -> set[Target]:
    """A run over some days and tables, as a road through Dagster starts it; what it committed."""
    runner = platform.runner(AIR)
    run = runner.begin()
    committed = {done.target for done in runner.build(run, days, tables, **{"only_pending": True, **how})}
    assert run.failed == {}
    return committed


def assert_up_to_date(platform: Platform) -> None:
    """One run builds all that is pending; then all records are accounted for, and every table is a clean rebuild."""
    days = days_to_build(platform)
    work(platform, days)
    assert platform.runner(AIR).plan().pending <= {(AIR.warehouse, WHOLE)}
    rows = expected(platform)
    assert stored(platform) == rows
    assert outputs(platform) == {target: output for target, output in rows.items() if target[0] in DERIVED}
    assert_conserved(platform)
    assert work(platform, days) == set()


def assert_conserved(platform: Platform) -> None:
    """Every record of every file leads a row, was absorbed by one, or stands in quarantine."""
    accounts = platform.ledger.targets.accounts(AIR.name)
    counted = Counter[tuple[str, str]]()
    for file in sidecars(platform.settings.raw):
        assert sum(file.days.values()) == file.records
        if file.kind == "readings":
            counted.update({(day.isoformat(), file.source): n for day, n in file.days.items()})
    assert counted == {(a.part, a.source): a.records for a in accounts}
    assert all(a.records == a.leading + a.absorbed + a.rejected for a in accounts)
    silver, aside = table(platform, "silver/air_measurements"), table(platform, "silver/air_quarantine")
    leading = {(a.part, a.source): a.leading for a in accounts if a.leading}
    rejected = {(a.part, a.source): a.rejected for a in accounts if a.rejected}
    assert leading == _by_day_and_source(silver)
    assert rejected == _by_day_and_source(aside.filter(pl.col("kind") == "record"))


def _by_day_and_source(rows: pl.DataFrame) -> dict[tuple[str, str], int]:
    return {(day.isoformat(), source): n for day, source, n in rows.group_by("day", "source").len().iter_rows()}
