"""Erasure and export of one patient: nothing is left, all else stays, and every record is still accounted for."""

import hashlib
import json
import shutil
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from kaikai_assets.landing import raw
from kaikai_assets.operations.backup import backup, backup_keys
from kaikai_assets.operations.erase import NoSuchPatient, erase
from kaikai_assets.operations.export import export
from kaikai_assets.operations.restore import restore, restore_keys
from kaikai_assets.operations.retention import retain
from kaikai_assets.operations.trace import trace
from kaikai_assets.operations.verify import verify
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.pseudonyms import pseudonym
from kaikai_assets.settings import Settings, utc_now
from kaikai_assets_tests.privacy.conftest import ANNA, BORIS, Clinic
from kaikai_assets_tests.privacy.test_landing import PHONE, WARD, holding
from kaikai_assets_tests.properties.product import interrupted_before

ALONE = f"patient,time,pm25\n{ANNA},2025-03-05T10:00:00Z,10\n{ANNA},2025-03-06T10:00:00Z,10\n"


def own_name(keys: dict[str, str], patient: str) -> str:
    return pseudonym(bytes.fromhex(keys["KAIKAI_PSEUDONYM_KEY"]), patient)


@pytest.fixture
def full(clinic: Clinic) -> Clinic:
    """Two patients in files of all kinds, built and published."""
    clinic.drop("ward/both.csv", WARD)
    clinic.drop("ward/alone.csv", ALONE)
    clinic.drop("phone/both.ndjson", PHONE)
    clinic.drop("phone/alone.ndjson", PHONE.splitlines()[0] + "\n")
    clinic.drop(f"monitor/{ANNA}_1.csv", "time,pm25\n2025-03-01T12:00:00Z,5\n")
    clinic.drop("persons.csv", f"person,room,zone\n{ANNA},1,Europe/Paris\n{BORIS},2,Europe/Paris\n")
    clinic.drop("ward/refused.csv", f"name\n{ANNA}\n")
    report = clinic.land()
    assert (len(report.landed), len(report.rejected)) == (6, 1)
    assert clinic.build() == {}
    return clinic


def assert_conserved(clinic: Clinic) -> int:
    """Every record that landed is accounted for; the number of erased ones."""
    accounts = clinic.platform.ledger.targets.accounts(clinic.domain.name)
    assert all(a.records == a.leading + a.absorbed + a.rejected + a.erased for a in accounts)
    landed = [one for one in raw.sidecars(clinic.settings.raw) if one.kind == "readings"]
    assert sum(a.records for a in accounts) == sum(one.records for one in landed)
    bronze = clinic.table("bronze/air_measurements")
    assert bronze.height == sum(a.records - a.erased for a in accounts)
    return sum(a.erased for a in accounts)


def others(clinic: Clinic, name: str) -> dict[str, pl.DataFrame]:
    """Rows of silver that are not about a patient."""
    rows = clinic.table("silver/air_measurements").filter(pl.col("sensor_id") != name)
    return {"silver": rows.sort("time", "sensor_id", "grain").drop("arrival_seq", strict=False)}


def test_an_erased_patient_is_nowhere_and_the_others_are_as_before(full: Clinic, keys: dict[str, str]) -> None:
    name = own_name(keys, ANNA)
    before = others(full, name)["silver"]
    held = full.table("bronze/air_measurements").filter(pl.col("sensor_id") == name).height
    done = erase(full.platform, full.domain, ANNA, "asked for")
    # Of the registry a line too.
    assert (done.records, done.rejected) == (held + 1, 1)
    assert assert_conserved(full) == held
    assert holding(full.settings.data, ANNA, name) == []
    assert others(full, name)["silver"].equals(before)
    today = utc_now().date().isoformat()
    assert {part for _, part in full.platform.runner(full.domain).plan().changed if part <= today} == set()
    found = verify(full.platform, full.domain)
    assert found.differences == []
    (entry,) = full.platform.ledger.privacy.audit()
    assert (entry["action"], entry["reason"], entry["scope"]["records"]) == ("erase", "asked for", done.records)
    # Once more changes nothing; who was never here is unknown.
    assert erase(full.platform, full.domain, name, "again").records == 0
    with pytest.raises(NoSuchPatient):
        erase(full.platform, full.domain, "nobody", "by mistake")


def test_later_records_of_an_erased_patient_are_left_out_and_counted(full: Clinic, keys: dict[str, str]) -> None:
    erase(full.platform, full.domain, ANNA, "asked for")
    erased = assert_conserved(full)
    full.drop("ward/later.csv", WARD + f"{ANNA},2025-03-09T10:00:00Z,1\n{BORIS},2025-03-09T10:00:00Z,2\n")
    full.drop("phone/later.ndjson", PHONE.splitlines()[2].replace("12:30", "13:30") + "\n")
    assert [landed.records for landed in full.land().landed] == [9, 1]
    assert full.build() == {}
    assert assert_conserved(full) == erased + 5
    assert holding(full.settings.data, own_name(keys, ANNA)) == []
    assert verify(full.platform, full.domain).differences == []


def test_a_file_may_be_left_with_damaged_lines_alone(full: Clinic, keys: dict[str, str]) -> None:
    full.drop(
        "phone/odd.ndjson", PHONE.splitlines()[0].replace("12:30", "14:30") + f'\n{{"who": {{"id": "{BORIS}", cut\n'
    )
    (landed,) = full.land().landed
    assert full.build() == {}
    erase(full.platform, full.domain, ANNA, "asked for")
    assert holding(full.settings.data, ANNA, own_name(keys, ANNA)) == []
    assert full.table("bronze/air_measurements").filter(raw_file=landed.raw_file)["record"].to_list() == [2]
    assert_conserved(full)


