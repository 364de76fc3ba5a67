"""The queries of vital signs in ``sql/`` on a small warehouse that the product built, each against its whole result."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.vitals.domain import VITALS
from kaikai_assets.privacy.vault import Vault
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.product import build, drop
from kaikai_assets_tests.sql.engines import Ask


def message(time: str, patient: str, battery: int | None = None, flag: str = "ok", **measurements: float) -> str:
    content: dict[str, Any] = {"patient_id": patient, "device_id": f"D{patient[-1]}", "timestamp": f"2025-08-{time}Z"}
    content |= {"measurements": measurements, "quality_indicators": {"quality_flag": flag}}
    return json.dumps(content | {"device_info": {"battery_level": battery}})


READINGS = [
    message("23T10:00:00", "sim-1", spo2_pct=80, freq_card=70),
    message("23T10:01:00", "sim-1", spo2_pct=97, freq_card=72),
    message("24T10:00:00", "sim-1", 50, spo2_pct=96, freq_card=80, temp_corp=39.25),
    message("24T10:01:00", "sim-1", 49, spo2_pct=87, freq_card=90, temp_corp=39.5),
    message("24T09:00:00", "sim-2", 15, freq_resp=18),
    message("24T09:10:00", "sim-2", 14, "motion", freq_resp=19, freq_card=500),
    message("24T10:00:00", "sim-3", 90, freq_card=75, pain=2),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    settings = Settings(data=tmp_path_factory.mktemp("data"), settle_s=0)
    platform = build_platform(settings)
    drop(platform, "readings.ndjson", "\n".join(READINGS) + "\n", VITALS)
    assert not build(platform, domain=VITALS).failed
    platform.publish(VITALS)
    vault = Vault.opened(settings, VITALS.name)
    names = {name: vault.pseudonym(name) for name in ("sim-1", "sim-2", "sim-3")}
    return settings.warehouse, names | {"D2": vault.attribute("device_id", "D2")}


@pytest.fixture(scope="module")
def file(made: tuple[Path, dict[str, str]]) -> Path:
    return made[0]


@pytest.fixture(scope="module")
def named(made: tuple[Path, dict[str, str]]) -> dict[str, str]:
    return made[1]


def test_the_newest_day_of_each_patient_has_its_coverage(ask: Ask, named: dict[str, str]) -> None:
    found = ask("vitals_patient_day")
    assert [row[0] for row in found] == sorted(row[0] for row in found)
    of_first = [row[2:] for row in found if row[0] == named["sim-1"]]
    assert of_first == [
        ("freq_card", 2, Decimal("0.1"), Decimal("85.0"), Decimal("80.0"), Decimal("90.0")),
        ("spo2_pct", 2, Decimal("0.1"), Decimal("91.5"), Decimal("87.0"), Decimal("96.0")),
        ("temp_corp", 2, Decimal("0.1"), Decimal("39.4"), Decimal("39.3"), Decimal("39.5")),
    ]
    assert [row[2:4] for row in found if row[0] == named["sim-2"]] == [("freq_resp", 2)]
    assert [row[2:4] for row in found if row[0] == named["sim-3"]] == [("freq_card", 1)]


def test_only_critical_alerts_that_nothing_closed_are_listed(ask: Ask, named: dict[str, str]) -> None:
    patient, first, last = named["sim-1"], *(datetime(2025, 8, 24, 10, minute, tzinfo=UTC) for minute in (0, 1))
    assert ask("vitals_open_critical_alerts") == [
        (patient, "fever_with_hypoxia", last, last, 1, Decimal("39.5"), Decimal("38.0")),
        (patient, "spo2_below_88", last, last, 1, Decimal("87.0"), Decimal("88.0")),
        (patient, "temperature_from_38", first, last, 2, Decimal("39.5"), Decimal("38.0")),
    ]


def test_devices_with_problems_gaps_or_a_low_battery_are_listed(ask: Ask, named: dict[str, str]) -> None:
    assert ask("vitals_devices_in_trouble") == [
        (named["D2"], 2, Decimal("50.0"), 1, Decimal("10.0"), Decimal("14"), 1),
    ]
