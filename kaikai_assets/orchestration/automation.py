"""A domain's jobs and its sensor. The sensor is level-triggered: it compares what has landed with what is built."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

from kaikai_assets.build.due import due, rests
from kaikai_assets.build.steps import Domain
from kaikai_assets.digests import digest_of
from kaikai_assets.orchestration.checks import changed_standing
from kaikai_assets.orchestration.event_log import kept_open, together
from kaikai_assets.orchestration.specs import key_of
from kaikai_assets.platform import Platform
from kaikai_assets.settings import utc_now

_START, _END, _KEY = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end", "dagster/partition"
_PLAN = "kaikai/plan"
_TOLD = 300
"""Most raw days told in a tick: each is a write to Dagster's event log, and a tick has a minute in all."""
DOMAIN = "kaikai/domain"
"""Tag of a run: its domain."""
_IN_FLIGHT = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def build_job(domain: Domain) -> AssetJob:
    """Job that builds a domain's tables for a range of days, in one process."""
    return dg.define_asset_job(
        f"{domain.name}_job",
        selection=dg.AssetSelection.groups(domain.name) - dg.AssetSelection.assets(key_of(domain.raw)),
        executor_def=dg.in_process_executor,
        description=f"Bronze, silver, gold and warehouse of {domain.name} for a range of days.",
    )


def landing_job(platform: Platform, domain: Domain) -> dg.JobDefinition:
    """Job that lands the whole inbox, for files too large for a sensor's tick."""

    @dg.op(name=f"{domain.name}_land", pool="landing")
    def land_inbox(context: dg.OpExecutionContext) -> None:
        report = platform.land(domain)
        context.log.info(f"{len(report.landed)} files landed, {len(report.rejected)} rejected")
        announce(platform, domain, context.instance)

    @dg.job(name=f"{domain.name}_landing_job", executor_def=dg.in_process_executor)
    def landing() -> None:
        land_inbox()

    return landing


def run_config(domain: Domain, **loggers: object) -> dict[str, object]:
    """Configuration of a run that builds only what is pending."""
    return {"ops": {f"{domain.name}_build": {"config": {"only_pending": True}}}, **loggers}


def range_tags(domain: Domain, start: date, end: date) -> dict[str, str]:
    """Tags of a run over the days from ``start`` to ``end``, both included."""
    return {_START: start.isoformat(), _END: end.isoformat(), DOMAIN: domain.name}


def announce(platform: Platform, domain: Domain, instance: dg.DagsterInstance, most: int | None = None) -> int:
    """Tell Dagster of (at ``most`` so many) raw days with new files, the newest first, one event each; the number of
    days. After a kill some are told again."""
    last = platform.ledger.landed.last_arrival(domain.name)
    told = sorted(platform.ledger.landed.unannounced(domain.name).items(), reverse=True)[:most]
    with kept_open(instance), together(instance):
        for day, (files, records) in told:
            metadata = {"new_files": files, "new_records": records}
            instance.report_runless_asset_event(
                dg.AssetMaterialization(key_of(domain.raw), partition=day.isoformat(), metadata=metadata)
            )
    platform.ledger.landed.announced(domain.name, [day for day, _ in told], last)
    return len(told)


def landing_sensor(platform: Platform, domain: Domain, job: AssetJob, large: dg.JobDefinition) -> dg.SensorDefinition:
    """Lands the inbox, asks for the pending days, and says when what needs a person changes."""

    @dg.sensor(
        name=f"{domain.name}_landing",
        jobs=[job, large],
        # The daemon looks every 5 seconds, and skips a sensor whose interval is not quite over.
        minimum_interval_seconds=4,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Lands files of inbox/{domain.name} and builds the days whose inputs changed.",
    )
    def sense(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        report = platform.land(domain, tick=True)
        for name, reason in report.rejected:
            context.log.warning(f"rejected {name}: {reason}")
        for name, reason in report.stuck:
            context.log.warning(f"stays in the inbox: {name}: {reason}")
        announced = announce(platform, domain, context.instance, _TOLD)
        runs = context.instance.get_runs(dg.RunsFilter(statuses=_IN_FLIGHT))
        ours = [run for run in runs if run.job_name in (job.name, large.name, "__ASSET_JOB")]
        now, plan = utc_now(), platform.runner(domain).plan()
        attempts = platform.ledger.targets.attempts()
        wanted = due(plan, attempts, ranges_in_flight(run.tags for run in ours), now, platform.settings)
        asked = [
            dg.RunRequest(
                job_name=job.name,
                run_config=run_config(domain),
                tags={**range_tags(domain, request.start, request.end), _PLAN: request.stamp},
            )
            for request in wanted
        ]
        waiting = sorted(name for name, reason in report.left if reason.startswith("large"))
        if waiting and not any(run.job_name == large.name for run in ours):
            asked.append(dg.RunRequest(job_name=large.name, tags={DOMAIN: domain.name, _PLAN: digest_of(waiting)}))
        asked = [one for one in asked if not _rests(context.instance, one.tags[_PLAN], now, platform.settings.retry_s)]
        said = changed_standing(platform, domain, plan, context.instance, flying=bool(ours))
        news = [] if said is None else [said]
        if not asked and not news:
            return dg.SkipReason(
                f"{len(report.landed)} files landed, {announced} raw days told; no day to ask for that is not in flight"
            )
        return dg.SensorResult(run_requests=asked, asset_events=news)

    return sense


def _rests(instance: dg.DagsterInstance, stamp: str, now: datetime, retry_s: float) -> bool:
    """Whether the same work was asked for so recently that it must wait: runs may end without changing anything."""
    same = dg.RunsFilter(tags={_PLAN: stamp})
    last = instance.get_run_records(same, limit=1)
    return bool(last) and rests(instance.get_runs_count(same), last[0].create_timestamp, now, retry_s)


def ranges_in_flight(tags: Iterable[Mapping[str, str]]) -> list[tuple[date, date]]:
    """Days, first and last, of the runs that have these tags."""
    found = []
    for of_run in tags:
        start, end = of_run.get(_START, of_run.get(_KEY)), of_run.get(_END, of_run.get(_KEY))
        if start and end:
            found.append((date.fromisoformat(start), date.fromisoformat(end)))
    return found
