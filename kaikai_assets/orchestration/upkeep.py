"""The nightly upkeep of a domain: compaction of its tables, retention where it is set, what Dagster was not told."""

import dagster as dg

from kaikai_assets.build.steps import Domain
from kaikai_assets.operations.compaction import compact
from kaikai_assets.operations.retention import retain
from kaikai_assets.orchestration.event_log import kept_open, together
from kaikai_assets.orchestration.specs import key_of
from kaikai_assets.platform import Platform
from kaikai_assets.settings import utc_now

POOL = "upkeep"
"""Pool of what rewrites the lake without changing it: one at a time, whatever the number of run slots."""


def tell(platform: Platform, domain: Domain, instance: dg.DagsterInstance) -> int:
    """Tell Dagster of built days that it does not know of: a run was killed after a commit and before it said so."""
    missing = {
        (table, part): built
        for (table, part), built in platform.ledger.targets.built().items()
        if part and table in domain.tables
    }
    for table in {table for table, _ in missing}:
        for part in instance.get_materialized_partitions(key_of(table)):
            missing.pop((table, part), None)
    with kept_open(instance), together(instance):
        for (table, part), built in sorted(missing.items(), key=lambda item: item[0]):
            metadata = {"dagster/partition_row_count": built.rows, "unchanged": True}
            told = dg.AssetMaterialization(key_of(table), partition=part, metadata=metadata)
            instance.report_runless_asset_event(told)
    return len(missing)


def upkeep_job(platform: Platform, domain: Domain) -> dg.JobDefinition:
    """Job of one op; safe beside running builds, which it leaves the tables that they are committing to."""

    @dg.op(name=f"{domain.name}_compact", pool=POOL)
    def compact_lake(context: dg.OpExecutionContext) -> None:
        report = compact(platform, domain, dry_run=False)
        for table, tidied in report.tables.items():
            context.log.info(f"{table}: {tidied.merged} files merged, {tidied.removed} removed")
        for reason in report.busy.values():
            context.log.info(f"left for the next time: {reason}")

    @dg.op(name=f"{domain.name}_retain", pool=POOL)
    def retain_raw(context: dg.OpExecutionContext) -> None:
        report = retain(platform, domain, utc_now(), dry_run=False)
        context.log.info(f"{len(report.files)} raw files removed, {len(report.sealed)} days sealed")

    @dg.op(name=f"{domain.name}_tell")
    def tell_dagster(context: dg.OpExecutionContext) -> None:
        told = tell(platform, domain, context.instance)
        context.log.info(f"{told} built days told to Dagster that it did not know of")

    @dg.job(
        name=f"{domain.name}_upkeep_job",
        executor_def=dg.in_process_executor,
        description=f"Compaction of the lake's tables of {domain.name}, and retention where it is set.",
    )
    def upkeep() -> None:
        compact_lake()
        retain_raw()
        tell_dagster()

    return upkeep


def upkeep_schedule(domain: Domain, job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """Runs the upkeep at night, before the day's readings are due."""
    return dg.ScheduleDefinition(
        name=f"{domain.name}_upkeep",
        job=job,
        cron_schedule="30 2 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="02:30 UTC: compaction of the lake, and retention where it is set.",
    )
