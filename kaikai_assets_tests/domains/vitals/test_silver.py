"""Messages, numerics and the registry as a person drops them: what stands in silver, and what was set aside."""

import csv
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kaikai_assets.build.steps import Domain
from kaikai_assets.domains.vitals import configuration
from kaikai_assets.domains.vitals.contracts import Readings
from kaikai_assets.domains.vitals.domain import VITALS
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.wording import WITHHELD
from kaikai_assets.quality.contracts import columns
from kaikai_assets_tests.domains.vitals.conftest import Named
from kaikai_assets_tests.end_to_end.product import build, drop, drop_tree, outputs, table

AT = datetime(2025, 8, 24, 10, 30, tzinfo=UTC)


def lines(*messages: dict[str, Any]) -> str:
    return "".join(json.dumps(message) + "\n" for message in messages)


def nested(timestamp: str = "2025-08-24T10:30:00Z", patient: str = "sim-1", **measurements: Any) -> dict[str, Any]:
    return {"patient_id": patient, "device_id": "D1", "timestamp": timestamp, "measurements": measurements}


def flat(timestamp: str = "2025-08-24T10:30:00Z", patient: str = "sim-1", **measurements: Any) -> dict[str, Any]:
    return {"patient_id": patient, "device_id": "D1", "timestamp": timestamp, **measurements}


def silver(platform: Platform, *files: str) -> pl.DataFrame:
    for number, content in enumerate(files):
        drop(platform, f"{number}.ndjson", content, VITALS)
    assert not build(platform, domain=VITALS).failed
    assert_conserved(platform, VITALS)
    return table(platform, "silver/vitals_readings", VITALS).sort("patient_id", "time")


def assert_conserved(platform: Platform, domain: Domain) -> None:
    accounts = platform.ledger.targets.accounts(domain.name)
    landed = {(day.isoformat(), file): n for day, file, n in platform.ledger.landed.file_days(domain.name)}
    assert sum(account.records for account in accounts) == sum(landed.values())
    assert all(a.records == a.leading + a.absorbed + a.rejected for a in accounts)
    assert sum(a.leading for a in accounts) == table(platform, domain.silver, domain).height


def test_both_forms_of_a_message_make_the_same_reading(platform: Platform, device: Named) -> None:
    values: dict[str, Any] = {
        "freq_card": 120,
        "freq_resp": 18,
        "spo2_pct": 85.0,
        "temp_corp": 38.5,
        "pct_hydratation": 80.5,
    }
    found = silver(
        platform,
        lines(nested(**values, temp_ambiante=31.5) | {"quality_indicators": {"quality_flag": "motion"}}),
        lines(flat(patient="sim-2", **values, temp_ambiente=31.5, quality_flag="motion")),
        lines(flat(patient="sim-3", **values, temp_ambiante="31.5", temp_ambiente=None, quality_flag="motion")),
    )
    assert sorted(found["source"]) == ["bracelet_flat", "bracelet_flat", "bracelet_ndjson"]
    same = found.drop("patient_id", "source", "arrival_seq").unique()
    assert same.height == 1
    row = same.row(0, named=True)
    assert {name: row[name] for name in values} == values
    assert (row["time"], row["temp_ambiante"], row["device_id"], row["quality_flag"]) == (
        AT,
        31.5,
        device("D1"),
        "motion",
    )


@pytest.mark.parametrize(
    "text",
    [
        "2025-08-24T10:30:00Z",
        "2025-08-24T10:30:00.000000",
        "2025-08-24T10:30:00",
        "2025-08-24T12:30:00+02:00",
        "2025-08-24T12:30:00.000+0200",
    ],
)
def test_timestamps_have_a_zone_an_offset_or_none_with_or_without_fractions(platform: Platform, text: str) -> None:
    assert silver(platform, lines(nested(text, freq_card=80)))["time"].to_list() == [AT]


