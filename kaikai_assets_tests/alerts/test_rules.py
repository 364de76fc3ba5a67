"""Rule sets are data that people edit: what cannot be meant is refused, with its file and field."""

import json
from pathlib import Path
from typing import Any

import pytest

from kaikai_assets.alerts import rules
from kaikai_assets.alerts.rules import read_rules
from kaikai_assets.rule_files import RuleError

DOMAINS = Path(rules.__file__).parents[1] / "domains"
SHIPPED = [path for path in sorted(DOMAINS.glob("*/rules/*.json")) if "rule_set" in json.loads(path.read_bytes())]
CONDITION = {"metric": "pm25_mean", "operator": ">", "threshold": 35.0, "unit": "µg/m³"}
RULE: dict[str, Any] = {
    "id": "pm25_above_35",
    "version": 1,
    "severity": "alert",
    "valid_from": "2025-01-01",
    "all": [CONDITION],
    "source": "test",
}
RULE_SET: dict[str, Any] = {"rule_set": "kaikai-v1", "version": 1, "description": "test", "rules": [RULE]}


def written(path: Path, rule: dict[str, Any] | None = None, **rule_set: Any) -> Path:
    given = RULE_SET | ({"rules": [RULE | rule]} if rule else {}) | rule_set
    path.write_text(json.dumps(given), encoding="utf-8")
    return path


def test_a_rule_set_is_read_with_its_defaults(tmp_path: Path) -> None:
    found = read_rules(written(tmp_path / "kaikai-v1.json"))
    (rule,) = found.rules
    (condition,) = rule.all
    assert (found.rule_set, found.version) == ("kaikai-v1", 1)
    assert (condition.threshold, condition.unit, condition.decimals) == (35.0, "µg/m³", 6)
    assert (rule.of, rule.readings, rule.lasting, rule.min_completeness) == ("reading", 1, None, 0.0)


def compared(**change: Any) -> dict[str, Any]:
    return {"all": [CONDITION | change]}


