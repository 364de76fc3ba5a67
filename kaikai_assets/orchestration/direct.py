"""Runs of the domain's job without a daemon: what the command line's ``build`` does."""

import os
import socket
from collections.abc import Callable
from datetime import date
from pathlib import Path

import dagster as dg

from kaikai_assets.build.due import outside, ranges
from kaikai_assets.build.pending import Plan, days_of
from kaikai_assets.build.steps import Domain
from kaikai_assets.ledger.targets import Target
from kaikai_assets.orchestration.automation import announce, range_tags, run_config
from kaikai_assets.orchestration.event_log import kept_open
from kaikai_assets.orchestration.launcher import HOST
from kaikai_assets.orchestration.run_log import log_run
from kaikai_assets.platform import Platform
from kaikai_assets.settings import utc_now

_ROUNDS = 10
"""Plans that one call follows: each layer that changes may make later days pending, never endlessly."""

QUIET = {"console": {"config": {"log_level": "CRITICAL"}}}
"""A shell wants one line a run; everything else is in the event log."""


def instance(platform: Platform) -> dg.DagsterInstance:
    """The Dagster instance of ``DAGSTER_HOME``, by default the folder ``dagster`` of the data root."""
    home = Path(os.environ.setdefault("DAGSTER_HOME", str(platform.settings.data / "dagster")))
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    # Without it Dagster prints a page about telemetry into the first command's output. A full disk leaves it empty.
    if not settings.exists() or not settings.stat().st_size:
        settings.write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    return dg.DagsterInstance.get()


def build_pending(
    platform: Platform,
    domain: Domain,
    defs: dg.Definitions,
    dagster: dg.DagsterInstance,
    progress: Callable[[str], None],
) -> list[str]:
    """Materialize all that is pending, a range of days at a time; the errors of failed runs.

    A target that fails is tried once in a call. Days after today wait until they begin.
    """
    announce(platform, domain, dagster)
    job = defs.resolve_job_def(f"{domain.name}_job")
    failed: dict[Target, str] = {}
    for _ in range(_ROUNDS):
        plan = platform.runner(domain).plan()
        due = _due(plan, platform, set(failed))
        for start, end in due:
            with kept_open(dagster):
                result = job.execute_in_process(
                    instance=dagster,
                    raise_on_error=False,
                    tags={**range_tags(domain, start, end), HOST: socket.gethostname()},
                    run_config=run_config(domain, loggers=QUIET),
                )
            log_run(platform, dagster, result.run_id)
            progress(f"{domain.name} {start} … {end}: {'built' if result.success else 'failed'}")
            if not result.success:
                after = platform.runner(domain).plan()
                attempts = platform.ledger.targets.attempts()
                tried = {t: a.error for t, a in attempts.items() if after.digests.get(t) == a.digest}
                if not tried:
                    return [f"run {result.run_id} failed outside of any target; see it in the Dagster UI"]
                failed |= tried
        if not due:
            break
    else:
        failed |= dict.fromkeys(sorted(plan.changed - failed.keys())[:5], "is still pending after its builds succeeded")
    return [f"{table} {part or '(whole table)'}: {error}" for (table, part), error in sorted(failed.items())]


def _due(plan: Plan, platform: Platform, failed: set[Target]) -> list[tuple[date, date]]:
    """Ranges to run next; none when nothing is pending that has not just failed."""
    first, today = platform.settings.first_day, utc_now().date()
    active = plan.active(failed | outside(plan, first, today))
    days = {day for day in days_of(active) if first <= day <= today}
    if not days and any(not part for _, part in active):
        return [(today, today)]
    return ranges(days, platform.settings.run_days)
