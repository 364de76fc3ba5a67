"""What Dagster shows of a domain's tables: keys, dependencies with their windows, columns, checks."""

import warnings
from collections.abc import Mapping
from datetime import timedelta

import dagster as dg

from kaikai_assets.build.bronze import all_contracts
from kaikai_assets.build.steps import Domain, Read, Step
from kaikai_assets.orchestration.columns import column_lineage, table_schema
from kaikai_assets.platform import Platform
from kaikai_assets.quality.contracts import Contract

CONTRACT, CONSERVATION = "contract", "conservation"

_LAKE = {"polars", "deltalake"}


def key_of(table: str) -> dg.AssetKey:
    """Asset key of a table: its lake path."""
    return dg.AssetKey(table.split("/"))


def table_of(key: dg.AssetKey) -> str:
    """Table of an asset key."""
    return "/".join(key.path)


def freshness(domain: Domain) -> dg.FreshnessPolicy:
    """New readings are expected at least this often; a warning comes at half the time."""
    stale = timedelta(hours=domain.stale_after_h)
    return dg.FreshnessPolicy.time_window(fail_window=stale, warn_window=stale / 2)


def raw_spec(domain: Domain, days: dg.PartitionsDefinition[str]) -> dg.AssetSpec:
    """The external asset of landed files."""
    return dg.AssetSpec(
        key_of(domain.raw),
        partitions_def=days,
        group_name=domain.name,
        owners=[f"team:{domain.name}"],
        kinds={"file"},
        freshness_policy=freshness(domain),
        description="Landed files, immutable, by event day of their records. Landing emits its events.",
    )


def table_specs(platform: Platform, domain: Domain, days: dg.PartitionsDefinition[str]) -> list[dg.AssetSpec]:
    """The lake's tables, from bronze to gold."""
    contracts: dict[str, Contract] = all_contracts(domain)

    def spec(table: str, reads: tuple[Read, ...], partitioned: bool) -> dg.AssetSpec:
        upstream = {read.table: contracts[read.table] for read in reads if read.table in contracts}
        return dg.AssetSpec(
            key_of(table),
            deps=[_dep(read, windows) for read in reads],
            partitions_def=days if partitioned else None,
            group_name=domain.name,
            owners=[f"team:{domain.name}"],
            kinds=_LAKE,
            # Other tables are built only when what they read changed: silence says nothing there.
            freshness_policy=freshness(domain) if table == domain.steps[0].name else None,
            description=(contracts[table].__doc__ or "").strip(),
            metadata={
                "dagster/column_schema": table_schema(contracts[table]),
                "dagster/column_lineage": column_lineage(contracts[table], upstream),
                "dagster/uri": platform.lake.uri(table),
            },
        )

    # Within one op Dagster takes one window of a table, whoever reads it: the widest.
    windows: dict[str, tuple[int, int]] = {}
    for read in (read for step in domain.steps for read in step.reads(None)):
        before, after = windows.get(read.table, (0, 0))
        windows[read.table] = max(before, read.before), max(after, read.after)
    found = [spec(domain.bronze, (Read(domain.raw),), True)]
    found += [spec(table, (Read(domain.raw, whole=True),), False) for table in domain.dimension]
    for step in domain.steps:
        found += [spec(table, _with_registry(step, domain), step.partitioned) for table in step.outputs]
    return found


def warehouse_spec(platform: Platform, domain: Domain) -> dg.AssetSpec:
    """The published file."""
    # A table that another one reads through a window is left out: within one op Dagster would take that window for this
    # dependency too, and refuses a window where nothing is partitioned. Its reader stands for it in the graph.
    windowed = {read.table for step in domain.steps for read in step.reads(None) if read.before or read.after}
    return dg.AssetSpec(
        key_of(domain.warehouse),
        deps=[key_of(table) for table in domain.published if table not in windowed],
        group_name=domain.name,
        owners=[f"team:{domain.name}"],
        kinds={"duckdb"},
        freshness_policy=freshness(domain),
        description="Gold tables as analysts read them, in DuckDB.",
        metadata={"path": str(platform.settings.warehouse)},
    )


def journal_specs(platform: Platform, domain: Domain) -> list[dg.AssetSpec]:
    """Status log and history of alerts, published beside gold. People and the platform write them, not only data."""
    contracts = platform.alert_contracts(domain)
    return [
        dg.AssetSpec(
            key_of(table),
            deps=[key_of(domain.alerts)],
            group_name=domain.name,
            owners=[f"team:{domain.name}"],
            kinds={"duckdb"},
            description=(contract.__doc__ or "").strip(),
            metadata={"dagster/column_schema": table_schema(contract), "path": str(platform.settings.warehouse)},
        )
        for table, contract in contracts.items()
    ]


def _with_registry(step: Step, domain: Domain) -> tuple[Read, ...]:
    return (*step.reads(None), Read(domain.registry, whole=True)) if step.registered else step.reads(None)


def _dep(read: Read, windows: Mapping[str, tuple[int, int]]) -> dg.AssetDep:
    mapping: dg.PartitionMapping | None = None
    before, after = windows.get(read.table, (0, 0))
    if before or after:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", category=dg.BetaWarning)
            mapping = dg.TimeWindowPartitionMapping(
                start_offset=-before, end_offset=after, allow_nonexistent_upstream_partitions=True
            )
    return dg.AssetDep(key_of(read.table), partition_mapping=mapping)


def check_spec(name: str, spec: dg.AssetSpec, days: dg.PartitionsDefinition[str]) -> dg.AssetCheckSpec:
    descriptions = {
        CONTRACT: "Every row satisfies the table's contract; verified before commit.",
        CONSERVATION: "Records landed = leading + absorbed + rejected + erased, by source; verified before commit.",
    }
    return dg.AssetCheckSpec(
        name,
        asset=spec.key,
        blocking=True,
        description=descriptions[name],
        partitions_def=days if spec.partitions_def is not None else None,
    )
