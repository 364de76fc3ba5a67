"""A data root with a first delivery built and a second one in the inbox."""

import shutil
from pathlib import Path

import pytest

from kaikai_assets.settings import Settings
from kaikai_assets_tests.faults.deliveries import first_delivery, second_delivery
from kaikai_assets_tests.faults.light import bring_up_to_date, opened
from kaikai_assets_tests.faults.looking import Truth


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the data root lies; a module may put it elsewhere."""
    return tmp_path / "data"


@pytest.fixture
def settings(root: Path) -> Settings:
    """Of a data root in which the first delivery is built."""
    found = Settings(data=root, settle_s=0, retry_s=0)
    first_delivery(found.data)
    bring_up_to_date(opened(found))
    return found


@pytest.fixture
def old(settings: Settings) -> Truth:
    return Truth.of(opened(settings))


@pytest.fixture
def truth(settings: Settings, old: Truth, tmp_path: Path) -> Truth:
    """Of both deliveries, made elsewhere; the second one lies in the inbox from now on."""
    elsewhere = Settings(data=tmp_path / "undisturbed", settle_s=0)
    shutil.copytree(settings.data, elsewhere.data)
    for root in (elsewhere.data, settings.data):
        second_delivery(root)
    bring_up_to_date(opened(elsewhere))
    return Truth.of(opened(elsewhere))
