"""What ``doctor`` says of the keys of a sensitive domain."""

import pytest

from kaikai_assets.operations.key_health import key_findings
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.keys import KeyProblem, keys_of, new_keys
from kaikai_assets.settings import Settings
from kaikai_assets_tests.privacy.conftest import Clinic
from kaikai_assets_tests.privacy.test_landing import WARD


def found(clinic: Clinic, *, deep: bool = False) -> list[tuple[str, str]]:
    """Findings by a platform that reads the environment anew."""
    platform = Platform(Settings(data=clinic.settings.data, settle_s=0), clinic.platform.domains)
    return [(finding.severity, finding.what) for finding in key_findings(platform, clinic.domain, deep=deep)]


def test_keys_that_open_all_are_sound(clinic: Clinic) -> None:
    assert found(clinic) == []
    clinic.drop("ward/a.csv", WARD)
    clinic.land()
    assert found(clinic, deep=True) == [
        ("ok", "air: the keys are those of the key store, and open each sealed file (1)")
    ]


def test_a_wrong_key_and_a_lost_one_are_errors(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic.drop("ward/a.csv", WARD)
    (landed,) = clinic.land().landed
    (clinic.settings.key_store / "keys.sqlite").rename(clinic.settings.data / "aside")
    ((level, what),) = found(clinic)
    assert (level, "there is no key store" in what) == ("error", True)
    clinic.drop("ward/b.csv", WARD.replace("10:00", "09:00"))
    ((_, reason),) = clinic.land().left
    assert "there is no key store" in reason
    (clinic.settings.data / "aside").rename(clinic.settings.key_store / "keys.sqlite")
    raw = clinic.settings.raw / landed.raw_file
    raw.write_bytes(raw.read_bytes()[:-1] + b"\0")
    ((level, what),) = found(clinic, deep=True)
    assert (level, landed.raw_file in what) == ("error", True)
    monkeypatch.setenv("KAIKAI_PSEUDONYM_KEY", new_keys()["KAIKAI_PSEUDONYM_KEY"])
    ((level, what),) = found(clinic)
    assert (level, "KAIKAI_PSEUDONYM_KEY is not the one" in what) == ("error", True)


def test_the_demo_key_is_told(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in new_keys():
        monkeypatch.delenv(name)
    ((level, what),) = found(clinic)
    assert (level, "demo key" in what) == ("ok", True)


@pytest.mark.parametrize("text", ["", "abc", "0" * 63, "g" * 64, "0" * 66])
def test_a_key_that_is_none_is_refused_without_being_shown(text: str, keys: dict[str, str]) -> None:
    given = Settings.model_validate({"pseudonym_key": text, "encryption_key": keys["KAIKAI_ENCRYPTION_KEY"]})
    with pytest.raises(KeyProblem, match="KAIKAI_PSEUDONYM_KEY") as refused:
        keys_of(given)
    assert not text or text not in str(refused.value)