def test_what_a_device_says_of_itself_stands_beside_its_reading(platform: Platform, device: Named) -> None:
    message = nested(freq_card=80) | {"device_info": {"battery_level": 17, "signal_strength": -71, "status": "active"}}
    (row,) = silver(platform, lines(message)).rows(named=True)
    assert (row["battery_pct"], row["signal"], row["device_id"], row["quality_flag"]) == (
        17.0,
        -71.0,
        device("D1"),
        None,
    )


def test_an_unknown_quality_code_is_set_aside_and_the_reading_kept(platform: Platform) -> None:
    found = silver(platform, lines(flat(freq_card=80, quality_flag="OK!")))
    assert found.select("freq_card", "quality_flag").rows() == [(80.0, None)]
    aside = table(platform, "silver/vitals_quarantine", VITALS)
    assert aside.select("kind", "column", "rule").rows() == [("cell", "quality_flag", "unknown_code")]


def test_a_message_without_any_measurement_is_rejected_though_its_device_speaks(platform: Platform) -> None:
    message = nested() | {"device_info": {"battery_level": 50}, "quality_indicators": {"quality_flag": "user_removed"}}
    assert silver(platform, lines(message)).is_empty()
    assert table(platform, "silver/vitals_quarantine", VITALS)["rule"].to_list() == ["no_metric"]


RANGES: list[tuple[str, list[tuple[float, int]]]] = [
    ("spo2_pct", [(0, 4), (0.1, 3), (49.9, 3), (50, 1), (100, 1), (100.1, 4)]),
    ("freq_card", [(-1, 4), (0, 3), (19, 3), (20, 1), (250, 1), (251, 3), (300, 3), (301, 4)]),
    ("freq_resp", [(-1, 4), (0, 3), (3, 3), (4, 1), (80, 1), (81, 3), (120, 3), (121, 4)]),
    ("temp_corp", [(9.9, 4), (10, 3), (29.9, 3), (30, 1), (43, 1), (43.1, 3), (50, 3), (50.1, 4)]),
]


def test_values_on_both_sides_of_each_range_are_good_suspect_or_impossible(platform: Platform, named: Named) -> None:
    messages = [
        nested((AT + timedelta(minutes=n)).isoformat(), patient=vital, **{vital: value})
        for vital, cases in RANGES
        for n, (value, _) in enumerate(cases)
    ]
    found = silver(platform, lines(*messages))
    for vital, cases in RANGES:
        of_vital = found.filter(patient_id=named(vital))
        assert of_vital[f"{vital}_flag"].to_list() == [flag for _, flag in cases]
        # Suspect is not impossible: rules must see SpO2 69.
        assert of_vital[vital].to_list() == [None if flag == 4 else value for value, flag in cases]


def test_each_plausible_range_lies_within_what_is_possible() -> None:
    possible = {c.name: {k: v for _, stats in c.checks for k, v in stats} for c in columns(Readings)}
    for metric, (low, high) in configuration.limits().spans.items():
        assert low is None or low > possible[metric]["min_value"]
        assert high is None or high < possible[metric]["max_value"]


def test_a_correction_of_a_device_wins_and_a_redelivery_does_not_undo_it(platform: Platform, device: Named) -> None:
    first, second = lines(flat(freq_card=80)), lines(flat(freq_card=81) | {"device_id": "D2"})
    found = silver(platform, first, second, first + lines(flat("2025-08-24T11:00:00Z", freq_card=70)))
    assert found.select("freq_card", "device_id").rows() == [(81.0, device("D2")), (70.0, device("D1"))]


