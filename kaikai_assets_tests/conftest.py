"""A platform on a fresh data root, the real raw files where they are at hand, and a PostgreSQL server."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import hypothesis
import pytest

from kaikai_assets.definitions import build_defs, build_platform
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.keys import new_keys
from kaikai_assets.settings import Settings
from kaikai_assets_tests import postgres

# Assertions of shared steps say as much as those of a test.
pytest.register_assert_rewrite("kaikai_assets_tests.properties.product")

# A loaded machine is no failure.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

REAL = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Keys of sensitive domains in the environment, for settings that are made afterwards."""
    made = new_keys()
    for name, text in made.items():
        monkeypatch.setenv(name, text)
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", settle_s=0, retry_s=0)


@pytest.fixture
def platform(settings: Settings) -> Platform:
    return build_platform(settings)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance of its own."""
    home = tmp_path / "dagster"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as made:
        yield made


@pytest.fixture
def defs(platform: Platform) -> dg.Definitions:
    return build_defs(platform.settings)


@pytest.fixture
def real_files() -> Path:
    return _at_hand(REAL / "air")


@pytest.fixture
def real_numerics() -> Path:
    return _at_hand(REAL / "vitals" / "bidmc-numerics")


def _at_hand(folder: Path) -> Path:
    if not folder.is_dir():
        pytest.skip(f"real files are not at hand: {folder}")
    return folder


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """One server for each process of the tests."""
    try:
        with postgres.server() as started:
            yield started
    except postgres.NoServer as error:
        warnings.warn(f"NOTHING is tested on PostgreSQL here: {error}", stacklevel=1)
        pytest.skip(f"no PostgreSQL server: {error}")


@pytest.fixture
def postgres_url(postgres_server: postgres.Server) -> Iterator[str]:
    """A database of its own for a test."""
    with postgres_server.database() as url:
        yield url
