"""The rule sets that are shipped: every boundary on both sides, by their files and by the published numbers."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kaikai_assets.alerts import rules as engine
from kaikai_assets.alerts.rules import Condition, Rule, RuleSet, read_rules
from kaikai_assets.alerts.states import states
from kaikai_assets_tests.alerts import reference
from kaikai_assets_tests.vectors import VITALS

DOMAINS = Path(engine.__file__).parents[1] / "domains"
SETS = {
    path.stem: read_rules(path)
    for path in sorted(DOMAINS.glob("*/rules/*.json"))
    if "rule_set" in json.loads(path.read_bytes())
}
DAY = date(2025, 3, 2)
NOON = datetime(2025, 3, 2, 12, tzinfo=UTC)
STEP = 0.01
AGES: list[float | None] = [
    None,
    0.0,
    0.99,
    1.0,
    4.99,
    5.0,
    5.99,
    6.0,
    12.99,
    13.0,
    17.99,
    18.0,
    59.99,
    60.0,
    61.0,
    99.0,
]
GENOTYPES = [None, "SS", "SC", "AS"]


def rule_of(name: str, id: str) -> Rule:
    return next(rule for rule in SETS[name].rules if rule.id == id)


def judged(rules: RuleSet, rule: Rule, *readings: dict[str, Any]) -> list[str | None]:
    """States of readings (values of metrics, ``age_years``, ``genotype``), each of an entity of its own.

    A metric that is compared with what was before gets this before as ``<metric>_before``.
    """
    rows: list[dict[str, Any]] = []
    for number, values in enumerate(readings):
        of_reading = {"patient_id": f"P{number:04}", "completeness": 1.0, **values}
        for condition in rule.all:
            before = of_reading.pop(f"{condition.metric}_before", None)
            if before is not None and condition.baseline:
                earlier = [NOON - timedelta(days=1, minutes=n) for n in range(condition.baseline.at_least)]
                rows += [{**of_reading, "start": start, condition.metric: before} for start in earlier]
            elif before is not None:
                rows.append({**of_reading, "start": NOON - timedelta(minutes=10), condition.metric: before})
        rows.append({**of_reading, "start": NOON})
    absent = {
        name: pl.lit(None, pl.Float64 if name == "age_years" else pl.String) for name in ("age_years", "genotype")
    }
    frame = pl.DataFrame(rows, infer_schema_length=None)
    frame = frame.with_columns(
        **{name: value for name, value in absent.items() if name not in frame.columns},
        **{c.metric: pl.lit(None, pl.Float64) for c in rule.all if c.metric not in frame.columns},
    ).with_columns(pl.col("start").dt.cast_time_unit("us"))
    ready = frame.with_columns(day=pl.col("start").dt.date(), end=pl.col("start"), interval_s=pl.lit(60.0))
    found = states(ready.sort("patient_id", "start"), rule, rules, "patient_id", [DAY]).filter(start=NOON)
    of = dict(found.select("patient_id", "state").iter_rows())
    return [of.get(f"P{number:04}") for number in range(len(readings))]


def violates(name: str, id: str, *readings: dict[str, Any]) -> list[bool]:
    return [state == "violating" for state in judged(SETS[name], rule_of(name, id), *readings)]


# by their files --------------------------------------------------------------------------------------------------


def placed(condition: Condition, value: float) -> dict[str, Any]:
    """Values for which a condition compares this."""
    relative = condition.change_over or (condition.baseline and condition.baseline.where == "known")
    if relative:
        return {condition.metric: 50.0 + value, f"{condition.metric}_before": 50.0}
    return {condition.metric: value}


def comparisons() -> list[tuple[str, str, int]]:
    return [
        (name, rule.id, number)
        for name, rules in SETS.items()
        for rule in rules.rules
        for number, condition in enumerate(rule.all)
        if not condition.impossible
    ]


@pytest.mark.parametrize(("name", "id", "number"), comparisons())
def test_every_boundary_holds_on_its_side_for_everybody(name: str, id: str, number: int) -> None:
    rules, rule = SETS[name], rule_of(name, id)
    condition = rule.all[number]
    readings, expected = [], []
    for age in AGES:
        for genotype in GENOTYPES:
            attributes = {"age_years": age, "genotype": genotype}
            person = reference.Reading("P", NOON, {}, attributes=attributes)
            thresholds = [reference.threshold_of(person, one, rules) for one in rule.all]
            for beyond in (-STEP, 0.0, STEP):
                values: dict[str, Any] = dict(attributes)
                holds = True
                for n, (one, threshold) in enumerate(zip(rule.all, thresholds, strict=True)):
                    assert one.operator
                    at = threshold if threshold is not None else 38.0
                    # The other conditions hold, well inside, save where they are of this metric or of nobody.
                    other = at + (0.1 if one.above else -0.1)
                    values |= placed(one, at + beyond if n == number else values.get(one.metric, other))
                    if n != number and one.metric == condition.metric:
                        values |= placed(one, (thresholds[number] or 38.0) + beyond)
                for one, threshold in zip(rule.all, thresholds, strict=True):
                    assert one.operator
                    value = values[one.metric] - values.get(f"{one.metric}_before", 0.0)
                    compare = reference.OPERATORS[one.operator]
                    holds = holds and threshold is not None and compare(round(value, 6), threshold)
                readings.append(values)
                expected.append(holds)
    found = [state == "violating" for state in judged(rules, rule, *readings)]
    assert found == expected
    assert True in expected
    assert False in expected


@pytest.mark.parametrize(
    "name", [path.stem for path in sorted(DOMAINS.glob("vitals/rules/*.json")) if path.stem in SETS]
)
def test_every_set_of_vital_signs_raises_an_alert_for_a_value_that_is_impossible(name: str) -> None:
    compared = {condition.metric for rule in SETS[name].of("reading") for condition in rule.all}
    for metric in {"freq_card", "freq_resp", "spo2_pct", "temp_corp"} | compared:
        found = judged(
            SETS[name], rule_of(name, f"sensor_fault_{metric}"), *({f"{metric}_flag": f} for f in (1, 3, 4, 9))
        )
        assert found == ["clear", "clear", "violating", None]


# by the published numbers ----------------------------------------------------------------------------------------

PLAIN = [
    # set, rule, metric, the last value that is well, the first that is not
    ("kidjamo-v1", "spo2_below_88", "spo2_pct", 88, 87.9),
    ("kidjamo-v1", "temperature_from_38", "temp_corp", 37.9, 38.0),
    ("kidjamo-v1", "heart_rate_below_40", "freq_card", 40, 39),
    ("kidjamo-v1", "heart_rate_above_180", "freq_card", 180, 181),
    ("kidjamo-clinical", "spo2_below_90", "spo2_pct", 90, 89.9),
    ("kidjamo-clinical", "temperature_above_38_5", "temp_corp", 38.5, 38.6),
    ("kidjamo-clinical", "dehydration_above_5", "pct_hydratation", 95, 94.9),
    ("kidjamo-audit", "spo2_below_88", "spo2_pct", 88, 87.9),
    ("kidjamo-audit", "spo2_to_90_held", "spo2_pct", 90.1, 90),
    ("kidjamo-audit", "heart_rate_below_40", "freq_card", 40, 39),
    ("kidjamo-audit", "heart_rate_above_180", "freq_card", 180, 181),
    ("kidjamo-age-v1", "hydration_warn", "pct_hydratation", 70.1, 70),
    ("kidjamo-age-v1", "hydration_alert", "pct_hydratation", 50.1, 50),
    ("kidjamo-age-v1", "hydration_emergency", "pct_hydratation", 40.1, 40),
    ("kidjamo-age-v1", "heat_index_warn", "heat_index", 35.9, 36),
    ("kidjamo-age-v1", "heat_index_alert", "heat_index", 39.9, 40),
    ("kidjamo-age-v1", "heat_index_emergency", "heat_index", 40.9, 41),
    ("sustained-v1", "spo2_below_85", "spo2_pct", 85, 84.9),
    ("sustained-v1", "heart_rate_above_140", "freq_card", 140, 141),
    ("sustained-v1", "heart_rate_below_40", "freq_card", 40, 39),
    ("sustained-v1", "temperature_above_40", "temp_corp", 40, 40.1),
    ("sustained-v1", "temperature_below_34", "temp_corp", 34, 33.9),
    ("sustained-v1", "spo2_below_92", "spo2_pct", 92, 91.9),
    ("sustained-v1", "heart_rate_above_120", "freq_card", 120, 121),
    ("sustained-v1", "temperature_above_38_5", "temp_corp", 38.5, 38.6),
    ("baseline-v1", "spo2_below_92", "spo2_pct", 92, 91.9),
    ("news2-2017", "score_from_7", "partial_score", 6, 7),
    ("news2-2017", "score_5_to_6", "partial_score", 4, 5),
    ("news2-2017", "score_5_to_6", "partial_score", 7, 6),
    ("news2-2017", "single_three", "any_three", False, True),
    ("kaikai-v1", "pm25_hourly_above_35", "pm25_mean", 35.0, 35.1),
    ("kaikai-v1", "pm25_reading_above_35", "pm25", 35.0, 35.1),
    ("kaikai-monitoring-v1", "pm25_above_15", "pm25", 15.0, 15.1),
    ("kaikai-monitoring-v1", "pm25_above_35", "pm25", 35.0, 35.1),
    ("kaikai-monitoring-v1", "pm25_above_75", "pm25", 75.0, 75.1),
    ("kaikai-monitoring-v1", "degraded", "completeness", 0.5, 0.49),
    ("who-2021", "pm25_24h_above_15", "pm25_mean", 15.0, 15.1),
]


@pytest.mark.parametrize(("name", "id", "metric", "well", "bad"), PLAIN)
def test_a_published_threshold_is_met_exactly(name: str, id: str, metric: str, well: float, bad: float) -> None:
    assert violates(name, id, {metric: well}, {metric: bad}) == [False, True]


GROUPS = [0.5, 3, 8, 15, 40, 70]
BY_AGE = {
    # rule of kidjamo-age-v1, metric: threshold of each age group, as printed
    ("temperature_alert", "temp_corp"): "38 38 38 38 38 38",
    ("temperature_emergency", "temp_corp"): "38.5 39 39 39 39 38.5",
    ("temperature_low", "temp_corp"): "36 36 36 35.8 35.8 35.8",
    ("spo2_warn", "spo2_pct"): "94 94 94 93 93 93",
    ("spo2_alert", "spo2_pct"): "93 93 93 92 92 92",
    ("spo2_emergency", "spo2_pct"): "90 90 89 88 88 88",
    ("spo2_critical", "spo2_pct"): "88 88 88 88 88 88",
    ("heart_rate_alert", "freq_card"): "166 145 121 110 110 110",
    ("heart_rate_emergency", "freq_card"): "180 160 140 130 130 125",
    ("heart_rate_low", "freq_card"): "90 80 60 50 50 50",
    ("respiration_alert", "freq_resp"): "59 41 32 25 23 25",
    ("respiration_emergency", "freq_resp"): "65 45 36 30 28 30",
    ("respiration_low", "freq_resp"): "24 18 14 10 10 10",
}


@pytest.mark.parametrize(("id", "metric"), BY_AGE)
def test_the_thresholds_of_an_age_group_are_violated_at_the_printed_value(id: str, metric: str) -> None:
    low = metric == "spo2_pct" or id.endswith("low")
    for age, printed in zip(GROUPS, map(float, BY_AGE[id, metric].split()), strict=True):
        values = [{"age_years": float(age), metric: printed + (d if low else -d)} for d in (0.1, 0.0, -0.1)]
        assert violates("kidjamo-age-v1", id, *values) == [False, True, True], age


@pytest.mark.parametrize(
    ("age", "low", "high"), [(0.5, 100, 160), (3, 90, 140), (8, 75, 118), (15, 60, 100), (40, 60, 100), (70, 60, 100)]
)
def test_the_normal_heart_rate_of_an_age_group_includes_its_ends(age: float, low: float, high: float) -> None:
    rates = [{"age_years": float(age), "freq_card": float(rate)} for rate in (low - 1, low, high, high + 1)]
    assert violates("kidjamo-clinical", "heart_rate_below_normal", *rates) == [True, False, False, False]
    assert violates("kidjamo-clinical", "heart_rate_above_normal", *rates) == [False, False, False, True]


def test_fever_by_age_as_in_the_audit() -> None:
    values = [{"age_years": age, "temp_corp": t} for age in (0.9, 1.0, 60.9, 61.0) for t in (37.9, 38.0, 38.4, 38.5)]
    critical, alert = violates("kidjamo-audit", "temperature_critical", *values), violates(
        "kidjamo-audit", "temperature_38_to_38_5", *values
    )  # fmt: skip
    assert critical == [False, True, True, True, *[False, False, False, True] * 2, False, True, True, True]
    assert alert == [*[False] * 4, *[False, True, True, False] * 2, *[False] * 4]


@pytest.mark.parametrize(
    ("genotype", "age", "below"), [("SS", 4.9, 92), ("SS", 5.0, 90), ("SC", 3.0, 88), ("AS", 3.0, 85), (None, None, 90)]
)
def test_critical_saturation_by_genotype(genotype: str | None, age: float | None, below: float) -> None:
    values = [{"genotype": genotype, "age_years": age, "spo2_pct": value} for value in (below, below - 0.1)]
    assert violates("genotype-v1", "spo2_critical", *values) == [False, True]


COMBINATIONS = [
    ("kidjamo-v1", "fever_with_hypoxia", {"temp_corp": 38.0, "spo2_pct": 92.0}, {"temp_corp": 37.9, "spo2_pct": 92.1}),
    (
        "kidjamo-age-v1",
        "fever_with_hypoxia",
        {"temp_corp": 38.0, "spo2_pct": 93.0},
        {"temp_corp": 37.9, "spo2_pct": 93.1},
    ),
    (
        "kidjamo-age-v1",
        "hypoxia_with_fast_breathing",
        {"spo2_pct": 89.0, "freq_resp": 32.0},
        {"spo2_pct": 89.1, "freq_resp": 31.0},
    ),
    ("kidjamo-age-v1", "pain_with_hypoxia", {"pain": 7.0, "spo2_pct": 93.0}, {"pain": 6.9, "spo2_pct": 93.1}),
    (
        "kidjamo-age-v1",
        "dehydration_with_heat_and_activity",
        {"pct_hydratation": 70.0, "heat_index": 36.0, "activity": 0.1},
        {"pct_hydratation": 70.1, "heat_index": 35.9, "activity": 0.0},
    ),
    (
        "kidjamo-age-v1",
        "fever_with_fast_breathing",
        {"temp_corp": 38.0, "freq_resp": 32.0},
        {"temp_corp": 37.9, "freq_resp": 31.0},
    ),
]


@pytest.mark.parametrize(("name", "id", "bad", "well"), COMBINATIONS)
def test_a_combination_needs_all_its_parts(name: str, id: str, bad: dict[str, float], well: dict[str, float]) -> None:
    """Of somebody of unknown age, who is taken as 8 years old."""
    one_well = [{**bad, metric: value} for metric, value in well.items()]
    assert violates(name, id, bad, *one_well) == [True, *[False] * len(well)]
    # Whether it holds is not known without one of them, unless another one says no.
    unknown = [{**bad, metric: None} for metric in well]
    assert judged(SETS[name], rule_of(name, id), *unknown) == [None] * len(well)


def test_changes_and_baselines_at_their_published_distance() -> None:
    before = {"freq_card_before": 80.0}
    assert violates("sustained-v1", "heart_rate_rises", *({**before, "freq_card": v} for v in (99.0, 100.0))) == [
        False,
        True,
    ]
    before = {"spo2_pct_before": 97.0}
    for name, id, well, bad in (
        ("sustained-v1", "spo2_falls", 92.1, 92.0),
        ("baseline-v1", "spo2_3_under_baseline", 94.1, 94.0),
    ):
        assert violates(name, id, *({**before, "spo2_pct": value} for value in (well, bad))) == [False, True]
    # Where there is a baseline the other rule does not hold.
    assert judged(SETS["baseline-v1"], rule_of("baseline-v1", "spo2_below_92"), {**before, "spo2_pct": 80.0}) == [
        "clear"
    ]


def test_durations_numbers_and_severities_are_those_published() -> None:
    held = {
        (name, rule.id): (rule.severity, rule.lasting)
        for name, rules in SETS.items()
        for rule in rules.rules
        if rule.lasting
    }
    minute = timedelta(minutes=1)
    assert held == {
        ("kidjamo-audit", "spo2_to_90_held"): ("alert", minute / 2),
        ("sustained-v1", "spo2_below_85"): ("critical", minute),
        ("sustained-v1", "heart_rate_above_140"): ("critical", 2 * minute),
        ("sustained-v1", "heart_rate_below_40"): ("critical", 2 * minute),
        ("sustained-v1", "temperature_above_40"): ("critical", 3 * minute),
        ("sustained-v1", "temperature_below_34"): ("critical", 3 * minute),
        ("sustained-v1", "spo2_below_92"): ("alert", 3 * minute),
        ("sustained-v1", "heart_rate_above_120"): ("alert", 5 * minute),
        ("sustained-v1", "temperature_above_38_5"): ("alert", 10 * minute),
    }
    windows = {rule.id: rule.all[0].change_over for rule in SETS["sustained-v1"].rules if rule.all[0].change_over}
    assert windows == {"heart_rate_rises": 30 * minute, "spo2_falls": 20 * minute}
    assert {rule.severity for rule in SETS["kidjamo-v1"].rules if "fault" not in rule.id} == {"critical"}
    monitoring = {rule.id: rule for rule in SETS["kaikai-monitoring-v1"].rules}
    levels = [monitoring[f"pm25_above_{level}"] for level in (15, 35, 75)]
    assert [(rule.severity, rule.readings) for rule in levels] == [("info", 3), ("warn", 3), ("critical", 3)]
    assert [rule.clear and rule.clear.readings for rule in levels] == [3, 3, 3]
    assert monitoring["offline"].silent_for == 30 * minute
    assert (
        rule_of("kaikai-v1", "pm25_hourly_above_35").severity,
        rule_of("kaikai-v1", "pm25_reading_above_35").severity,
    ) == (
        "alert",
        "info",
    )
    assert rule_of("kaikai-v1", "pm25_hourly_above_35").min_completeness == 0.75


LABELS = {
    "spo2_below_88": "SPO2",
    "temperature_from_38": "TEMP",
    "heart_rate_below_40": "HR",
    "heart_rate_above_180": "HR",
    "fever_with_hypoxia": "COMBO",
}


@pytest.mark.parametrize("vector", VITALS["kidjamo_v1_rules"], ids=str)
def test_the_active_set_says_what_the_vectors_say(vector: dict[str, Any]) -> None:
    reading = {"spo2_pct": float(vector["spo2"]), "temp_corp": float(vector["temp"]), "freq_card": float(vector["hr"])}
    found = [label for id, label in LABELS.items() if violates("kidjamo-v1", id, reading)[0]]
    assert found == vector["alerts"]