def test_the_real_numerics_run_from_end_to_end(platform: Platform, real_numerics: Path, named: Named) -> None:
    drop_tree(platform, real_numerics, VITALS)
    report = platform.land(VITALS)
    assert len(report.rejected) == len(list(real_numerics.glob("*_Fix.txt"))) == 6
    assert all(reason.startswith("header fits no source") for _, reason in report.rejected)
    assert not build(platform, domain=VITALS).failed
    assert_conserved(platform, VITALS)
    start = datetime(2025, 1, 1, tzinfo=UTC)
    found = table(platform, "silver/vitals_readings", VITALS)
    for path in sorted(real_numerics.glob("*_Numerics.csv")):
        with path.open(encoding="utf-8", newline="") as opened:
            header, *rows = ([cell.strip() for cell in row] for row in csv.reader(opened) if row)
        expected = {
            start + timedelta(seconds=float(row[0])): tuple(
                None if (text := row[header.index(name)]) in ("NaN", "") else float(text)
                for name in ("HR", "PULSE", "RESP", "SpO2")
            )
            for row in rows
        }
        of_file = found.filter(patient_id=named(path.name.removesuffix("_Numerics.csv")))
        assert {row[0]: row[1:] for row in of_file.select("time", *METRICS).iter_rows()} == expected
    assert set(found["grain"]) == {"PT1S"}
    windows = table(platform, "gold/vitals_windows_5m", VITALS)
    assert windows["n"].sum() == found.height
    assert not windows["is_final"].any()
    assert windows["n_late"].sum() == 0


ALERTS = {f"gold/vitals_{name}" for name in ("alert_days", "alerts", "critical_alerts", "rule_comparison")}
METRICS = ("freq_card", "pulse", "freq_resp", "spo2_pct")

PATIENTS = """patient_id,genotype,birth_date,expected_interval_s,timezone,valid_from
sim-1,SS,2017-05-17,60,Africa/Dakar,
sim-1,SS,2017-05-17,30,Africa/Dakar,2025-08-24
sim-2,XX,1999-02-31,-5,Mars/Dakar,
,AS,2001-11-23,,,
"""


def test_of_a_patient_the_month_of_birth_is_kept_and_nothing_that_stands_in_the_file(
    platform: Platform, named: Named
) -> None:
    drop(platform, "patients.csv", PATIENTS, VITALS)
    build(platform, domain=VITALS)
    found = table(platform, "silver/vitals_patients", VITALS)
    wanted = ("patient_id", "genotype", "birth_month", "expected_interval_s", "timezone", "valid_from", "valid_to")
    assert set(found.select(wanted).rows()) == {
        (named("sim-1"), "SS", date(2017, 5, 1), 30.0, "Africa/Dakar", date(2025, 8, 24), None),
        (named("sim-1"), "SS", date(2017, 5, 1), 60.0, "Africa/Dakar", None, date(2025, 8, 24)),
        (named("sim-2"), None, None, None, None, None, None),
    }
    aside = table(platform, "silver/vitals_patients_quarantine", VITALS)
    assert sorted(aside.select("column", "rule").rows(), key=str) == [
        ("birth_month", "unreadable"),
        ("expected_interval_s", "unreadable"),
        ("genotype", "unreadable"),
        ("timezone", "unreadable"),
        (None, "no_entity"),
    ]
    assert set(aside["raw_value"]) == {WITHHELD}


def test_a_registry_that_says_more_rebuilds_the_days_that_depend_on_it(platform: Platform) -> None:
    drop(platform, "a.ndjson", lines(nested(freq_card=131)), VITALS)
    build(platform, domain=VITALS)
    before = outputs(platform, VITALS)
    assert table(platform, "gold/vitals_news2_partial", VITALS).is_empty()
    drop(platform, "patients.csv", "patient_id,genotype,birth_date\nsim-1,SC,1980-01-01\n", VITALS)
    built = {name for name, _ in build(platform, domain=VITALS).targets}
    assert built == {
        "silver/vitals_patients",
        "silver/vitals_patients_quarantine",
        "gold/vitals_news2_partial",
        *ALERTS,
    }
    assert table(platform, "gold/vitals_news2_partial", VITALS)["partial_score"].to_list() == [3]
    after = outputs(platform, VITALS)
    assert all(after[target] == digest for target, digest in before.items() if target[0] not in ALERTS)
