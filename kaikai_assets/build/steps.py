"""A domain as a list of steps: what each table reads, what configures it, and the pure function that makes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from kaikai_assets.landing.sources import Source
from kaikai_assets.quality.contracts import Contract

WHOLE = ""
"""The one part of a table that is not partitioned."""


@dataclass(frozen=True)
class Read:
    """A table that a step reads: for a day, from ``before`` days earlier to ``after`` days later; or all of it."""

    table: str
    before: int = 0
    after: int = 0
    whole: bool = False


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
    window; ``reads(None)`` is the widest, which the graph shows. A ``registered`` step uses the registry's rows.
    ``configuration(context)`` gives a function of a day (None: the whole table) and the sources that landed for it: a
    digest of what else decides its rows.
    """

    outputs: Mapping[str, Contract]
    make: Callable[[Inputs, list[date], Context], Made]
    reads: Callable[[Context | None], tuple[Read, ...]]
    configuration: Callable[[Context], Configuration]
    partitioned: bool = True
    registered: bool = False

    @property
    def name(self) -> str:
        return next(iter(self.outputs))


@dataclass(frozen=True)
class Domain:
    """A domain: its raw, bronze and derived tables. ``steps`` stand in the order in which they are built.

    ``sources`` is the folder of its source descriptions. ``dimension`` is the registry and its quarantine, made by
    ``make_dimension`` from the read records of the domain's snapshot files (``source, raw_file, arrival_seq,
    arrived_at, record, defect, text``, then the file's columns).
    """

    name: str
    entity: str
    sources: Path
    raw: str
    bronze: str
    readings: Contract
    dimension: Mapping[str, Contract]
    make_dimension: Callable[[list[pl.DataFrame], Mapping[str, Source]], Mapping[str, pl.DataFrame]]
    steps: tuple[Step, ...]
    warehouse: str
    published: tuple[str, ...]

    @property
    def registry(self) -> str:
        """The registry's table."""
        return next(iter(self.dimension))

    @property
    def contracts(self) -> dict[str, Contract]:
        """Contracts of all tables but bronze."""
        return {**self.dimension, **{name: c for step in self.steps for name, c in step.outputs.items()}}