def test_a_lake_and_ledger_made_anew_from_raw_hold_nothing_of_an_erased_patient(
    full: Clinic, keys: dict[str, str]
) -> None:
    erase(full.platform, full.domain, ANNA, "asked for")
    erased = assert_conserved(full)
    full.platform.ledger.close()
    shutil.rmtree(full.settings.data / "lake")
    for file in full.settings.data.glob("ledger.sqlite*"):
        file.unlink()
    anew = Clinic(Platform(full.settings, full.platform.domains), full.domain)
    anew.land()
    assert anew.build() == {}
    assert assert_conserved(anew) == erased
    assert holding(anew.settings.data, own_name(keys, ANNA)) == []


def test_a_killed_erasure_is_finished_by_the_next(full: Clinic, keys: dict[str, str]) -> None:
    for write in (1, 2, 3, 4, 6, 9, 14, 25, 40, 60):
        with interrupted_before(write):
            erase(full.platform, full.domain, ANNA, "asked for")
    erase(full.platform, full.domain, ANNA, "asked for")
    assert assert_conserved(full) > 0
    assert holding(full.settings.data, ANNA, own_name(keys, ANNA)) == []
    assert verify(full.platform, full.domain).differences == []


def test_an_older_backup_brings_an_erased_patient_back_only_with_its_keys(
    full: Clinic, keys: dict[str, str], tmp_path: Path
) -> None:
    backup(full.platform, tmp_path / "older", utc_now())
    erase(full.platform, full.domain, ANNA, "asked for")
    backup_keys(full.platform, tmp_path / "keys", utc_now())
    settings = Settings(data=tmp_path / "other", settle_s=0)
    other = Clinic(Platform(settings, full.platform.domains), full.domain)
    restore(other.platform, tmp_path / "older")
    restore_keys(other.platform, tmp_path / "keys")
    other.land()
    assert other.build() == {}
    assert assert_conserved(other) > 0
    assert holding(other.settings.data, own_name(keys, ANNA)) == []
    assert verify(other.platform, other.domain).differences == []


def test_a_patient_leaves_sealed_days_too(full: Clinic, keys: dict[str, str]) -> None:
    settings = full.settings.model_copy(update={"retain_raw_days": {"air": 1}})
    sealed = Clinic(Platform(settings, full.platform.domains), full.domain)
    report = retain(sealed.platform, sealed.domain, utc_now() + timedelta(days=2), dry_run=False)
    assert report.sealed
    erase(sealed.platform, sealed.domain, ANNA, "asked for")
    assert assert_conserved(sealed) > 0
    assert holding(sealed.settings.data, own_name(keys, ANNA)) == []
    assert set(sealed.table("silver/air_measurements")["sensor_id"]) == {own_name(keys, BORIS)}


def test_an_export_holds_all_lines_and_rows_of_the_patient_and_none_of_others(
    full: Clinic, keys: dict[str, str], tmp_path: Path
) -> None:
    name = own_name(keys, BORIS)
    folder = tmp_path / "export"
    counts = export(full.platform, full.domain, BORIS, "asked for", folder)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["patient"] == name
    for place, told in manifest["files"].items():
        content = (folder / place).read_bytes()
        assert hashlib.sha256(content).hexdigest() == told["sha256"]
        assert content.count(b"\n") == told["rows"] == counts[place]
    lines = [json.loads(line) for line in (folder / "raw_lines.ndjson").read_text("utf-8").splitlines()]
    texts = [line["text"] for line in lines]
    assert sum(text.startswith((BORIS, f" {BORIS} ", '{"who"')) for text in texts) == 5
    assert not any(text.startswith(ANNA) for text in texts)
    for table in ("bronze/air_measurements", "silver/air_measurements", "gold/air_hourly"):
        rows = full.table(table).filter(pl.col("sensor_id") == name)
        assert rows.height
        assert counts[f"{table.replace('/', '.')}.ndjson"] == rows.height
    assert (folder.stat().st_mode & 0o777, (folder / "raw_lines.ndjson").stat().st_mode & 0o777) == (0o700, 0o600)
    assert counts["refused_lines.ndjson"] == 0
    assert [entry["action"] for entry in full.platform.ledger.privacy.audit()] == ["export"]
    with pytest.raises(FileExistsError):
        export(full.platform, full.domain, BORIS, "again", folder)


def test_raw_lines_are_shown_for_a_reason_only(full: Clinic, keys: dict[str, str]) -> None:
    row = {"sensor_id": own_name(keys, ANNA), "time": "2025-03-01T10:00:00Z"}
    closed = trace(full.platform, "silver/air_measurements", row)
    assert closed.records["record"].to_list() == [2]
    assert closed.records["text"].to_list() == [None]
    assert full.platform.ledger.privacy.audit() == []
    opened = trace(full.platform, "silver/air_measurements", row, reason="a doubt")
    assert opened.records["text"].to_list() == [f"{ANNA},2025-03-01T10:00:00Z,10"]
    (entry,) = full.platform.ledger.privacy.audit()
    assert (entry["action"], entry["reason"], entry["scope"]) == ("trace", "a doubt", {"files": 1, "records": 1})
