"""Rule sets are data that people edit: what cannot be meant is refused, with its file and field."""

import json
from pathlib import Path
from typing import Any

import pytest

from kaikai_assets.alerts.rules import read_rules
from kaikai_assets.domains.air.configuration import RULES
from kaikai_assets.rule_files import RuleError

RULE = {
    "id": "pm25_above_35",
    "metric": "pm25_mean",
    "operator": ">",
    "threshold": 35.0,
    "unit": "µg/m³",
    "severity": "alert",
    "source": "test",
}
RULE_SET: dict[str, Any] = {"rule_set": "kaikai-v1", "version": 1, "description": "test", "rules": [RULE]}


def written(path: Path, rule: dict[str, Any] | None = None, **rule_set: Any) -> Path:
    given = RULE_SET | ({"rules": [RULE | rule]} if rule else {}) | rule_set
    path.write_text(json.dumps(given), encoding="utf-8")
    return path


def test_a_rule_set_is_read_with_its_defaults(tmp_path: Path) -> None:
    rules = read_rules(written(tmp_path / "rules.json"))
    (rule,) = rules.rules
    assert (rules.rule_set, rules.version) == ("kaikai-v1", 1)
    assert (rule.threshold, rule.unit, rule.decimals, rule.min_completeness) == (35.0, "µg/m³", 6, 0.0)


def test_the_shipped_rule_set_says_what_the_network_asked_for() -> None:
    (rule,) = read_rules(RULES / "kaikai-v1.json").rules
    assert (rule.metric, rule.operator, rule.threshold, rule.unit) == ("pm25_mean", ">", 35.0, "µg/m³")
    assert (rule.min_completeness, rule.severity) == (0.75, "alert")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"operator": "="}, "rules.0.operator"),
        ({"operator": "=>"}, "rules.0.operator"),
        ({"threshold": "high"}, "rules.0.threshold"),
        ({"threshold": None}, "rules.0.threshold"),
        ({"threshold": float("nan")}, "rules.0.threshold"),
        ({"threshold": float("inf")}, "rules.0.threshold"),
        ({"severity": "fatal"}, "rules.0.severity"),
        ({"min_completeness": 75}, "rules.0.min_completeness"),
        ({"min_completeness": -0.1}, "rules.0.min_completeness"),
        ({"decimals": -1}, "rules.0.decimals"),
        ({"treshold": 35}, "rules.0.treshold"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_with_its_file_and_field(
    tmp_path: Path, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(RuleError) as error:
        read_rules(written(tmp_path / "rules.json", change))
    assert str(error.value).startswith(f"{tmp_path / 'rules.json'}: {field}: ")


@pytest.mark.parametrize("name", sorted(RULE.keys()))
def test_every_field_without_a_default_is_needed(tmp_path: Path, name: str) -> None:
    rule = {field: value for field, value in RULE.items() if field != name}
    with pytest.raises(RuleError, match=rf"rules\.json: rules\.0\.{name}: "):
        read_rules(written(tmp_path / "rules.json", rules=[rule]))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rules": []}, "rules"),
        ({"rules": [RULE, RULE | {"threshold": 75.0}]}, "rules"),
        ({"version": "first"}, "version"),
        ({"rule_set": None}, "rule_set"),
        ({"valid_from": "2025-01-01"}, "valid_from"),
    ],
)
def test_a_rule_set_without_rules_with_two_of_a_name_or_unknown_fields_is_refused(
    tmp_path: Path, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(RuleError, match=rf"rules\.json: {field}: "):
        read_rules(written(tmp_path / "rules.json", **change))


def test_rules_of_one_name_are_named(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="several rules are called pm25_above_35"):
        read_rules(written(tmp_path / "rules.json", rules=[RULE, RULE]))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"rules": [,]}'])
def test_a_file_that_is_no_rule_set_at_all_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rules.json"
    path.write_bytes(content)
    with pytest.raises(RuleError, match=r"rules\.json: \(whole file\): "):
        read_rules(path)
