"""``kaikai privacy`` as a person types it, on the domain of vital signs, with Dagster in between."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kaikai_assets.cli.main import cli
from kaikai_assets.definitions import build_platform
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.keys import new_keys
from kaikai_assets.privacy.pseudonyms import pseudonym
from kaikai_assets.settings import Settings
from kaikai_assets_tests.landing.making import put
from kaikai_assets_tests.privacy.test_landing import holding

ANNA, BORIS = "patient-001-anna", "patient-002-boris"


def message(patient: str, minute: int, **values: float) -> str:
    at = f"2025-08-24T10:{minute:02}:00Z"
    said = {"patient_id": patient, "device_id": "D1", "timestamp": at, "measurements": values}
    return json.dumps(said) + "\n"


def called(data: Path, *arguments: str, code: int = 0, typed: str | None = None) -> Result:
    environment = {"KAIKAI_DATA": str(data), "KAIKAI_SETTLE_S": "0", "DAGSTER_HOME": str(data / "dagster")}
    found = CliRunner().invoke(cli, arguments, env=environment, input=typed)
    assert found.exit_code == code, (found.output, found.exception)
    return found


@pytest.fixture
def data(tmp_path: Path, keys: dict[str, str]) -> Path:
    """A data root with two patients, landed and built through Dagster, and a refused file."""
    root = tmp_path / "data"
    inbox = root / "inbox" / "vitals"
    put(inbox / f"{ANNA}.ndjson", "".join(message(ANNA, n, freq_card=80 + n, spo2_pct=97) for n in range(20)))
    put(inbox / "both.ndjson", "".join(message(who, 30, freq_card=71, spo2_pct=82) for who in (ANNA, BORIS)))
    put(inbox / f"{ANNA}_letter.txt", f"{ANNA} felt unwell\n")
    put(inbox / "patients.csv", f"patient_id,genotype,birth_date\n{ANNA},SS,1999-12-31\n{BORIS},{ANNA},31/12/1998\n")
    called(root, "build")
    return root


@pytest.mark.slow
def test_nothing_names_a_patient_and_erasing_one_leaves_not_even_the_pseudonym(
    data: Path, keys: dict[str, str], tmp_path: Path
) -> None:
    assert holding(data, ANNA, BORIS, "1999-12-31", "31/12/1998") == []
    anna, boris = (pseudonym(bytes.fromhex(keys["KAIKAI_PSEUDONYM_KEY"]), who) for who in (ANNA, BORIS))
    (refused,) = data.glob("rejected/vitals/*/*.sealed")
    assert called(data, "privacy", "open", str(refused), "--reason", "what is it").stdout == f"{ANNA} felt unwell\n"
    out = called(data, "privacy", "export", ANNA, "--to", str(tmp_path / "out"), "--reason", "asked for").stdout
    assert "raw_lines.ndjson: 22\n" in out
    assert "silver.vitals_readings.ndjson: 21\n" in out
    assert "ledger.alert_status_log.ndjson: " in out
    assert "ledger.notifications.ndjson: " in out
    done = called(data, "privacy", "erase", "-", "--reason", "asked for", typed=f"{ANNA}\n")
    assert "22 records of 3 files" in done.stdout
    assert ANNA not in done.output
    assert holding(data, ANNA, anna) == []
    assert not list(data.glob("rejected/vitals/*/*.sealed"))
    called(data, "verify", "vitals")
    assert "of this patient" in called(data, "privacy", "export", ANNA, "--to", "x", "--reason", "x", code=1).output
    rows = called(data, "trace", "silver/vitals_readings", f"patient_id={boris}").stdout
    assert "is sealed" in rows
    reason = ("--decrypt", "--reason", "a doubt")
    assert BORIS in called(data, "trace", "silver/vitals_readings", f"patient_id={boris}", *reason).stdout
    told = called(data, "privacy", "audit").stdout
    assert [line.split()[3] for line in told.splitlines()] == ["open", "export", "erase", "trace"]
    assert ANNA not in told


def test_new_keys_are_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = called(tmp_path, "privacy", "new-keys").stdout.splitlines()
    assert [line.partition("=")[0] for line in lines] == list(new_keys())
    for line in lines:
        monkeypatch.setenv(*line.split("=", 1))
    assert len(Settings().pseudonym_key.get_secret_value()) == 64
    assert lines != called(tmp_path, "privacy", "new-keys").stdout.splitlines()


def test_the_inbox_is_listed_with_the_names_that_logs_use(platform: Platform) -> None:
    data = platform.settings.data
    put(data / "inbox" / "vitals" / "real.ndjson", message(ANNA, 1, freq_card=80))
    ((name, reason),) = platform.land(platform.domains["vitals"]).left
    assert "demo key" in reason
    assert called(data, "privacy", "inbox").stdout == f"{name}  real.ndjson\n"
    assert build_platform(platform.settings).ledger.landed.is_empty()
