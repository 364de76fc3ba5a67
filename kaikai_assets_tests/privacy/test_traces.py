"""What names an erased patient elsewhere than in the patient's records: damaged lines, refused files, old backups."""

import gzip
import json
import os
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kaikai_assets.domains.vitals.domain import VITALS
from kaikai_assets.landing import raw
from kaikai_assets.ledger.targets import Targets
from kaikai_assets.operations.backup import backup, backup_keys
from kaikai_assets.operations.erase import erase
from kaikai_assets.operations.export import export
from kaikai_assets.operations.holdings import common_lines, mentions
from kaikai_assets.operations.restore import restore, restore_keys
from kaikai_assets.operations.retention import retain
from kaikai_assets.operations.verify import verify
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.pseudonyms import pseudonym
from kaikai_assets.privacy.vault import Vault, readable
from kaikai_assets.settings import Settings, utc_now
from kaikai_assets_tests.landing.making import put
from kaikai_assets_tests.privacy.conftest import ANNA, BORIS, Clinic

SPACED = "rp 3/anna"
SOUND = f"{ANNA},2025-03-01T10:00:00Z,10\n{BORIS},2025-03-01T10:00:00Z,20\n"
HEADER = "patient,time,pm25\n"


def own_name(keys: dict[str, str], patient: str) -> str:
    return pseudonym(bytes.fromhex(keys["KAIKAI_PSEUDONYM_KEY"]), patient)


def nobodys(clinic: Clinic) -> list[str]:
    vault = Vault.opened(clinic.settings, clinic.domain.name)
    return [line for _, _, line in common_lines(clinic.platform, clinic.domain, vault)]


def left_to_read(clinic: Clinic) -> list[str]:
    """Lines of raw that can still be read, file by file."""
    sources = clinic.platform.sources(clinic.domain)
    found = []
    for landed in raw.sidecars(clinic.settings.raw):
        with readable(clinic.settings, landed.raw_file, sources[landed.source]) as opened:
            found += opened.path.read_text("utf-8").split("\n")
    return found


@pytest.mark.parametrize("patient", [ANNA, SPACED])
def test_a_damaged_line_belongs_to_whom_the_file_itself_names(clinic: Clinic, patient: str) -> None:
    sound = SOUND.replace(ANNA, patient)
    clinic.drop("ward/a.csv", f'{HEADER},y,z,{patient}\n,"on two\nlines {patient}",z\n{sound}')
    assert clinic.land().records == 4
    assert nobodys(clinic) == [HEADER]
    assert clinic.build() == {}
    assert erase(clinic.platform, clinic.domain, patient, "asked for").records == 3
    assert [line for line in left_to_read(clinic) if line] == [HEADER.strip(), SOUND.split("\n")[1]]


@pytest.mark.parametrize("patient", [ANNA, SPACED])
def test_a_damaged_line_that_came_before_the_patient_was_known_is_taken_out_of_its_file(
    clinic: Clinic, keys: dict[str, str], patient: str
) -> None:
    early = f"{HEADER}{BORIS},2025-03-01T11:00:00Z,1\n,y,z,({patient})\n,y,z,whose\n"
    clinic.drop("ward/early.csv", early)
    (landed,) = clinic.land().landed
    clinic.drop("ward/later.csv", HEADER + SOUND.replace(ANNA, patient))
    clinic.land()
    assert clinic.build() == {}
    assert any(patient in line for line in nobodys(clinic))
    done = erase(clinic.platform, clinic.domain, patient, "asked for")
    assert (done.files, done.records) == (2, 2)
    assert not any(patient in line for line in nobodys(clinic))
    # The others keep their lines, and the lines their numbers.
    assert left_to_read(clinic)[:5] == [*early.split("\n")[:2], "", ",y,z,whose", ""]
    noted = clinic.platform.ledger.landed.noted()[landed.identity]
    (sidecar,) = (one for one in raw.sidecars(clinic.settings.raw) if one.identity == landed.identity)
    assert noted == sidecar
    assert (sidecar.records, sum(sidecar.erased.values())) == (3, 1)
    assert clinic.table("bronze/air_measurements").height == 3
    assert clinic.build() == {}
    assert verify(clinic.platform, clinic.domain).differences == []
    clinic.drop("ward/early.csv", early)
    assert clinic.land().landed == []


def refused(clinic: Clinic) -> list[Path]:
    return [path for path in clinic.settings.rejected.rglob("*.sealed") if path.is_file()]


