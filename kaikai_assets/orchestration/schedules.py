"""What happens at an hour of the day: the morning's look at what must be there."""

from datetime import timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

from kaikai_assets.build.steps import Domain
from kaikai_assets.orchestration.automation import range_tags, run_config
from kaikai_assets.platform import Platform

_DAYS = 7
"""Days that a morning looks back on."""


def morning_schedule(platform: Platform, domain: Domain, job: AssetJob) -> dg.ScheduleDefinition:
    """Builds what is pending of the last days and evaluates all checks of the domain, when a day's readings are due."""

    @dg.schedule(
        name=f"{domain.name}_morning",
        job=job,
        cron_schedule=f"{round(domain.due_by_h % 1 * 60)} {int(domain.due_by_h)} * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"{domain.due_by_h:g} h UTC: yesterday must be there. Builds what is pending and runs all checks.",
    )
    def morning(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        yesterday = context.scheduled_execution_time.date() - timedelta(days=1)
        first = max(platform.settings.first_day, yesterday - timedelta(days=_DAYS - 1))
        return dg.RunRequest(
            run_key=yesterday.isoformat(), run_config=run_config(domain), tags=range_tags(domain, first, yesterday)
        )

    return morning
