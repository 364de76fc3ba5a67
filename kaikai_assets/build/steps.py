"""A domain as a list of steps: what each table reads, what configures it, and the pure function that makes it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from kaikai_assets.alerts.judged import Judged
from kaikai_assets.alerts.rules import RuleSet
from kaikai_assets.build.origins import Span
from kaikai_assets.landing.sources import Source
from kaikai_assets.quality.conform import Conformed
from kaikai_assets.quality.contracts import Contract

WHOLE = ""
"""The one part of a table that is not partitioned."""


@dataclass(frozen=True)
class Read:
    """A table that a step reads: for a day, from ``before`` days earlier to ``after`` days later; or all of it.

    ``columns`` are those that the step gets, all if none is named.
    """

    table: str
    before: int = 0
    after: int = 0
    whole: bool = False
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """What configures a domain's steps at one moment. ``dimension`` holds the registry's rows."""

    sources: Mapping[str, Source]
    first_day: date
    dimension: pl.DataFrame


@dataclass(frozen=True)
class Made:
    """What a step made: rows by table, and for a step that reads bronze the accounts of its records."""

    tables: Mapping[str, pl.DataFrame]
    accounts: pl.DataFrame | None = None


Inputs = Mapping[str, pl.DataFrame]
Configuration = Callable[[date | None, frozenset[str]], str]


@dataclass(frozen=True)
class Step:
    """One or more tables made together.

    ``make(inputs, days, context)`` is pure: frames by table name in, frames with a ``day`` column out (none for an
    unpartitioned table), for exactly ``days``. ``reads(context)`` tells what it reads, since a registry can widen a
    window; ``reads(None)`` is the widest, which the graph shows. A ``same_day`` step makes rows of rows of their own
    day, and reads those around only to judge them: it has targets for no other days, and a day around that fails does
    not hold it up. A ``registered`` step uses the registry's rows. ``configuration(context)`` gives a function of a day
    (None: the whole table) and the sources that landed for it: a digest of what else decides its rows.
    """

    outputs: Mapping[str, Contract]
    make: Callable[[Inputs, list[date], Context], Made]
    reads: Callable[[Context | None], tuple[Read, ...]]
    configuration: Callable[[Context], Configuration]
    partitioned: bool = True
    same_day: bool = False
    registered: bool = False

    @property
    def name(self) -> str:
        return next(iter(self.outputs))


@dataclass(frozen=True)
class Picture:
    """A picture of a table: ``draw(rows, newest)`` makes a PNG of a day's rows and those of ``before`` earlier."""

    draw: Callable[[pl.DataFrame, date], bytes]
    before: int = 0


@dataclass(frozen=True)
class Report:
    """A page about a day: ``make(inputs, day)`` gives HTML that needs nothing else."""

    reads: tuple[Read, ...]
    make: Callable[[Inputs, date], str]


@dataclass(frozen=True)
class Domain:
    """A domain: its raw, bronze and derived tables. ``steps`` stand in the order in which they are built.

    ``sources`` is the folder of its source descriptions. ``dimension`` is the registry and its quarantine, made of what
    ``conform_dimension`` types: the read records of the domain's snapshot files (``source, raw_file, arrival_seq,
    arrived_at, record, defect, text``, then the file's columns). A day's readings should be there ``due_by_h`` hours
    after its end; without new ones for ``stale_after_h`` hours the tables count as stale.

    What a figure was made of is traced through ``spans`` of its tables, down to the records that ``conform`` types and
    ``merge`` makes into the rows of the table whose contract is ``readings``, over the key of that contract.

    A ``sensitive`` domain is about persons: its raw files are sealed, and from bronze on a pseudonym is the entity.

    ``pictures`` are of tables of days; each is drawn once a run. ``report`` is of published tables and others. A domain
    may have neither.

    A domain with ``rules``, the active set, has the tables ``alert_days`` and ``alerts``, whose life cycle is followed;
    ``judged`` says what rules may name, by what they are of.
    """

    name: str
    entity: str
    sources: Path
    raw: str
    bronze: str
    readings: Contract
    dimension: Mapping[str, Contract]
    steps: tuple[Step, ...]
    warehouse: str
    published: tuple[str, ...]
    due_by_h: float
    stale_after_h: float
    conform: Callable[[pl.DataFrame, Context], Conformed]
    conform_dimension: Callable[[Sequence[pl.DataFrame], Mapping[str, Source]], Conformed]
    spans: Mapping[str, Span]
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    report: Report | None = None
    sensitive: bool = False
    rules: Callable[[], RuleSet] | None = None
    judged: Mapping[str, Judged] = field(default_factory=dict)

    @property
    def alert_days(self) -> str:
        """What each day does to a rule."""
        return f"gold/{self.name}_alert_days"

    @property
    def alerts(self) -> str:
        """The episodes of the active rule set."""
        return f"gold/{self.name}_alerts"

    @property
    def alert_sources(self) -> dict[str, str]:
        """Where the numbers of each rule of the active set come from."""
        return {rule.id: rule.source for rule in self.rules().rules} if self.rules else {}

    @property
    def alert_journal(self) -> tuple[str, ...]:
        """Tables of the life cycle of alerts, published beside the lake's: status log and history."""
        return (f"gold/{self.name}_alert_status_log", f"gold/{self.name}_alert_history") if self.rules else ()

    @property
    def registry(self) -> str:
        """The registry's table."""
        return next(iter(self.dimension))

    @property
    def silver(self) -> str:
        """The table of readings, made of the records of bronze."""
        return next(name for name, contract in self.contracts.items() if contract is self.readings)

    @property
    def tables(self) -> tuple[str, ...]:
        """All tables in the lake."""
        return (self.bronze, *self.contracts)

    @property
    def contracts(self) -> dict[str, Contract]:
        """Contracts of all tables but bronze."""
        return {**self.dimension, **{name: c for step in self.steps for name, c in step.outputs.items()}}