SILENT = {"all": [], "silent_for": "PT30M"}
CASE = {"when": {"age": {"from": 1}}, "threshold": 1}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (compared(operator="="), "rules.0.all.0.operator"),
        (compared(operator="=>"), "rules.0.all.0.operator"),
        (compared(operator=None), "rules.0.all.0"),
        (compared(unit=None), "rules.0.all.0"),
        (compared(threshold="high"), "rules.0.all.0.threshold"),
        (compared(threshold=None), "rules.0.all.0"),
        (compared(threshold=float("nan")), "rules.0.all.0.threshold"),
        (compared(threshold=float("inf")), "rules.0.all.0.threshold"),
        (compared(cases=[CASE]), "rules.0.all.0"),
        (compared(threshold=None, cases=[CASE | {"when": {}}]), "rules.0.all.0.cases.0.when"),
        (compared(threshold=None, cases=[CASE | {"when": {"age": {"from": 2, "to": 2}}}]), "rules.0.all.0.cases.0"),
        (compared(threshold=None, cases=[CASE | {"when": {"age": {"from": 3, "to": 2}}}]), "rules.0.all.0.cases.0"),
        (compared(impossible=True), "rules.0.all.0"),
        (compared(decimals=-1), "rules.0.all.0.decimals"),
        (compared(treshold=35), "rules.0.all.0.treshold"),
        (compared(change_over="30 min"), "rules.0.all.0.change_over"),
        (compared(change_over="PT0S"), "rules.0.all.0.change_over"),
        (compared(baseline={"days": 0, "at_least": 1, "where": "known"}), "rules.0.all.0.baseline.days"),
        ({"severity": "fatal"}, "rules.0.severity"),
        ({"min_completeness": 75}, "rules.0.min_completeness"),
        ({"min_completeness": -0.1}, "rules.0.min_completeness"),
        ({"of": "minute"}, "rules.0.of"),
        ({"valid_from": "soon"}, "rules.0.valid_from"),
        ({"for": 30}, "rules.0.for"),
        ({"for": "PT"}, "rules.0.for"),
        ({"readings": 0}, "rules.0.readings"),
        ({"repeats": {"n": 1, "within": "PT1H"}}, "rules.0.repeats.n"),
        ({"all": []}, "rules.0"),
        ({"silent_for": "PT30M"}, "rules.0"),
        (SILENT | {"for": "PT1H"}, "rules.0"),
        ({"clear": {"operator": "<"}}, "rules.0.clear"),
        ({"clear": {"operator": "<", "threshold": 36}}, "rules.0"),
        ({"clear": {"operator": ">", "threshold": 30}}, "rules.0"),
        ({"clear": {"operator": "<", "threshold": 30}, "all": [CONDITION, CONDITION]}, "rules.0"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_with_its_file_field_and_name(
    tmp_path: Path, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(RuleError) as error:
        read_rules(written(tmp_path / "kaikai-v1.json", change))
    assert str(error.value).startswith(f"{tmp_path / 'kaikai-v1.json'}: {field}: ")
    assert "rule 'pm25_above_35': " in str(error.value)


@pytest.mark.parametrize("name", sorted(RULE.keys() - {"all"}))
def test_every_field_without_a_default_is_needed(tmp_path: Path, name: str) -> None:
    rule = {field: value for field, value in RULE.items() if field != name}
    with pytest.raises(RuleError, match=rf"kaikai-v1\.json: rules\.0\.{name}: "):
        read_rules(written(tmp_path / "kaikai-v1.json", rules=[rule]))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rules": []}, "rules"),
        ({"rules": [RULE, RULE | {"severity": "info"}]}, "rules"),
        ({"version": "first"}, "version"),
        ({"rule_set": None}, "rule_set"),
        ({"valid_from": "2025-01-01"}, "valid_from"),
        ({"assumed": {"age": {"value": 8}}}, "assumed.age.mark"),
    ],
)
def test_a_rule_set_without_rules_with_two_of_a_name_or_unknown_fields_is_refused(
    tmp_path: Path, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(RuleError, match=rf"kaikai-v1\.json: {field}: "):
        read_rules(written(tmp_path / "kaikai-v1.json", **change))


def test_rules_of_one_name_are_named(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="several rules are called pm25_above_35"):
        read_rules(written(tmp_path / "kaikai-v1.json", rules=[RULE, RULE]))


def test_a_rule_does_not_change_after_its_set(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="version of pm25_above_35: is above the set's, 1"):
        read_rules(written(tmp_path / "kaikai-v1.json", {"version": 2}))


def test_what_is_assumed_must_be_asked_for_by_a_case(tmp_path: Path) -> None:
    assumed = {"age": {"value": 8, "mark": "age_unknown"}}
    with pytest.raises(RuleError, match=r"assumed\.age: no case of any rule asks for it"):
        read_rules(written(tmp_path / "kaikai-v1.json", assumed=assumed))
    read_rules(written(tmp_path / "kaikai-v1.json", compared(threshold=None, cases=[CASE]), assumed=assumed))


def test_a_set_is_called_as_its_file_is(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"ward\.json: rule_set: is 'kaikai-v1', but the file is called ward\.json"):
        read_rules(written(tmp_path / "ward.json"))


def test_the_schema_beside_the_engine_is_that_of_the_rules_and_shipped_sets_name_it() -> None:
    beside = Path(rules.__file__).parent / "rule_set.schema.json"
    assert json.loads(beside.read_text(encoding="utf-8")) == rules.json_schema()
    for path in SHIPPED:
        named = json.loads(path.read_text(encoding="utf-8"))["$schema"]
        assert (path.parent / named).resolve() == beside


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"rules": [,]}'])
def test_a_file_that_is_no_rule_set_at_all_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rules.json"
    path.write_bytes(content)
    with pytest.raises(RuleError, match=r"rules\.json: \(whole file\): "):
        read_rules(path)
