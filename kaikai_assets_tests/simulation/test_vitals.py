"""Simulated messages: the same each time, as the profile says, and what the truth says is what the files hold."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kaikai_assets.simulation.vitals import Profile, Truth, VitalsDefects, simulate_vitals

START = date(2025, 3, 1)
BEGIN = datetime(2025, 3, 1, tzinfo=UTC)


def simulated(out: Path, profile: Profile = "simple", days: int = 1, **arguments: Any) -> Truth:
    return simulate_vitals(out, profile=profile, start=START, days=days, **arguments)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def messages(folder: Path, source: str = "*") -> list[dict[str, Any]]:
    paths = sorted((folder / "vitals").glob(f"{source}/*.ndjson"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


@pytest.mark.parametrize("profile", ["simple", "medical"])
def test_the_same_arguments_give_the_same_bytes_and_another_seed_does_not(tmp_path: Path, profile: Profile) -> None:
    made = {}
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        simulated(tmp_path / name, profile, patients=4, seed=seed, truth=tmp_path / name / "truth")
        made[name] = content(tmp_path / name)
    assert made["a"] == made["b"]
    assert made["a"].keys() >= {f"truth/vitals_{what}.csv" for what in ("crises", "faults", "defects")}
    assert made["a"] != made["c"]


def test_the_simple_profile_has_three_children_and_its_mix_of_scenarios(tmp_path: Path) -> None:
    truth = simulated(tmp_path, days=10, interval_s=600, faults_per_day=0, defects=VitalsDefects.none())
    registry = (tmp_path / "vitals" / "patients_csv" / "patients.csv").read_text().splitlines()
    patients = [line.split(",")[:3] for line in registry[1:]]
    assert [(kind, 2025 - int(born[:4])) for _, kind, born in patients] == [("SS", 8), ("AS", 15), ("SC", 12)]
    assert all(patient.startswith("sim-") for patient, _, _ in patients)
    blocks = truth.readings.height
    assert blocks == 3 * 10 * 144
    assert truth.crises.height / blocks == pytest.approx(0.05, abs=0.015)
    assert (truth.readings["activity"] > 28).sum() / blocks == pytest.approx(0.10, abs=0.02)


def test_a_crisis_of_the_simple_profile_lowers_saturation_and_raises_temperature_as_far_as_said(tmp_path: Path) -> None:
    truth = simulated(tmp_path, days=5, faults_per_day=0, defects=VitalsDefects.none())
    during = truth.readings.join_where(
        truth.crises.rename({"patient_id": "who"}),
        pl.col("patient_id") == pl.col("who"),
        pl.col("time") >= pl.col("start"),
        pl.col("time") < pl.col("end"),
    )
    vitals = ["spo2_pct", "temp_corp"]
    usual = truth.readings.group_by("patient_id").agg(pl.col(vitals).median().name.suffix("_usual"))
    found = during.join(usual, on="patient_id")
    assert found.height == 10 * truth.crises.height
    # Day and night, and noise, move a reading by a little more.
    assert (found["spo2_pct_usual"] - found["spo2_pct"]).is_between(3, 17).all()
    assert (found["temp_corp"] - found["temp_corp_usual"]).is_between(1.0, 3.5).all()
    calm = truth.readings.join(during.select("patient_id", "time"), on=["patient_id", "time"], how="anti")
    assert (calm["spo2_pct"] > 92).all()
    assert (calm["temp_corp"] < 38).all()


def test_a_crisis_of_the_medical_profile_evolves(tmp_path: Path) -> None:
    truth = simulated(tmp_path, "medical", 4, patients=30, faults_per_day=0, defects=VitalsDefects.none())
    assert set(truth.crises["kind"]) == {"vaso_occlusive", "infection", "dehydration"}
    crisis = truth.crises.filter(kind="vaso_occlusive").sort("patient_id", "start").row(0, named=True)
    own = truth.readings.filter(patient_id=crisis["patient_id"]).sort("time")
    length = crisis["end"] - crisis["start"]
    pains = [
        own.filter(pl.col("time").is_between(at, at + timedelta(minutes=5)))["pain"].fill_null(0).mean()
        for at in (crisis["start"], crisis["start"] + length / 2, crisis["end"] - timedelta(minutes=5))
    ]
    assert pains[0] < 3 < pains[1] > pains[2]  # type: ignore[operator]


def test_files_hold_both_forms_and_both_spellings(tmp_path: Path) -> None:
    simulated(tmp_path, defects=VitalsDefects.none())
    nested, flat = messages(tmp_path, "bracelet_ndjson"), messages(tmp_path, "bracelet_flat")
    assert {message["patient_id"] for message in nested} == {"sim-0001-ss", "sim-0003-sc"}
    assert all("measurements" in message and "device_info" in message for message in nested)
    assert {message["patient_id"] for message in flat} == {"sim-0002-as"}
    assert {name for message in flat for name in message if name.startswith("temp_amb")} == {
        "temp_ambiante",
        "temp_ambiente",
    }


def test_without_defects_every_reading_is_one_message(tmp_path: Path) -> None:
    truth = simulated(tmp_path, "medical", patients=3, interval_s=300, faults_per_day=0, defects=VitalsDefects.none())
    found = messages(tmp_path)
    assert len(found) == truth.readings.height == truth.files["records"].sum() == 3 * 288
    assert truth.defects.is_empty()
    assert truth.faults.is_empty()
    by_reading = {(row["patient_id"], row["time"]): row["freq_card"] for row in truth.readings.iter_rows(named=True)}
    for message in found:
        at = datetime.fromisoformat(message["timestamp"]).replace(tzinfo=UTC)
        assert message.get("measurements", message)["freq_card"] == by_reading[message["patient_id"], at]


def test_defects_strike_as_often_as_asked_and_are_all_told(tmp_path: Path) -> None:
    rates = VitalsDefects(duplicate=0.05, late=0.05, damaged=0.02, bad_time=0.02, no_patient=0.02, redelivered=0.25)
    truth = simulated(tmp_path, days=2, faults_per_day=0, defects=rates)
    told = dict(truth.defects.group_by("kind").len().iter_rows())
    for kind in ("duplicate", "late", "damaged", "bad_time", "no_patient"):
        assert told[kind] / 8640 == pytest.approx(getattr(rates, kind), rel=0.35)
    copies = truth.files.filter(pl.col("file").str.contains("_copy"))
    assert copies.height == 4
    lines = sum(len(path.read_text().splitlines()) for path in (tmp_path / "vitals").glob("bracelet_*/*.ndjson"))
    assert lines == truth.files["records"].sum() == 8640 + told["duplicate"] + copies["records"].sum()
    assert truth.readings.height == 8640 - told["damaged"] - told["bad_time"] - told["no_patient"]


def test_faulty_devices_say_so(tmp_path: Path) -> None:
    truth = simulated(tmp_path, "medical", 4, patients=10, faults_per_day=3.0, defects=VitalsDefects.none())
    faults = truth.faults
    assert set(faults["kind"]) == {"motion", "flatline", "sensor_drop", "signal_loss", "user_removed", "silence"}
    told = {
        message.get("quality_flag") or message["quality_indicators"]["quality_flag"] for message in messages(tmp_path)
    }
    assert told == {"ok", "motion", "flatline", "sensor_drop", "signal_loss", "user_removed"}
    silence = faults.filter(kind="silence").row(0, named=True)
    of_device = truth.readings.filter(
        pl.col("device_id") == silence["device_id"], pl.col("time") >= silence["start"], pl.col("time") < silence["end"]
    )
    assert of_device.is_empty()
    assert truth.readings.filter(quality_flag="sensor_drop")["spo2_pct"].null_count() > 0


@pytest.mark.parametrize("wrong", [{"days": 0}, {"patients": 0}, {"interval_s": 7}])
def test_arguments_that_do_not_fit_are_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"at least|must divide"):
        simulated(tmp_path, "medical", **wrong)
