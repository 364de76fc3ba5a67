"""Runs, code servers and daemons are killed: the run is failed, its slot is free, and its day is built after all.

The test holds a lock that a run needs, so that the run is killed while it waits.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import duckdb
import psutil
import pytest
from filelock import FileLock

from kaikai_assets.definitions import build_platform
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.daemon import BUILD, DAEMON, DEV, ROOT, Home, code_servers, home, process_of
from kaikai_assets_tests.end_to_end.product import drop
from kaikai_assets_tests.end_to_end.test_rebuilding import day_file

pytestmark = pytest.mark.slow
DAYS = ["2025-03-01", "2025-03-02", "2025-03-03"]
FAILED, STARTED, SUCCESS = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.SUCCESS


@contextmanager
def publishing_is_held(platform: Platform) -> Iterator[None]:
    """As while another process publishes: a run builds, then waits."""
    folder = platform.settings.warehouse.parent
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{platform.settings.warehouse.name}.lock"):
        yield


def days_in_gold(platform: Platform) -> set[str]:
    """Days that an analyst finds in the published file."""
    if not platform.settings.warehouse.exists():
        return set()
    with duckdb.connect(str(platform.settings.warehouse), read_only=True) as connection:
        return {str(day) for (day,) in connection.execute("SELECT DISTINCT day FROM gold.air_daily").fetchall()}


def started_run(at: Home, instance: dg.DagsterInstance, job: str = "air_job") -> tuple[dg.DagsterRun, psutil.Process]:
    """A run that has begun, and its process."""
    (run, *_) = at.until(lambda: instance.get_runs(dg.RunsFilter(job_name=job, statuses=[STARTED])), f"{job} starts")
    return run, at.until(lambda: process_of(instance, run), "the run tells its process")


def is_failed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    found = instance.get_run_by_id(run.run_id)
    return found is not None and found.status is FAILED


def test_a_killed_dagster_dev_is_started_again_and_the_day_is_built(platform: Platform) -> None:
    at = home(platform, "local")
    drop(platform, "day.csv", day_file(DAYS[0]))
    with at.instance() as instance:
        with publishing_is_held(platform), at.running(*DEV) as dev:
            run, process = started_run(at, instance)
            os.killpg(dev.pid, signal.SIGKILL)
            at.until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, "the run is dead")
        found = instance.get_run_by_id(run.run_id)
        assert found is not None
        assert found.status is STARTED
        with at.running(*DEV):
            at.until(lambda: is_failed(instance, run), "the run is failed")
            at.until(lambda: days_in_gold(platform) == {DAYS[0]}, "the day is in gold")
        (event,) = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
        assert f"process {process.pid} of the run is gone" in (event.get_dagster_event().message or "")


def test_on_postgresql_days_are_built_whatever_is_killed(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "correct-horse"  # the server asks for none
    url = postgres_url.replace("postgres@", f"postgres:{secret}@")
    platform = build_platform(Settings(data=tmp_path / "data", settle_s=0, ledger_url=url))
    monkeypatch.setenv("KAIKAI_DAGSTER_POSTGRES_URL", url)
    at = home(platform, "server")
    with at.instance() as instance, at.running(*DAEMON) as daemon:
        drop(platform, "a.csv", day_file(DAYS[0]))
        at.until(lambda: days_in_gold(platform) == {DAYS[0]}, "a dropped file is in gold")
        with publishing_is_held(platform):
            drop(platform, "b.csv", day_file(DAYS[1]))
            alone, process = started_run(at, instance)
            process.kill()
            at.until(lambda: is_failed(instance, alone), "the killed run is failed")
        at.until(lambda: days_in_gold(platform) == set(DAYS[:2]), "the day of the killed run is in gold")
        with publishing_is_held(platform):
            drop(platform, "c.csv", day_file(DAYS[2]))
            both, process = started_run(at, instance)
            servers = code_servers(daemon)
            assert servers
            assert secret not in str([p.cmdline() for p in (daemon, *daemon.children(recursive=True))])
            for killed in (*servers, process):
                killed.kill()
            at.until(lambda: is_failed(instance, both), "the run that died with its code server is failed")
        # The daemon starts a new code server.
        at.until(lambda: days_in_gold(platform) == set(DAYS[:3]), "the day of both is in gold")
    assert platform.ledger.landed.last_arrival("air") == 3
    assert not (platform.settings.data / "ledger.sqlite").exists()
    assert secret not in (at.folder / "log").read_text(errors="replace")


def test_a_run_that_outlives_its_code_server_is_left_alone(platform: Platform) -> None:
    at = home(platform, "local")
    drop(platform, "day.csv", day_file(DAYS[0]))
    with at.instance() as instance, at.running(*DAEMON) as daemon:
        with publishing_is_held(platform):
            run, process = started_run(at, instance)
            for server in code_servers(daemon):
                server.kill()
            for _ in range(3):
                health = instance.run_launcher.check_run_worker_health(run)
                assert health.status.value == "RUNNING"
            assert process.is_running()
        at.until(lambda: instance.get_runs(dg.RunsFilter(run_ids=[run.run_id], statuses=[SUCCESS])), "the run ends")
    assert days_in_gold(platform) == {DAYS[0]}


def test_a_killed_run_is_failed_although_its_code_server_does_not_notice(platform: Platform) -> None:
    at = home(platform, "local")
    drop(platform, "day.csv", day_file(DAYS[0]))
    with at.instance() as instance, at.running(*DAEMON) as daemon, publishing_is_held(platform):
        run, process = started_run(at, instance)
        servers = code_servers(daemon)
        for server in servers:
            server.suspend()
        process.kill()
        health = at.until(lambda: _not_running(instance, run), "it is seen")
        assert health == "FAILED"
        for server in servers:
            server.resume()
        at.until(lambda: is_failed(instance, run), "the run is failed")


def _not_running(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    status = instance.run_launcher.check_run_worker_health(run).status.value
    return None if status == "RUNNING" else status


def test_the_slot_of_a_killed_landing_is_free_for_the_next(platform: Platform) -> None:
    at = home(platform, "local")
    drop(platform, "day.csv", day_file(DAYS[0]))

    def launch() -> None:
        command = [sys.executable, "-m", "dagster", "job", "launch", "-w", "workspace.yaml", "-j", "air_landing_job"]
        subprocess.run(command, cwd=ROOT, env=dict(at.environment), check=True, capture_output=True)

    with at.instance() as instance, at.running(*DAEMON):
        slots = instance.event_log_storage
        with FileLock(platform.settings.data / "landing.lock"):
            launch()
            run, process = started_run(at, instance, "air_landing_job")
            at.until(lambda: slots.get_concurrency_info("landing").active_slot_count == 1, "the run holds the slot")
            launch()
            process.kill()
            at.until(lambda: is_failed(instance, run), "the killed run is failed")
            at.until(lambda: run.run_id not in slots.get_concurrency_info("landing").active_run_ids, "its slot is free")
        next_run = dg.RunsFilter(job_name="air_landing_job", statuses=[SUCCESS])
        at.until(lambda: instance.get_runs(next_run), "the next run has the slot")


def test_a_killed_build_of_the_command_line_is_failed_by_the_daemon(platform: Platform) -> None:
    at = home(platform, "local")
    drop(platform, "day.csv", day_file(DAYS[0]))
    with at.instance() as instance:
        with publishing_is_held(platform), at.running(*BUILD) as build:
            run, process = started_run(at, instance)
            assert process.pid == build.pid
            assert instance.run_launcher.check_run_worker_health(run).status.value == "RUNNING"
            build.kill()
            at.until(lambda: instance.run_launcher.check_run_worker_health(run).status.value == "FAILED", "it is seen")
        with at.running(*DAEMON):
            at.until(lambda: is_failed(instance, run), "the run is failed")
            at.until(lambda: days_in_gold(platform) == {DAYS[0]}, "the day is in gold")
