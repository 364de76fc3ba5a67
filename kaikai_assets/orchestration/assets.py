"""A domain's tables as Dagster assets: one op brings a range of days through bronze, silver and gold in one process.

Each table and day is told to Dagster as it is committed: a run that fails half-way keeps and shows what is done.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import dagster as dg

from kaikai_assets.build.steps import Domain
from kaikai_assets.build.transient import is_transient
from kaikai_assets.ledger.targets import Target
from kaikai_assets.orchestration.event_log import kept_open, together
from kaikai_assets.orchestration.events import by_commit, committed, confirmed, explain, failed_checks
from kaikai_assets.orchestration.pictures import pictures
from kaikai_assets.orchestration.specs import (
    CONSERVATION,
    CONTRACT,
    check_spec,
    journal_specs,
    key_of,
    raw_spec,
    table_of,
    table_specs,
    warehouse_spec,
)
from kaikai_assets.partitions import event_days
from kaikai_assets.platform import Platform
from kaikai_assets.settings import utc_now

_RETRIES = 2
_RETRY_S = 10.0
"""What is in the way of a disk or a database is often gone in seconds; longer troubles are for the sensor."""


class BuildConfig(dg.Config):
    """What a run does with targets that are up to date, and with raw files that bronze already holds."""

    only_pending: bool = False
    rebuild: bool = False


def domain_assets(platform: Platform, domain: Domain) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The external raw asset, the lake's tables and the published file of a domain."""
    days = event_days(platform.settings.first_day)
    specs = [
        *table_specs(platform, domain, days),
        warehouse_spec(platform, domain),
        *journal_specs(platform, domain),
    ]
    with warnings.catch_warnings():
        # Partitions on check specs are a preview of Dagster; an evaluation for each day needs them.
        warnings.simplefilter("ignore", category=dg.PreviewWarning)
        checks = [check_spec(CONTRACT, spec, days) for spec in specs if table_of(spec.key) in domain.contracts]
        checks += [check_spec(CONSERVATION, spec, days) for spec in specs if spec.key == _accounted(domain)]

        @dg.multi_asset(
            name=f"{domain.name}_build",
            specs=specs,
            check_specs=checks,
            can_subset=True,
            backfill_policy=_backfill_policy(platform.settings.run_days),
        )
        def build(context: dg.AssetExecutionContext, config: BuildConfig) -> Iterator[Any]:
            retried = _retried(context.retry_number, min(_RETRY_S, platform.settings.retry_s))
            with kept_open(context.instance), retried:
                yield from _build(platform, domain, context, config)

    return [raw_spec(domain, days), build]


def _build(platform: Platform, domain: Domain, context: dg.AssetExecutionContext, config: BuildConfig) -> Iterator[Any]:
    selected = {table_of(key) for key in context.selected_asset_keys}
    keys = context.partition_keys if context.has_partition_key or context.has_partition_key_range else []
    checked = {(check.asset_key, check.name) for check in context.selected_asset_check_keys}
    runner = platform.runner(domain)
    run = runner.begin()
    told: set[Target] = set()
    done = runner.build(
        run,
        [date.fromisoformat(key) for key in keys],
        selected,
        only_pending=config.only_pending,
        reparse=config.rebuild,
    )
    for commit in by_commit(done):
        # Told commit by commit: a run that dies has told of each that it was done with.
        with together(context.instance):
            for one in commit:
                yield from committed(one, context.selected_asset_keys, checked, _accounted(domain))
        told |= {one.target for one in commit}
    yield from failed_checks(run, checked)
    if not config.only_pending:
        tables = {domain.bronze, *(name for step in domain.steps if step.partitioned for name in step.outputs)}
        untouched = {(table, day) for table in tables & selected for day in keys}
        with together(context.instance):
            yield from confirmed(untouched - told - run.failed.keys() - run.skipped - run.refused, run)
    if published := selected & {domain.warehouse, *domain.alert_journal}:
        written = platform.publish(domain)
        for table in sorted(published):
            parts = written if table == domain.warehouse else written.get(table, 0)
            yield dg.MaterializeResult(asset_key=key_of(table), metadata={"parts": parts})
    # Drawing takes seconds: nobody waits for it.
    yield from pictures(platform.lake, domain, told, utc_now().date(), context.log)
    if run.failed:
        texts = {f"{t} {part}": str(error) for (t, part), error in run.failed.items()}
        raise dg.Failure(explain(run, len(told)), texts, allow_retries=all(map(is_transient, run.failed.values())))


@contextmanager
def _retried(retries: int, wait_s: float) -> Iterator[None]:
    """Run a step again within its run, a few times, when it failed for want of a disk, a database or a lock."""
    try:
        yield
    except Exception as error:
        again = error.allow_retries if isinstance(error, dg.Failure) else is_transient(error)
        if again and retries < _RETRIES:
            raise dg.RetryRequested(_RETRIES, wait_s * 2**retries) from error
        raise


def _backfill_policy(run_days: int) -> dg.BackfillPolicy:
    return dg.BackfillPolicy.multi_run(run_days) if run_days else dg.BackfillPolicy.single_run()


def _accounted(domain: Domain) -> dg.AssetKey:
    """The table whose records are accounted for: silver."""
    return key_of(domain.steps[0].name)
