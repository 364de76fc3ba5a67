"""A platform with keys of its own: the demo key takes only simulated patients."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kaikai_assets.definitions import build_platform
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.keys import keys_of, new_keys
from kaikai_assets.privacy.pseudonyms import pseudonym
from kaikai_assets.privacy.vault import Vault
from kaikai_assets.settings import Settings

Named = Callable[[str], str]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, text in new_keys().items():
        monkeypatch.setenv(name, text)
    return Settings(data=tmp_path / "data", settle_s=0, retry_s=0)


@pytest.fixture
def platform(settings: Settings) -> Platform:
    return build_platform(settings)


@pytest.fixture
def named(settings: Settings) -> Named:
    """The pseudonym of a patient's id."""
    return lambda patient: pseudonym(keys_of(settings).pseudonym, patient)


@pytest.fixture
def device(platform: Platform) -> Named:
    """What stands for a device's id, once something landed."""
    return lambda text: Vault.opened(platform.settings, "vitals").attribute("device_id", text)
