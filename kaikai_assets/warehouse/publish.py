"""From committed tables of the lake to the warehouse: the days whose rows changed since they were published."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

import polars as pl

from kaikai_assets.lake.content import canonical, content_hashes
from kaikai_assets.lake.tables import Lake
from kaikai_assets.ledger.targets import Built, Target
from kaikai_assets.quality.contracts import Contract, columns, schema
from kaikai_assets.warehouse.duckdb_file import DuckDBFile

_DAYS = 366
"""Days written at a time, so that a first publication of many years stays in bounded memory."""


def publish(
    warehouse: DuckDBFile,
    lake: Lake,
    contracts: Mapping[str, Contract],
    built: Mapping[Target, Built],
    beside: Mapping[str, tuple[Contract, pl.DataFrame]] = MappingProxyType({}),
) -> dict[str, int]:
    """Publish the tables in ``contracts``; number of parts written by table.

    All tables appear at once, as they are in the lake when each is read. ``beside`` are tables of days that are not in
    the lake: contract and rows. Look up what is given here where nobody else publishes (``DuckDBFile.alone``).
    """
    wanted = {target: b.output for target, b in built.items() if target[0] in contracts}
    whole = {table: canonical(contract, rows) for table, (contract, rows) in beside.items()}
    for table, (contract, _) in beside.items():
        wanted |= {(table, part): output for part, (_, output) in content_hashes(contract, whole[table]).items()}
    written: dict[str, int] = {}
    if not set(wanted.items()) - set(warehouse.published().items()):
        return written
    with warehouse.publication() as publication:
        for table, contract in {**contracts, **{table: contract for table, (contract, _) in beside.items()}}.items():
            # A table that a new contract reshaped is wholly unpublished: its other days are due as well.
            while due := _due(table, wanted, publication.published()):
                days = sorted(part for part in due if part)[:_DAYS]
                parts = {part: due[part] for part in days or due}
                of_days = [date.fromisoformat(day) for day in days]
                if table in whole:
                    rows = whole[table].filter(pl.col("day").is_in(of_days))
                else:
                    rows = lake.read(table, schema(contract), of_days or None)
                comments = {column.name: _comment(column.description, column.unit) for column in columns(contract)}
                publication.replace(table, parts, rows, comments)
                written[table] = written.get(table, 0) + len(parts)
        for table, rows in whole.items():
            # Queries name it before it has its first day.
            publication.create(table, rows)
    return written


def _due(table: str, wanted: Mapping[Target, str], published: Mapping[Target, str]) -> dict[str, str]:
    return {
        part: output
        for (name, part), output in wanted.items()
        if name == table and published.get((name, part)) != output
    }


def _comment(description: str, unit: str | None) -> str:
    return f"{description} [{unit}]" if unit else description
