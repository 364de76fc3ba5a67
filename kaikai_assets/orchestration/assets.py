"""A domain's tables as Dagster assets: one op brings a range of days through bronze, silver and gold in one process.

Each table and day is logged as it is committed, so that a run that fails half-way keeps and shows what is done.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import dagster as dg

from kaikai_assets.build.bronze import contract as bronze_contract
from kaikai_assets.build.run import Done, Run
from kaikai_assets.build.steps import Domain, Read, Step
from kaikai_assets.ledger.store import Target
from kaikai_assets.orchestration.columns import column_lineage, table_schema
from kaikai_assets.orchestration.platform import Platform
from kaikai_assets.partitions import event_days
from kaikai_assets.quality.conservation import ConservationError
from kaikai_assets.quality.contracts import Contract, ContractViolation

CONTRACT, CONSERVATION = "contract", "conservation"


class BuildConfig(dg.Config):
    """What a run does with targets that are up to date, and with raw files that bronze already holds."""

    only_pending: bool = False
    rebuild: bool = False


def key_of(table: str) -> dg.AssetKey:
    """Asset key of a table: its lake path."""
    return dg.AssetKey(table.split("/"))


def table_of(key: dg.AssetKey) -> str:
    """Table of an asset key."""
    return "/".join(key.path)


def domain_assets(platform: Platform, domain: Domain) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The external raw asset and the built tables of a domain."""
    days = event_days(platform.settings.first_day)
    raw = dg.AssetSpec(
        key_of(domain.raw),
        partitions_def=days,
        group_name=domain.name,
        owners=[f"team:{domain.name}"],
        kinds={"file"},
        description="Landed files, immutable, by event day of their records. Landing emits its events.",
    )
    specs = _specs(platform, domain, days)
    with warnings.catch_warnings():
        # Partitions on check specs are a preview of Dagster; an evaluation for each day needs them.
        warnings.simplefilter("ignore", category=dg.PreviewWarning)
        checks = [_check(CONTRACT, spec, days) for spec in specs if table_of(spec.key) in domain.contracts]
        accounted = key_of(domain.steps[0].name)
        partitioned = {spec.key for spec in specs if spec.partitions_def is not None}
        checks += [_check(CONSERVATION, spec, days) for spec in specs if spec.key == accounted]

        @dg.multi_asset(
            name=f"{domain.name}_build",
            specs=specs,
            check_specs=checks,
            can_subset=True,
            backfill_policy=dg.BackfillPolicy.multi_run(platform.settings.run_days),
        )
        def build(context: dg.AssetExecutionContext, config: BuildConfig) -> Iterator[Any]:
            selected = {table_of(key) for key in context.selected_asset_keys}
            keys = context.partition_keys if context.has_partition_key or context.has_partition_key_range else []
            checked = {(check.asset_key, check.name) for check in context.selected_asset_check_keys}
            runner = platform.runner(domain)
            run = runner.begin()
            told: set[Target] = set()
            for done in runner.build(
                run,
                [date.fromisoformat(key) for key in keys],
                selected,
                only_pending=config.only_pending,
                reparse=config.rebuild,
            ):
                # Yielded one by one: Dagster writes what is yielded, and loses what is only logged when a run dies.
                yield from _committed(done, checked, accounted)
                told.add(done.target)
            yield from _failed_checks(run, checked)
            if not config.only_pending:
                untouched = {(table_of(key), day) for key in partitioned & context.selected_asset_keys for day in keys}
                yield from _confirmed(untouched - told - run.failed.keys() - run.skipped - run.refused, run)
            if domain.warehouse in selected:
                written = platform.publish(domain)
                yield dg.MaterializeResult(asset_key=key_of(domain.warehouse), metadata={"parts": written})
            if run.failed:
                texts = {f"{t} {part}": str(error) for (t, part), error in run.failed.items()}
                raise dg.Failure(_explain(run, len(told)), texts)

    return [raw, build]


_Checked = set[tuple[dg.AssetKey, str]]


def _committed(done: Done, checked: _Checked, accounted: dg.AssetKey) -> Iterator[Any]:
    table, part = done.target
    key = key_of(table)
    rows = {"rows": done.built.rows}
    if not part:
        checks = [dg.AssetCheckResult(passed=True, asset_key=key, check_name=CONTRACT, metadata=rows)]
        selected = (key, CONTRACT) in checked
        yield dg.MaterializeResult(asset_key=key, metadata=_metadata(done), check_results=checks if selected else [])
        return
    yield dg.AssetMaterialization(key, partition=part, metadata=_metadata(done))
    yield from _evaluation(checked, key, CONTRACT, part, True, rows)
    if key == accounted:
        yield from _evaluation(checked, key, CONSERVATION, part, True, _account(done))


