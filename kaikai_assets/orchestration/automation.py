"""A domain's jobs and its sensor. The sensor is level-triggered: it compares what has landed with what is built."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

from kaikai_assets.build.pending import broken, days_of, requests, resting
from kaikai_assets.build.steps import Domain
from kaikai_assets.digests import digest_of
from kaikai_assets.orchestration.platform import Platform
from kaikai_assets.orchestration.specs import key_of
from kaikai_assets.settings import utc_now

_START, _END, _KEY = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end", "dagster/partition"
_PLAN = "kaikai/plan"
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

    @dg.op(name=f"{domain.name}_land")
    def land_inbox(context: dg.OpExecutionContext) -> None:
        report = platform.land(domain)
        context.log.info(f"{len(report.landed)} files landed, {len(report.rejected)} rejected")
        for event in raw_events(platform, domain):
            context.log_event(event)

    @dg.job(name=f"{domain.name}_landing_job", executor_def=dg.in_process_executor)
    def landing() -> None:
        land_inbox()

    return landing


def run_config(domain: Domain, **loggers: object) -> dict[str, object]:
    """Configuration of a run that builds only what is pending."""
    return {"ops": {f"{domain.name}_build": {"config": {"only_pending": True}}}, **loggers}


def range_tags(domain: Domain, start: date, end: date) -> dict[str, str]:
    """Tags of a run over the days from ``start`` to ``end``, both included."""
    return {_START: start.isoformat(), _END: end.isoformat(), "kaikai/domain": domain.name}


def raw_events(platform: Platform, domain: Domain) -> list[dg.AssetMaterialization]:
    """Events of raw days with new files, one a day; each is given once."""
    last = platform.ledger.last_arrival(domain.name)
    due = platform.ledger.unannounced(domain.name)
    platform.ledger.announced(domain.name, last)
    return [
        dg.AssetMaterialization(
            key_of(domain.raw), partition=day.isoformat(), metadata={"new_files": files, "new_records": records}
        )
        for day, (files, records) in sorted(due.items())
    ]


def landing_sensor(platform: Platform, domain: Domain, job: AssetJob) -> dg.SensorDefinition:
    """Lands the inbox and asks for the pending days."""
    large = landing_job(platform, domain)

    @dg.sensor(
        name=f"{domain.name}_landing",
        jobs=[job, large],
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Lands files of inbox/{domain.name} and builds the days whose inputs changed.",
    )
    def sense(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        report = platform.land(domain, tick=True)
        for name, reason in report.rejected:
            context.log.warning(f"rejected {name}: {reason}")
        events = raw_events(platform, domain)
        runs = context.instance.get_runs(dg.RunsFilter(statuses=_IN_FLIGHT))
        ours = [run for run in runs if run.job_name in (job.name, large.name, "__ASSET_JOB")]
        asked = _requests(platform, domain, job, context.instance, ours)
        if any(reason.startswith("large") for _, reason in report.left) and not any(
            run.job_name == large.name for run in ours
        ):
            asked.append(dg.RunRequest(job_name=large.name))
        if not events and not asked:
            return dg.SkipReason("nothing new has landed, no day is pending that is not in flight")
        return dg.SensorResult(run_requests=asked, asset_events=events)

    return sense


def _requests(
    platform: Platform, domain: Domain, job: AssetJob, instance: dg.DagsterInstance, runs: Iterable[dg.DagsterRun]
) -> list[dg.RunRequest]:
    plan = platform.runner(domain).plan()
    settings, now = platform.settings, utc_now()
    attempts = platform.ledger.attempts()
    held = broken(plan, attempts, settings.attempts).keys() | resting(plan, attempts, now, settings.retry_s)
    active = plan.active(held)
    today = now.date()
    days = {day for day in days_of(active) if settings.first_day <= day <= today}
    flying = days_in_flight(run.tags for run in runs)
    asked = requests(days, flying, today, settings.run_days)
    if not days and not flying and any(not part for _, part in active):
        # Only tables without partitions are behind: any day carries them, and costs nothing where it is up to date.
        asked.append((today, today))
    found = []
    for start, end in asked:
        wanted = [t for t in active if not t[1] or start <= date.fromisoformat(t[1]) <= end]
        stamp = digest_of(sorted((*target, plan.digests[target]) for target in wanted))
        # Runs that end without changing anything must end too: the same work is asked for a bounded number of times.
        if instance.get_runs_count(dg.RunsFilter(tags={_PLAN: stamp})) < settings.attempts:
            tags = {**range_tags(domain, start, end), _PLAN: stamp}
            found.append(dg.RunRequest(job_name=job.name, run_config=run_config(domain), tags=tags))
    return found


def days_in_flight(tags: Iterable[Mapping[str, str]]) -> set[date]:
    """Days of the runs that have these tags."""
    days: set[date] = set()
    for of_run in tags:
        start, end = of_run.get(_START, of_run.get(_KEY)), of_run.get(_END, of_run.get(_KEY))
        if start and end:
            first, last = date.fromisoformat(start), date.fromisoformat(end)
            days |= {first + timedelta(days=n) for n in range((last - first).days + 1)}
    return days
