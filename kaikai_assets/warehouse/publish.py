"""From committed tables of the lake to the warehouse: the days whose rows changed since they were published."""

from collections.abc import Callable, Collection, Mapping
from datetime import date
from types import MappingProxyType

import polars as pl

from kaikai_assets.lake.content import canonical, content_hashes
from kaikai_assets.lake.tables import Lake
from kaikai_assets.ledger.targets import Built, Target
from kaikai_assets.quality.contracts import Contract, columns, key, schema
from kaikai_assets.warehouse.duckdb_file import DuckDBFile

_DAYS = 366
"""Days written at a time, so that a first publication of many years stays in bounded memory."""


def publish(
    warehouse: DuckDBFile,
    lake: Lake,
    contracts: Mapping[str, Contract],
    built: Callable[[], Mapping[Target, Built]],
    beside: Mapping[str, tuple[Contract, pl.DataFrame]] = MappingProxyType({}),
    grown: Mapping[str, Collection[date]] = MappingProxyType({}),
) -> dict[str, int]:
    """Publish the tables in ``contracts``; number of parts written by table.

    All tables appear at once, as they are in the lake when each is read; ``built`` says what that is. ``beside`` are
    tables of days that are not in the lake: contract and rows, which of the days that have only ``grown`` are the new
    ones.
    """
    whole = {table: canonical(contract, rows) for table, (contract, rows) in beside.items()}
    hashes = {
        (table, part): output
        for table, (contract, _) in beside.items()
        for part, (_, output) in content_hashes(contract, whole[table]).items()
    }

    def of_now() -> dict[Target, str]:
        return {target: b.output for target, b in built().items() if target[0] in contracts} | hashes

    written: dict[str, int] = {}
    if not of_now().items() - warehouse.published().items():
        return written
    with warehouse.publication() as publication:
        # Looked up again: who waited for another publication knows of less than that one wrote.
        wanted = of_now()
        for table, contract in {**contracts, **{table: contract for table, (contract, _) in beside.items()}}.items():
            # A table that a new contract reshaped is wholly unpublished: its other days are due as well.
            of_grown = {day.isoformat() for day in grown.get(table, ())}
            while due := _due(table, wanted, publication.published(), of_grown):
                days = sorted(part for part in due if part)[:_DAYS]
                parts = {part: due[part] for part in days or due}
                of_days = [date.fromisoformat(day) for day in days]
                if table in whole:
                    rows = whole[table].filter(pl.col("day").is_in(of_days))
                else:
                    rows = lake.read(table, schema(contract), of_days or None)
                comments = {column.name: _comment(column.description, column.unit) for column in columns(contract)}
                publication.replace(table, parts, rows, comments, of_grown & parts.keys(), key(contract))
                written[table] = written.get(table, 0) + len(parts)
        for table, rows in whole.items():
            # Queries name it before it has its first day.
            publication.create(table, rows)
    return written


def _due(
    table: str, wanted: Mapping[Target, str], published: Mapping[Target, str], grown: Collection[str]
) -> dict[str, str]:
    # A day that has grown and lost its other rows meanwhile is not published: the next publication brings all of it.
    return {
        part: output
        for (name, part), output in wanted.items()
        if name == table and published.get((name, part)) != output and (part not in grown or (name, part) in published)
    }


def _comment(description: str, unit: str | None) -> str:
    return f"{description} [{unit}]" if unit else description
