"""Partial scores: the published vectors, ages on both sides of the limit, and what is said to be missing."""

from datetime import date
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from kaikai_assets.domains.vitals import configuration
from kaikai_assets.domains.vitals.contracts import News2Partial
from kaikai_assets.domains.vitals.news2 import Component, News2
from kaikai_assets.domains.vitals.transforms.scores import partial_scores
from kaikai_assets_tests.domains.vitals.frames import registry, stored, windows
from kaikai_assets_tests.vectors import VITALS

NAMES = {"RR": "freq_resp", "SpO2_scale1": "spo2_pct", "pulse": "freq_card", "temp": "temp_corp"}
NEVER = "systolic_blood_pressure, supplemental_oxygen, consciousness"


def scored(born: date | None = date(1990, 1, 1), **medians: float | None) -> pl.DataFrame:
    of_window: dict[str, Any] = {f"{vital}_p50": value for vital, value in medians.items()}
    rows = windows({"patient_id": "P1", **of_window})
    patients = registry({"patient_id": "P1", "birth_month": born})
    return stored(News2Partial, partial_scores(rows, patients, configuration.news2()))


@pytest.mark.parametrize("parameter", NAMES)
def test_components_are_those_of_the_published_chart(parameter: str) -> None:
    component = configuration.news2().components[NAMES[parameter]]  # type: ignore[index]
    values, expected = zip(*VITALS["news2_component"][parameter], strict=True)
    frame = pl.DataFrame({"value": [float(value) for value in values]})
    assert frame.select(component.score(pl.col("value"))).to_series().to_list() == list(expected)


@pytest.mark.parametrize("vector", VITALS["news2_partial_rr_spo2_hr_temp"])
def test_partial_scores_are_sums_of_their_components(vector: list[float]) -> None:
    rate, saturation, heart, temperature, total = vector
    (row,) = scored(freq_resp=rate, spo2_pct=saturation, freq_card=heart, temp_corp=temperature).rows(named=True)
    parts = [row[f"{vital}_score"] for vital in NAMES.values()]
    assert row["partial_score"] == sum(parts) == total
    assert row["any_three"] is (3 in parts)
    assert row["missing_parameters"] == NEVER


@pytest.mark.parametrize(
    ("vital", "value", "score"),
    [
        ("freq_resp", 20.4, 0),
        ("freq_resp", 20.5, 2),
        ("spo2_pct", 91.5, 2),
        ("spo2_pct", 91.4, 3),
        ("freq_card", 90.5, 1),
        ("temp_corp", 36.05, 0),
        ("temp_corp", 36.04, 1),
        ("temp_corp", 38.05, 1),
    ],
)
def test_a_median_between_two_steps_of_the_chart_is_rounded_half_up(vital: str, value: float, score: int) -> None:
    medians: dict[str, Any] = {vital: value}
    (row,) = scored(**medians).rows(named=True)
    assert row[f"{vital}_score"] == row["partial_score"] == score


def test_what_a_window_lacks_is_named_and_a_window_with_nothing_has_no_score() -> None:
    (row,) = scored(freq_card=131.0).rows(named=True)
    assert row["missing_parameters"] == f"freq_resp, spo2_pct, temp_corp, {NEVER}"
    assert (row["freq_resp_score"], row["partial_score"], row["any_three"]) == (None, 3, True)
    assert scored().is_empty()


@pytest.mark.parametrize(
    ("born", "age"),
    [
        (date(2009, 7, 1), 16),
        # Perhaps only next week.
        (date(2009, 8, 1), None),
        (date(2009, 9, 1), None),
        (date(2008, 8, 1), 16),
        (date(1950, 1, 1), 75),
        (date(2025, 9, 1), None),
        (None, None),
    ],
)
def test_only_patients_who_are_known_to_be_sixteen_have_scores(born: date | None, age: int | None) -> None:
    assert scored(born, freq_card=80.0)["age_years"].to_list() == ([] if age is None else [age])


def test_no_table_or_column_is_called_news2_alone() -> None:
    assert not [name for name in News2Partial.to_schema().columns if "news2" in name]


def test_bands_must_rise() -> None:
    bands = [{"at_most": 10, "score": 1}, {"at_most": 10, "score": 2}]
    with pytest.raises(ValidationError, match="do not rise"):
        Component.model_validate({"decimals": 0, "bands": bands, "above": 3})
    with pytest.raises(ValidationError, match="least_age_years"):
        News2.model_validate(configuration.news2().model_dump() | {"least_age_years": 15})
