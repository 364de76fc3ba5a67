"""What landed files must become, computed a second way: all of them at once, in memory.

Neither lake nor ledger, digest, plan or window takes part: only a domain's pure functions, over whole tables.
"""

from collections.abc import Iterable
from datetime import timedelta

import polars as pl

from kaikai_assets.build.bronze import contract as bronze_contract
from kaikai_assets.build.steps import Context
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.lake.content import canonical, content_hashes
from kaikai_assets.landing.parse import parse
from kaikai_assets.landing.raw import Landed
from kaikai_assets.landing.readers import read_records
from kaikai_assets.ledger.targets import Target
from kaikai_assets.platform import Platform
from kaikai_assets.quality.contracts import metrics, schema
from kaikai_assets.quality.registry import registry_tables

BRONZE = bronze_contract(AIR)

Tables = dict[str, pl.DataFrame]


def tables_of(platform: Platform, landed: Iterable[Landed]) -> Tables:
    """Canonical rows of bronze and of every derived table, made of some landed files."""
    files = list(landed)
    registry = registry_of(platform, [file for file in files if file.kind == "snapshot"])
    bronze = bronze_of(platform, [file for file in files if file.kind == "readings"])
    context = Context(platform.sources(AIR), platform.settings.first_day, registry[AIR.registry])
    return {**registry, AIR.bronze: bronze, **derived(bronze, context)}


def bronze_of(platform: Platform, files: Iterable[Landed]) -> pl.DataFrame:
    sources, settings = platform.sources(AIR), platform.settings
    parsed = [
        rows
        for file in files
        for rows in parse(
            settings.raw / file.raw_file,
            sources[file.source],
            entity=AIR.entity,
            metrics=[metric.name for metric in metrics(AIR.readings)],
            raw_file=file.raw_file,
            arrival_seq=file.arrival_seq,
            arrived_at=file.arrived_at,
            first_day=settings.first_day,
            max_bytes=settings.max_unpacked_bytes,
        )
    ]
    # How a file was parsed is told by a column that no comparison looks at.
    rows = pl.concat(parsed, how="diagonal_relaxed") if parsed else pl.DataFrame(schema=schema(BRONZE))
    return canonical(BRONZE, rows.with_columns(parse=pl.lit("")))


def registry_of(platform: Platform, files: Iterable[Landed]) -> Tables:
    sources, settings = platform.sources(AIR), platform.settings
    frames = [
        read_records(settings.raw / file.raw_file, sources[file.source], settings.max_unpacked_bytes).with_columns(
            source=pl.lit(file.source),
            raw_file=pl.lit(file.raw_file),
            arrival_seq=pl.lit(file.arrival_seq, pl.Int64),
            arrived_at=pl.lit(file.arrived_at).dt.cast_time_unit("us"),
        )
        for file in files
    ]
    made = registry_tables(frames, sources, AIR.conform_dimension, AIR.dimension, AIR.entity)
    return {table: canonical(contract, made[table]) for table, contract in AIR.dimension.items()}


def derived(bronze: pl.DataFrame, context: Context) -> Tables:
    """Tables that the domain's steps make of bronze, each step over all days at once."""
    tables = {AIR.bronze: bronze}
    days = sorted({day + timedelta(days=shift) for day in bronze["day"].unique() for shift in (-1, 0, 1)})
    for step in AIR.steps:
        inputs = {read.table: tables[read.table] for read in step.reads(context)}
        made = step.make(inputs, days if step.partitioned else [], context)
        tables |= {table: canonical(contract, made.tables[table]) for table, contract in step.outputs.items()}
    del tables[AIR.bronze]
    return tables


def hashes(tables: Tables) -> dict[Target, str]:
    """Content hash of each (table, day) that holds rows."""
    contracts = {AIR.bronze: BRONZE, **AIR.contracts}
    return {
        (table, part): output
        for table, rows in tables.items()
        for part, (n, output) in content_hashes(contracts[table], rows).items()
        if n
    }
