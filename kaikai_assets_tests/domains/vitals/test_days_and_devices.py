"""Days of patients and of devices beside their definitions."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaikai_assets.domains.vitals.contracts import Daily, DeviceHealth
from kaikai_assets.domains.vitals.transforms.days import daily
from kaikai_assets.domains.vitals.transforms.devices import device_health
from kaikai_assets.quality.flags import FAIL, SUSPECT
from kaikai_assets_tests.domains.vitals.frames import DAY, START, reading, registry, silver, stored

NOBODY = registry()


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 86_399), st.integers(30, 200)), unique_by=lambda x: x[0], min_size=1))
def test_days_equal_numpy_in_any_order(drawn: list[tuple[int, int]]) -> None:
    rows = silver(*(reading(START + timedelta(seconds=s), freq_card=float(v)) for s, v in drawn))
    found = stored(Daily, daily(rows, NOBODY))
    assert found.equals(stored(Daily, daily(rows.reverse(), NOBODY)))
    (row,) = found.rows(named=True)
    values = [float(v) for _, v in drawn]
    assert [row[name] for name in ("mean", "min", "max")] == pytest.approx([np.mean(values), min(values), max(values)])
    assert [row[name] for name in ("p05", "p50", "p95")] == pytest.approx(np.percentile(values, [5, 50, 95]).tolist())
    minutes = len({s // 60 for s, _ in drawn})
    assert (row["n"], row["expected"], row["minutes_covered"]) == (len(drawn), 1440, minutes)
    assert row["completeness"] == pytest.approx(minutes / 1440, abs=1e-6)


def test_what_is_expected_follows_the_registry_of_that_day_and_the_grain() -> None:
    known = registry(
        {"patient_id": "P1", "valid_to": DAY, "expected_interval_s": 10.0},
        {"patient_id": "P1", "valid_from": DAY, "expected_interval_s": 300.0},
    )
    eve = START - timedelta(days=1)
    rows = silver(
        reading(eve, freq_card=80.0),
        reading(START, freq_card=80.0),
        reading(START, freq_card=80.0, grain="PT1S"),
        reading(START + timedelta(seconds=40), freq_card=80.0),
        reading(START, "P2", freq_card=80.0),
    )
    found = daily(rows, known).select("day", "grain", "patient_id", "expected", "completeness").sort(pl.all())
    assert [row[:4] for row in found.rows()] == [
        (date(2025, 8, 23), "instant", "P1", 8640),
        (DAY, "PT1S", "P1", 86_400),
        (DAY, "instant", "P1", 288),
        (DAY, "instant", "P2", 1440),
    ]
    # Two readings in one interval fill one.
    assert found.row(2)[4] == pytest.approx(1 / 288)


def test_each_vital_sign_has_its_own_row_and_share_of_suspect_readings() -> None:
    rows = silver(
        reading(START, spo2_pct=40.0, spo2_pct_flag=SUSPECT, pain=3.0),
        reading(START + timedelta(minutes=1), spo2_pct=97.0),
        reading(START + timedelta(minutes=2), temp_corp=None, temp_corp_flag=FAIL),
    )
    found = daily(rows, NOBODY).select("vital", "n", "share_suspect")
    assert sorted(found.rows()) == [("pain", 1, 0.0), ("spo2_pct", 2, 0.5)]


def test_a_device_has_its_problems_gaps_battery_and_impossible_cells_counted() -> None:
    def at(minute: int, patient: str = "P1", **columns: Any) -> dict[str, Any]:
        return reading(START + timedelta(minutes=minute), patient, device_id="D1", **columns)

    rows = silver(
        at(0, quality_flag="ok", battery_pct=80.0, signal=-60.0),
        at(3, quality_flag="motion", battery_pct=79.0),
        at(7, quality_flag="motion", signal=-70.0),
        at(8, spo2_pct_flag=FAIL, freq_card_flag=FAIL, signal_flag=FAIL, patient="P2"),
        reading(START, "P3", freq_card=80.0),
    )
    (row,) = stored(DeviceHealth, device_health(rows, NOBODY)).rows(named=True)
    assert (row["device_id"], row["n"], row["patients"]) == ("D1", 4, 2)
    assert (row["first_seen"], row["last_seen"]) == (START, START + timedelta(minutes=8))
    # Three intervals of a minute are no gap, four are.
    assert (row["gaps"], row["longest_gap_min"]) == (1, 4.0)
    assert (row["battery_min_pct"], row["signal_p50"], row["impossible_n"]) == (79.0, -65.0, 2)
    assert (row["share_problem"], row["share_motion"], row["share_noise"]) == (0.5, 0.5, 0.0)
