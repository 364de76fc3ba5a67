"""The Dagster code location. ``build_defs`` makes it for any settings; importing the module only declares."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.domains.vitals.domain import VITALS
from kaikai_assets.orchestration.alerting import alerts_job, notifications_sensor
from kaikai_assets.orchestration.assets import domain_assets
from kaikai_assets.orchestration.automation import build_job, landing_job, landing_sensor
from kaikai_assets.orchestration.checks import domain_checks
from kaikai_assets.orchestration.run_log import run_log_sensors
from kaikai_assets.orchestration.schedules import morning_schedule
from kaikai_assets.orchestration.upkeep import upkeep_job, upkeep_schedule
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings

DOMAINS = {domain.name: domain for domain in (AIR, VITALS)}


def build_platform(settings: Settings | None = None) -> Platform:
    """The platform with all domains, for given settings or those of the environment."""
    return Platform(settings or Settings(), DOMAINS)


def build_defs(settings: Settings | None = None) -> dg.Definitions:
    """Assets, jobs and sensors of all domains, for given settings or those of the environment."""
    platform = build_platform(settings)
    assets, checks, schedules = [], [], []
    jobs: list[dg.JobDefinition | UnresolvedAssetJobDefinition] = []
    sensors = [*run_log_sensors(platform), notifications_sensor(platform)]
    for domain in DOMAINS.values():
        assets += domain_assets(platform, domain)
        checks += domain_checks(platform, domain)
        build, landing = build_job(domain), landing_job(platform, domain)
        upkeep = upkeep_job(platform, domain)
        jobs += [build, landing, upkeep]
        if domain.rules is not None:
            jobs.append(alerts_job(platform, domain))
        sensors.append(landing_sensor(platform, domain, build, landing))
        schedules += [morning_schedule(platform, domain, build), upkeep_schedule(domain, upkeep)]
    return dg.Definitions(
        assets=assets,
        asset_checks=checks,
        jobs=jobs,
        sensors=sensors,
        schedules=schedules,
        executor=dg.in_process_executor,
    )


defs = build_defs()
