"""The shipped Dagster configurations are valid for the installed Dagster."""

import shutil
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.config import dagster_instance_config
from dagster._core.run_coordinator import QueuedRunCoordinator

ROOT = Path(__file__).parents[1]


def test_the_local_configuration_starts_an_instance(tmp_path: Path) -> None:
    shutil.copyfile(ROOT / "dagster.local.yaml", tmp_path / "dagster.yaml")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
        assert instance.run_monitoring_enabled
        assert not instance.telemetry_enabled


def test_the_server_configuration_is_valid_and_takes_its_secrets_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAIKAI_DAGSTER_POSTGRES_URL", "postgresql+psycopg2://nobody@localhost/none")
    shutil.copyfile(ROOT / "dagster.server.yaml", tmp_path / "dagster.yaml")
    config, _ = dagster_instance_config(str(tmp_path))
    assert config["storage"]["postgres"]["postgres_url"] == {"env": "KAIKAI_DAGSTER_POSTGRES_URL"}
