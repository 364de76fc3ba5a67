"""From the inbox to bronze: nothing but the sealed container knows whose a record is."""

import json
from pathlib import Path

import polars as pl
import pytest

from kaikai_assets.landing import raw
from kaikai_assets.landing.sources import SourceError
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.keys import new_keys
from kaikai_assets.privacy.pseudonyms import pseudonym
from kaikai_assets.privacy.vault import readable
from kaikai_assets.settings import Settings
from kaikai_assets_tests.privacy.conftest import ANNA, BORIS, Clinic
from kaikai_assets_tests.properties.product import interrupted_before

WARD = f"""patient,time,pm25
{ANNA},2025-03-01T10:00:00Z,10
{BORIS},2025-03-01T10:00:00Z,20

{ANNA},2025-03-01T11:00:00Z,{BORIS}
{ANNA},2025-03-02T11:00:00Z,12,one too many
 {BORIS} ,2025-03-02T11:00:00Z,"1
3"
,2025-03-02T12:00:00Z,14
{BORIS},no time {ANNA},15
"""
PHONE = "".join(
    json.dumps({"who": {"id": who}, "time": f"2025-03-01T1{n}:30:00Z", "value": n}) + "\r\n"
    for n, who in enumerate([ANNA, BORIS, ANNA])
)