def test_refused_files_are_looked_into_however_they_are_written(clinic: Clinic, keys: dict[str, str]) -> None:
    letter = f"letter\nto: {ANNA}.\n"
    clinic.drop("1.csv.gz", gzip.compress(letter.encode()))
    clinic.drop("2.csv", letter.encode("utf-16"))
    clinic.drop("3.csv", letter.encode("utf-16-le"))
    clinic.drop("4.csv", f"lettre à {ANNA}".encode("latin-1"))
    clinic.drop("5.csv", f"letter\nto {ANNA}-maria\n")
    clinic.drop("6.csv.gz", gzip.compress(b"letter\n" * 10_000)[:-20])
    clinic.drop("7.csv", b"\x01\x02\x03" + bytes(range(256)))
    clinic.drop("ward/a.csv", HEADER + SOUND)
    assert len(clinic.land().rejected) == 7
    assert clinic.build() == {}
    done = erase(clinic.platform, clinic.domain, own_name(keys, ANNA), "asked for")
    assert (done.rejected, len(refused(clinic)), len(done.unread)) == (4, 3, 2)
    assert {clinic.settings.data / place for place in done.unread} < set(refused(clinic))


def test_an_export_holds_what_else_names_the_patient_in_a_folder_of_its_owner(clinic: Clinic, tmp_path: Path) -> None:
    clinic.drop("ward/early.csv", f"{HEADER},y,z,{ANNA}\n,y,z,{BORIS}\n")
    clinic.land()
    clinic.drop("ward/later.csv", HEADER + SOUND)
    clinic.drop("letter.csv", f"letter\nto {ANNA}\nof {BORIS}\n")
    clinic.land()
    folder = tmp_path / "export"
    folder.mkdir(mode=0o755)
    mask = os.umask(0)
    try:
        export(clinic.platform, clinic.domain, ANNA, "asked for", folder)
    finally:
        os.umask(mask)
    texts = {
        path.stem: [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]
        for path in folder.glob("*_lines.ndjson")
    }
    assert texts == {
        "raw_lines": [SOUND.split("\n")[0] + "\n"],
        "damaged_lines": [f",y,z,{ANNA}\n"],
        "refused_lines": [f"to {ANNA}"],
    }
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_backup_keeps_no_refused_file_that_is_gone(clinic: Clinic, tmp_path: Path) -> None:
    clinic.drop("ward/a.csv", HEADER + SOUND)
    clinic.drop("1.csv", f"letter\nto {ANNA}\n")
    clinic.drop("2.csv", f"letter\nto {BORIS}\n")
    clinic.land()
    assert clinic.build() == {}
    backup(clinic.platform, tmp_path / "kept", utc_now())
    erase(clinic.platform, clinic.domain, ANNA, "asked for")
    backup(clinic.platform, tmp_path / "kept", utc_now())
    (other,) = refused(clinic)
    held = [path for path in (tmp_path / "kept" / "rejected").rglob("*.sealed") if path.is_file()]
    assert [path.name for path in held] == [other.name]


def message(patient: str, at: datetime, device: str) -> str:
    values = {"freq_card": 30, "spo2_pct": 80}
    return json.dumps({"patient_id": patient, "device_id": device, "timestamp": at.isoformat(), **values}) + "\n"


def test_no_text_of_a_message_reaches_the_lake(tmp_path: Path, keys: dict[str, str]) -> None:
    clinic = Clinic(Platform(Settings(data=tmp_path / "data", settle_s=0), {VITALS.name: VITALS}), VITALS)
    at = "2025-03-01T10:00:00Z"
    odd: list[dict[str, Any]] = [
        {"patient_id": "7712001", "device_id": "7712001", "freq_card": 80},
        {"patient_id": "Ward-00042", "device_id": "band of WARD-00042", "freq_card": 80, "quality_flag": "motion"},
        {"patient_id": "ward-00043", "quality_flag": "Anna +33 1 23", "freq_card": 81},
        {"patient_id": "ward-00044", "freq_card": "eighty, says ward-00099"},
        {"patient_id": "", "device_id": " band of ward-00050", "freq_card": 80, "timestamp": "ward-00042"},
    ]
    lines = "".join(json.dumps({"timestamp": at} | one) + "\n" for one in odd)
    put(clinic.settings.inbox / "vitals" / "bracelet_flat" / "a.ndjson", lines)
    assert clinic.land().records == 5
    assert clinic.build() == {}
    told = (
        clinic.table("bronze/vitals_readings").sort("record").select("device_id", "quality_flag", "freq_card", "time")
    )
    hashed = Vault.opened(clinic.settings, "vitals")
    assert told.rows() == [
        (hashed.attribute("device_id", "7712001"), None, "80", at),
        (hashed.attribute("device_id", "band of WARD-00042"), "motion", "80", at),
        (None, "withheld", "81", at),
        (None, None, "withheld", at),
        (hashed.attribute("device_id", "band of ward-00050"), None, "80", "withheld"),
    ]
    assert re.fullmatch("dev-[0-9a-f]{12}", told["device_id"][0])
    for text in ("7712001", "00042", "Anna", "+33", "00099", "00050"):
        assert list(mentions(clinic.platform, clinic.domain, [text], [])) == [], text


