"""Land, build all that is pending and publish, as a process of its own: ``kaikai build`` without Dagster, which takes
seconds to start.

The root comes from the environment, and so does the fault.
``land`` as argument only lands.
"""

import sys

from kaikai_assets.build.pending import days_of
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.landing.report import LandingReport
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings


def opened(settings: Settings) -> Platform:
    """The platform as a new process opens it."""
    return Platform(settings, {AIR.name: AIR})


def bring_up_to_date(platform: Platform) -> LandingReport:
    """Land, build and publish. Raises the first error of a target."""
    report = platform.land(AIR)
    runner = platform.runner(AIR)
    for _ in range(5):
        plan = runner.plan()
        if not days_of(plan.pending) and not plan.changed - {(AIR.warehouse, "")}:
            break
        run = runner.begin()
        for _done in runner.build(run, days_of(plan.pending), {AIR.bronze, *AIR.contracts}, only_pending=True):
            pass
        for error in run.failed.values():
            raise error
    platform.publish(AIR)
    return report


if __name__ == "__main__":
    if sys.argv[1:] == ["land"]:
        opened(Settings()).land(AIR)
    else:
        bring_up_to_date(opened(Settings()))
