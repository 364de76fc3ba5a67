"""What rules of vital signs judge: no grain hides another, and no age is made up."""

from datetime import date, timedelta
from itertools import permutations
from typing import Any

import polars as pl
import pytest

from kaikai_assets.alerts.episodes import fold
from kaikai_assets.alerts.rules import RuleSet
from kaikai_assets.alerts.runs import runs
from kaikai_assets.domains.vitals import configuration
from kaikai_assets.domains.vitals.transforms import alerts
from kaikai_assets.quality.flags import FAIL, GOOD, MISSING, SUSPECT
from kaikai_assets_tests.domains.vitals.frames import DAY, START, reading, registry, silver

NOBODY = registry()


def judged(*rows: dict[str, Any], patients: pl.DataFrame = NOBODY) -> pl.DataFrame:
    return alerts.readings(silver(*rows), patients).sort("patient_id", "start")


def raised(rows: list[dict[str, Any]], rules: RuleSet) -> list[str]:
    frames = {"reading": judged(*rows), "window": alerts.windows(scores())}
    return sorted(fold(runs([rules], frames, "patient_id", [DAY]), rules, "patient_id")["rule"])


def scores(*rows: tuple[str, int, bool]) -> pl.DataFrame:
    """Scores of one window: grain, partial score, whether there is a 3."""
    schema = {"grain": pl.String(), "partial_score": pl.Int64(), "any_three": pl.Boolean()}
    of_window = pl.DataFrame(list(rows), schema=schema, orient="row")
    return of_window.with_columns(
        day=pl.lit(DAY), patient_id=pl.lit("P1"), window_start=pl.lit(START).cast(pl.Datetime("us", "UTC"))
    )


GRAINS = [
    reading(START, grain="PT1S", freq_card=80.0, spo2_pct_flag=FAIL),
    reading(START, freq_card=70.0, spo2_pct=85.0, spo2_pct_flag=SUSPECT),
    reading(START, grain="PT5M", freq_card=60.0, spo2_pct=99.0, temp_corp=39.0, freq_resp_flag=FAIL),
]


@pytest.mark.parametrize("rows", list(permutations(GRAINS)))
def test_each_metric_and_its_flag_come_from_the_finest_grain_that_has_a_value(rows: tuple[dict[str, Any], ...]) -> None:
    (row,) = judged(*rows).rows(named=True)
    assert {m: (row[m], row[f"{m}_flag"]) for m in ("freq_card", "spo2_pct", "temp_corp", "freq_resp", "pain")} == {
        "freq_card": (80.0, GOOD),
        "spo2_pct": (85.0, SUSPECT),
        "temp_corp": (39.0, GOOD),
        "freq_resp": (None, FAIL),
        "pain": (None, MISSING),
    }
    assert (row["start"], row["end"], row["interval_s"]) == (START, START + timedelta(seconds=1), 300.0)
    assert raised(list(rows), configuration.rules()) == [
        "fever_with_hypoxia",
        "sensor_fault_freq_resp",
        "spo2_below_88",
        "temperature_from_38",
    ]


def test_readings_of_different_times_and_patients_stay_as_they_are() -> None:
    rows = [reading(START, who, freq_card=80.0) for who in ("P1", "P2")]
    later = reading(START + timedelta(minutes=1), "P1", grain="PT5M", temp_corp=37.0)
    found = judged(*rows, later)
    assert found.select("patient_id", "freq_card", "temp_corp", "interval_s").rows() == [
        ("P1", 80.0, None, 60.0),
        ("P1", None, 37.0, 300.0),
        ("P2", 80.0, None, 60.0),
    ]


def test_a_grain_without_any_value_does_not_tell_how_far_apart_readings_are() -> None:
    found = judged(reading(START, freq_card=80.0), reading(START, grain="PT1H", freq_resp_flag=FAIL))
    assert found["interval_s"].to_list() == [60.0]
    nothing = [reading(START, freq_card_flag=FAIL), reading(START, grain="PT1H")]
    assert judged(*nothing)["interval_s"].to_list() == [60.0]


@pytest.mark.parametrize("rows", list(permutations([("instant", 6, False), ("PT1S", 3, True)])))
def test_of_windows_of_two_grains_the_highest_score_and_any_three_count(
    rows: tuple[tuple[str, int, bool], ...],
) -> None:
    assert alerts.windows(scores(*rows)).select("partial_score", "any_three").rows() == [(6, 1)]


@pytest.mark.parametrize(
    ("born", "age"),
    [
        (date(2025, 9, 1), None),
        (date(2026, 1, 1), None),
        (date(2025, 8, 1), 0),
        (date(2024, 9, 1), 0),
        (date(2024, 8, 1), 1),
        (None, None),
    ],
)
def test_an_age_counts_from_the_month_of_birth_and_is_unknown_before_it(born: date | None, age: int | None) -> None:
    patients = registry({"patient_id": "P1", "birth_month": born})
    found = judged(reading(START, freq_card=80.0), patients=patients)
    assert found["age_years"].to_list() == [age]


def test_a_patient_who_is_not_born_yet_is_judged_as_one_of_unknown_age() -> None:
    patients = registry({"patient_id": "P1", "birth_month": date(2025, 9, 1)})
    rules = next(one for one in configuration.rule_sets() if one.rule_set == "kidjamo-age-v1")
    frames = {"reading": judged(reading(START, spo2_pct=89.0), patients=patients), "window": alerts.windows(scores())}
    found = fold(runs([rules], frames, "patient_id", [DAY]), rules, "patient_id").filter(rule="spo2_emergency")
    assert found["assumed"].to_list() == ["age_unknown"]


@pytest.mark.parametrize(
    ("genotype", "born", "mark"),
    [
        ("SS", None, "age_unknown"),
        ("SC", None, None),
        (None, date(2010, 1, 1), "genotype_unknown"),
        (None, None, "age_unknown, genotype_unknown"),
        ("SS", date(2010, 1, 1), None),
    ],
)
def test_an_alert_says_what_was_assumed_only_where_that_decided(
    genotype: str | None, born: date | None, mark: str | None
) -> None:
    patients = registry({"patient_id": "P1", "birth_month": born, "genotype": genotype})
    rules = next(one for one in configuration.rule_sets() if one.rule_set == "genotype-v1")
    frames = {"reading": judged(reading(START, spo2_pct=80.0), patients=patients), "window": alerts.windows(scores())}
    found = fold(runs([rules], frames, "patient_id", [DAY]), rules, "patient_id")
    assert found.select("rule", "assumed").rows() == [("spo2_critical", mark)]