@pytest.fixture
def sealed(tmp_path: Path, keys: dict[str, str]) -> Clinic:
    """Two patients with alerts in a sealed day: one wears a device alone, one both wear."""
    settings = Settings(data=tmp_path / "data", settle_s=0, retain_raw_days={"vitals": 1})
    clinic = Clinic(Platform(settings, {VITALS.name: VITALS}), VITALS)
    # Of the last hours, so that the alerts are news.
    at = utc_now() - timedelta(hours=2)
    worn = [(ANNA, "band-1"), (ANNA, "band-2"), (BORIS, "band-2"), (BORIS, "band-3")]
    lines = [message(who, at + timedelta(minutes=n), device) for n, (who, device) in enumerate(worn)]
    put(settings.inbox / "vitals" / "bracelet_flat" / "a.ndjson", "".join(lines))
    clinic.land()
    assert clinic.build() == {}
    assert clinic.platform.ledger.outbox.listed()
    assert retain(clinic.platform, VITALS, utc_now() + timedelta(days=2), dry_run=False).sealed
    return clinic


def assert_gone(clinic: Clinic, name: str) -> None:
    assert list(mentions(clinic.platform, clinic.domain, [name], [])) == []
    assert clinic.table("silver/vitals_readings").height == 2
    accounts = clinic.platform.ledger.targets.accounts(clinic.domain.name)
    assert [(a.records, a.leading, a.absorbed, a.rejected, a.erased) for a in accounts] == [(4, 2, 0, 0, 2)]
    assert verify(clinic.platform, clinic.domain).differences == []


def test_an_older_backup_brings_back_neither_journal_nor_sealed_days_of_an_erased_patient(
    sealed: Clinic, keys: dict[str, str], tmp_path: Path
) -> None:
    name = own_name(keys, ANNA)
    backup(sealed.platform, tmp_path / "older", utc_now())
    erase(sealed.platform, sealed.domain, ANNA, "asked for")
    assert_gone(sealed, name)
    # A device of hers alone tells of nobody else; one that both wore stays as it was computed.
    assert sealed.table("gold/vitals_device_health").height == 2
    backup_keys(sealed.platform, tmp_path / "keys", utc_now())
    settings = sealed.settings.model_copy(update={"data": tmp_path / "other"})
    other = Clinic(Platform(settings, sealed.platform.domains), sealed.domain)
    restore(other.platform, tmp_path / "older")
    assert other.platform.ledger.privacy.rows_of(name)
    restore_keys(other.platform, tmp_path / "keys")
    assert other.platform.ledger.privacy.rows_of(name) == {}
    assert other.platform.ledger.outbox.listed()
    assert other.build() == {}
    assert_gone(other, name)
    assert other.table("gold/vitals_device_health").height == 2


def test_an_erasure_killed_in_a_sealed_day_is_finished_with_its_accounts(
    sealed: Clinic, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """As a signal would."""

    noted = Targets.record_built

    def killed(*arguments: Any) -> None:
        if arguments[3]:
            raise Killed
        noted(*arguments)

    # Between bronze in the lake and what the ledger notes of it, accounts with it.
    with monkeypatch.context() as patch:
        patch.setattr(Targets, "record_built", killed)
        with pytest.raises(Killed):
            erase(sealed.platform, sealed.domain, ANNA, "asked for")
    assert sealed.table("bronze/vitals_readings").height == 2
    erase(sealed.platform, sealed.domain, ANNA, "asked for")
    assert_gone(sealed, own_name(keys, ANNA))