def holding(folder: Path, *texts: str) -> list[Path]:
    """Files of which name or bytes hold a text."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and any(text.encode() in path.read_bytes() or text in str(path.relative_to(folder)) for text in texts)
    ]


def test_no_id_is_in_raw_ledger_lake_and_warehouse(clinic: Clinic, keys: dict[str, str]) -> None:
    clinic.drop(f"ward/{ANNA}.csv", WARD)
    clinic.drop(f"{BORIS}/phone.ndjson", PHONE)
    clinic.drop(f"monitor/{ANNA}_1.csv", "time,pm25\n2025-03-01T12:00:00Z,5\n")
    clinic.drop("persons.csv", f"person,room,zone\n{ANNA},room of {ANNA},Europe/Paris\n{BORIS},2,{BORIS}\n")
    report = clinic.land()
    assert (len(report.landed), report.rejected, report.left) == (4, [], [])
    assert clinic.build() == {}
    anna, boris = (pseudonym(bytes.fromhex(keys["KAIKAI_PSEUDONYM_KEY"]), who) for who in (ANNA, BORIS))
    bronze = clinic.table("bronze/air_measurements")
    assert bronze.height == sum(landed.records for landed in report.landed if landed.kind == "readings")
    assert set(bronze["sensor_id"].drop_nulls()) == {anna, boris}
    silver = clinic.table("silver/air_measurements").drop_nulls("pm25")
    found = set(silver.select("sensor_id", "pm25").iter_rows())
    assert found == {(anna, 10), (boris, 20), (anna, 0), (boris, 1), (anna, 2), (anna, 5)}
    aside = clinic.table("silver/air_quarantine")
    assert aside.filter(pl.col("record") == 5)["raw_value"].to_list() == ["withheld"]
    assert set(aside["rule"]) >= {"damaged_record", "no_entity", "no_time", "not_a_number"}
    assert set(clinic.table("silver/air_sensors")["sensor_id"]) == {anna, boris}
    for name in clinic.domain.tables:
        rows = clinic.table(name)
        for column in rows.select(pl.col(pl.String)).iter_columns():
            assert not column.drop_nulls().str.contains_any([ANNA, BORIS]).any(), (name, column.name)
    assert holding(clinic.settings.data, ANNA, BORIS) == []


def test_a_container_opens_to_the_lines_that_were_sealed(clinic: Clinic) -> None:
    clinic.drop("ward/a.csv", WARD.encode().replace(b"\n", b"\r\n")[:-2])
    (landed,) = clinic.land().landed
    source = clinic.platform.sources(clinic.domain)["ward"]
    with readable(clinic.settings, landed.raw_file, source) as opened:
        assert opened.path.read_bytes() == WARD.encode().replace(b"\n", b"\r\n")[:-2]
    assert b"2025-03" not in (clinic.settings.raw / landed.raw_file).read_bytes()


def test_the_same_content_again_is_a_redelivery(clinic: Clinic) -> None:
    clinic.drop("ward/a.csv", WARD)
    clinic.land()
    clinic.drop(f"ward/{ANNA}.csv", WARD)
    (called,) = clinic.land().redelivered
    assert ANNA not in called
    assert len(list(raw.sidecars(clinic.settings.raw))) == 1


def test_a_refused_file_is_sealed_and_the_reason_quotes_nothing_of_it(clinic: Clinic) -> None:
    clinic.drop(f"{ANNA}.csv", f"{ANNA},2025-03-01T10:00:00Z,10\n{BORIS},2025-03-01T11:00:00Z,11\n")
    clinic.drop("ward/b.csv", f"patient,time,{ANNA},{ANNA}\n1,2,3,4\n")
    clinic.drop(f"phone/{BORIS}.ndjson", f'{{"patient": "{BORIS}", "time": "2025-03-01T10:00:00Z"}}\n')
    report = clinic.land()
    assert len(report.rejected) == 3
    assert not any(who in text for entry in report.rejected for text in entry for who in (ANNA, BORIS))
    assert "'who.id'" in " ".join(reason for _, reason in report.rejected)  # what a description says may be told
    assert holding(clinic.settings.data, ANNA, BORIS) == []


def test_without_keys_only_simulated_patients_are_taken(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAIKAI_PSEUDONYM_KEY", "KAIKAI_ENCRYPTION_KEY"):
        monkeypatch.delenv(name)
    demo = Clinic(Platform(Settings(data=clinic.settings.data, settle_s=0), clinic.platform.domains), clinic.domain)
    demo.drop("ward/mixed.csv", f"patient,time,pm25\nsim-1,2025-03-01T10:00:00Z,1\n{ANNA},2025-03-01T10:00:00Z,2\n")
    demo.drop("ward/simulated.csv", "patient,time,pm25\nsim-1,2025-03-01T10:00:00Z,1\n")
    report = demo.land()
    assert len(report.landed) == 1
    ((_, reason),) = report.stuck
    assert "KAIKAI_PSEUDONYM_KEY" in reason
    assert "new-keys" in reason
    assert ANNA not in reason
    # With keys of its own the same data root is refused: a patient would have two pseudonyms.
    ((_, reason),) = clinic.land().left
    assert "demo key" in reason
    assert demo.build() == {}


def test_a_wrong_or_missing_key_names_setting_and_file_and_harms_nobody_else(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic.drop("ward/a.csv", WARD)
    (landed,) = clinic.land().landed
    monkeypatch.setenv("KAIKAI_ENCRYPTION_KEY", new_keys()["KAIKAI_ENCRYPTION_KEY"])
    other = Clinic(Platform(Settings(data=clinic.settings.data, settle_s=0), clinic.platform.domains), clinic.domain)
    ((_, reason),) = other.land().left
    assert reason.startswith("KAIKAI_ENCRYPTION_KEY is not the one")
    failed = {str(error) for error in other.build().values()}
    assert all(landed.raw_file in error and "KAIKAI_ENCRYPTION_KEY" in error for error in failed)
    assert failed
    assert clinic.build() == {}
    monkeypatch.delenv("KAIKAI_ENCRYPTION_KEY")
    half = Clinic(Platform(Settings(data=clinic.settings.data, settle_s=0), clinic.platform.domains), clinic.domain)
    ((_, reason),) = half.land().left
    assert reason.startswith("KAIKAI_ENCRYPTION_KEY is not set")


def test_a_lost_key_store_is_no_erasure(clinic: Clinic) -> None:
    clinic.drop("ward/a.csv", WARD)
    (landed,) = clinic.land().landed
    for path in clinic.settings.key_store.iterdir():
        path.unlink()
    assert all(landed.raw_file in str(error) and "key store" in str(error) for error in clinic.build().values())


def test_a_new_key_store_is_not_made_beside_files_of_a_lost_one(clinic: Clinic) -> None:
    clinic.drop("ward/a.csv", WARD)
    clinic.land()
    clinic.platform.ledger.close()
    for path in [*clinic.settings.key_store.iterdir(), *clinic.settings.data.glob("ledger.sqlite*")]:
        path.unlink()
    anew = Clinic(Platform(clinic.settings, clinic.platform.domains), clinic.domain)
    anew.drop("ward/b.csv", WARD + "\n")
    report = anew.land()
    ((_, reason),) = report.left
    assert "backup of the keys" in reason
    assert report.landed == []
    assert list(clinic.settings.key_store.iterdir()) == []


@pytest.mark.parametrize(
    ("lines", "is_taken"),
    [
        ('{"who": {"id": "sim-1"}, "time": "2025-03-01T10:30:00Z", "value": 1}\n{"who": {"id": "si', True),
        ('{"who": {"id": "sim-1"}, "time": "2025-03-01T10:30:00Z", "value": 1}\n{"who": {"id": "", "val', True),
        (f'{{"who": {{"id": "sim-1"}}, "time": "2025-03-01T10:30:00Z", "value": 1}}\n{{"who": {{"id": "{ANNA}"', False),
        ('{"who": {"id": ""}, "device": "sim-d", "time": "2025-03-01T10:30:00Z", "value": 1}', True),
        ('{"who": {"id": ""}, "device": "d", "time": "2025-03-01T10:30:00Z", "value": 1}', False),
        ('{"letter": "to somebody"}', False),
    ],
)
def test_without_keys_what_may_be_of_somebody_stays_in_the_inbox(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, lines: str, is_taken: bool
) -> None:
    for name in ("KAIKAI_PSEUDONYM_KEY", "KAIKAI_ENCRYPTION_KEY"):
        monkeypatch.delenv(name)
    demo = Clinic(Platform(Settings(data=clinic.settings.data, settle_s=0), clinic.platform.domains), clinic.domain)
    path = demo.drop("phone/a.ndjson", lines + "\n")
    report = demo.land()
    assert (len(report.landed), len(report.stuck), path.exists()) == ((1, 0, False) if is_taken else (0, 1, True))
    assert report.rejected == []


def test_a_killed_landing_leaves_nothing_in_the_clear_and_is_finished_by_the_next(clinic: Clinic) -> None:
    clinic.drop("ward/a.csv", WARD)
    clinic.drop("refused.csv", f"{ANNA}\n")
    for write in range(1, 40):
        with interrupted_before(write):
            clinic.land()
        assert holding(clinic.settings.data, ANNA, BORIS) in ([], *_in_inbox(clinic))
    assert clinic.land().left == []
    assert [landed.records for landed in raw.sidecars(clinic.settings.raw)] == [7]
    assert clinic.build() == {}
    assert holding(clinic.settings.data, ANNA, BORIS) == []


def _in_inbox(clinic: Clinic) -> list[list[Path]]:
    """What may still wait: one of the files, or both."""
    both = [clinic.settings.inbox / "air" / name for name in ("refused.csv", "ward/a.csv")]
    return [both, both[:1], both[1:]]


@pytest.mark.parametrize("form", ["xlsx", "json", "parquet"])
def test_a_format_without_lines_is_refused(clinic: Clinic, form: str) -> None:
    path = clinic.domain.sources / "ward.yaml"
    path.write_text(path.read_text("utf-8").replace("format: csv", f"format: {form}"), encoding="utf-8")
    with pytest.raises(SourceError, match=f"ward.yaml: format: {form}"):
        clinic.land()