def _confirmed(targets: Iterable[Target], run: Run) -> Iterator[dg.AssetMaterialization]:
    """Days that a person asked for and that needed no commit: as they were built, or without any record."""
    built = run.ledger.built()
    for table, part in sorted(targets):
        rows = built[table, part].rows if (table, part) in built else 0
        metadata = {"dagster/partition_row_count": rows, "unchanged": True}
        yield dg.AssetMaterialization(key_of(table), partition=part, metadata=metadata)


def _failed_checks(run: Run, checked: _Checked) -> Iterator[Any]:
    for (table, part), error in run.failed.items():
        for check, kind in ((CONTRACT, ContractViolation), (CONSERVATION, ConservationError)):
            if isinstance(error, kind):
                yield from _evaluation(checked, key_of(table), check, part, False, {"error": str(error)})


def _evaluation(
    checked: _Checked, key: dg.AssetKey, check: str, part: str, passed: bool, metadata: Mapping[str, Any]
) -> Iterator[dg.AssetCheckEvaluation]:
    if (key, check) in checked:
        yield dg.AssetCheckEvaluation(key, check, passed, dict(metadata), blocking=True, partition=part or None)


def _specs(platform: Platform, domain: Domain, days: dg.PartitionsDefinition[str]) -> list[dg.AssetSpec]:
    contracts: dict[str, Contract] = {domain.bronze: bronze_contract(domain), **domain.contracts}

    def spec(table: str, reads: tuple[Read, ...], partitioned: bool, kinds: set[str], **metadata: Any) -> dg.AssetSpec:
        contract = contracts.get(table)
        if contract is not None:
            upstream = {read.table: contracts[read.table] for read in reads if read.table in contracts}
            metadata |= {
                "dagster/column_schema": table_schema(contract),
                "dagster/column_lineage": column_lineage(contract, upstream),
                "dagster/uri": platform.lake.uri(table),
            }
        return dg.AssetSpec(
            key_of(table),
            deps=[_dep(read) for read in reads],
            partitions_def=days if partitioned else None,
            group_name=domain.name,
            owners=[f"team:{domain.name}"],
            kinds=kinds,
            description=(contract.__doc__ or "").strip()
            if contract
            else "Gold tables as analysts read them, in DuckDB.",
            metadata=metadata,
        )

    lake = {"polars", "deltalake"}
    found = [spec(domain.bronze, (Read(domain.raw),), True, lake)]
    found += [spec(table, (Read(domain.raw, whole=True),), False, lake) for table in domain.dimension]
    for step in domain.steps:
        reads = _with_registry(step, domain)
        found += [spec(table, reads, step.partitioned, lake) for table in step.outputs]
    published = tuple(Read(table, whole=True) for table in domain.published)
    found.append(spec(domain.warehouse, published, False, {"duckdb"}, path=str(platform.settings.warehouse)))
    return found


def _with_registry(step: Step, domain: Domain) -> tuple[Read, ...]:
    return (*step.reads(None), Read(domain.registry, whole=True)) if step.registered else step.reads(None)


def _dep(read: Read) -> dg.AssetDep:
    mapping: dg.PartitionMapping | None = None
    if read.before or read.after:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", category=dg.BetaWarning)
            mapping = dg.TimeWindowPartitionMapping(
                start_offset=-read.before, end_offset=read.after, allow_nonexistent_upstream_partitions=True
            )
    return dg.AssetDep(key_of(read.table), partition_mapping=mapping)


def _check(name: str, spec: dg.AssetSpec, days: dg.PartitionsDefinition[str]) -> dg.AssetCheckSpec:
    descriptions = {
        CONTRACT: "Every row satisfies the table's contract; verified before commit.",
        CONSERVATION: "Records landed = leading + absorbed + rejected, for each source; verified before commit.",
    }
    return dg.AssetCheckSpec(
        name,
        asset=spec.key,
        blocking=True,
        description=descriptions[name],
        partitions_def=days if spec.partitions_def is not None else None,
    )


def _metadata(done: Done) -> dict[str, Any]:
    count = "dagster/partition_row_count" if done.target[1] else "dagster/row_count"
    return {count: done.built.rows, "digest": done.built.digest, "output": done.built.output, **_account(done)}


def _account(done: Done) -> dict[str, Any]:
    names = ("records", "leading", "absorbed", "rejected")
    return {name: sum(getattr(a, name) for a in done.accounts) for name in names} if done.accounts else {}


def _explain(run: Run, built: int) -> str:
    shown = [f"{table} {part}: {type(e).__name__}: {e}" for (table, part), e in list(run.failed.items())[:5]]
    more = len(run.failed) - len(shown)
    listed = "; ".join(shown) + (f"; and {more} more" if more else "")
    return f"{len(run.failed)} failed, {len(run.skipped)} skipped, {built} built. {listed}"
