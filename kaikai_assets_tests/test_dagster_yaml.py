"""The shipped Dagster configurations load, and runs go through them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.run_coordinator import QueuedRunCoordinator

from kaikai_assets.definitions import build_defs
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.orchestration.direct import build_pending
from kaikai_assets.orchestration.launcher import WatchingRunLauncher
from kaikai_assets.platform import Platform
from kaikai_assets_tests.end_to_end.product import drop, materialized, table
from kaikai_assets_tests.end_to_end.test_rebuilding import day_file

ROOT = Path(__file__).parents[1]
DAYS = {"2025-03-01", "2025-03-02"}


@pytest.fixture(params=["local", "server"])
def instance(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    if request.param == "server":
        monkeypatch.setenv("KAIKAI_DAGSTER_POSTGRES_URL", request.getfixturevalue("postgres_url"))
    home = tmp_path / "home"
    home.mkdir()
    shutil.copyfile(ROOT / f"dagster.{request.param}.yaml", home / "dagster.yaml")
    with dg.DagsterInstance.from_config(str(home)) as opened:
        yield opened
    assert (request.param == "local") == any(home.rglob("*.db"))


def test_a_configuration_loads_as_it_is_meant(instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.run_launcher, WatchingRunLauncher)
    assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_max_resume_run_attempts == 0
    assert instance.event_log_storage.supports_global_concurrency_limits
    assert instance.get_concurrency_config().pool_config.default_pool_limit == 1
    assert not instance.telemetry_enabled


def test_the_job_runs_through_a_configuration(instance: dg.DagsterInstance, platform: Platform) -> None:
    for day in DAYS:
        drop(platform, f"{day}.csv", day_file(day))
    platform.land(AIR)
    assert build_pending(platform, AIR, build_defs(platform.settings), instance, lambda _: None) == []
    assert materialized(instance, "gold/air_daily") == DAYS
    assert {str(day) for day in table(platform, "gold/air_daily")["day"]} == DAYS
    assert {run.status for run in instance.get_runs()} == {dg.DagsterRunStatus.SUCCESS}
