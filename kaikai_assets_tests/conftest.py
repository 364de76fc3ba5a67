"""A platform on a fresh data root, and the real raw files where they are at hand."""

from pathlib import Path

import pytest

from kaikai_assets.definitions import build_platform
from kaikai_assets.orchestration.platform import Platform
from kaikai_assets.settings import Settings

REAL = Path(__file__).parents[2] / "shared" / "data" / "air"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", settle_s=0, retry_s=0)


@pytest.fixture
def platform(settings: Settings) -> Platform:
    return build_platform(settings)


@pytest.fixture
def real_files() -> Path:
    if not REAL.is_dir():
        pytest.skip(f"real files are not at hand: {REAL}")
    return REAL
