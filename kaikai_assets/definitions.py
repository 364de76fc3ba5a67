"""The Dagster code location. ``build_defs`` makes it for any settings; importing the module only declares."""

import dagster as dg

from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.orchestration.assets import domain_assets
from kaikai_assets.orchestration.automation import build_job, landing_sensor
from kaikai_assets.orchestration.checks import published_check
from kaikai_assets.orchestration.platform import Platform
from kaikai_assets.settings import Settings

DOMAINS = {domain.name: domain for domain in (AIR,)}


def build_platform(settings: Settings | None = None) -> Platform:
    """The platform with all domains, for given settings or those of the environment."""
    return Platform(settings or Settings(), DOMAINS)


def build_defs(settings: Settings | None = None) -> dg.Definitions:
    """Assets, jobs and sensors of all domains, for given settings or those of the environment."""
    platform = build_platform(settings)
    assets, checks, jobs, sensors = [], [], [], []
    for domain in DOMAINS.values():
        assets += domain_assets(platform, domain)
        checks.append(published_check(platform, domain))
        jobs.append(build_job(domain))
        sensors.append(landing_sensor(platform, domain, jobs[-1]))
    return dg.Definitions(
        assets=assets, asset_checks=checks, jobs=jobs, sensors=sensors, executor=dg.in_process_executor
    )


defs = build_defs()
