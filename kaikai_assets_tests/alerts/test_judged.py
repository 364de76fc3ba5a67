"""A rule that names what a domain does not have is refused when the sets are read, not when days are judged."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kaikai_assets.alerts.judged import Judged, read_set, read_sets
from kaikai_assets.definitions import DOMAINS
from kaikai_assets.domains.air import configuration as air
from kaikai_assets.domains.air import contracts as of_air
from kaikai_assets.domains.air.transforms import alerts as air_alerts
from kaikai_assets.domains.vitals import configuration as vitals
from kaikai_assets.domains.vitals import contracts as of_vitals
from kaikai_assets.domains.vitals.transforms import alerts as vitals_alerts
from kaikai_assets.quality.contracts import Contract, schema
from kaikai_assets.rule_files import RuleError
from kaikai_assets_tests.alerts.making import a_rule, condition

ROWS = {
    "reading": Judged({"x": "%", "n": "1"}, frozenset(["x"]), {"age": (), "kind": ("SS", "SC")}),
    "hour": Judged({"x": "%", "completeness": "1"}),
}
ASSUMED = {"age": {"value": 8, "mark": "a"}, "kind": {"value": "SS", "mark": "k"}}


def written(folder: Path, rule: dict[str, Any], name: str = "test", **more: Any) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"rule_set": name, "version": 1, "description": "", "rules": [rule], **more}))
    return path


def by(name: str, which: dict[str, Any], **more: Any) -> dict[str, Any]:
    case = {"when": {name: which}, "threshold": 2}
    return a_rule({"metric": "x", "operator": ">", "unit": "%", "cases": [case]}, **more)


X = condition(unit="%")
IMPOSSIBLE = {"metric": "x", "impossible": True}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (a_rule(condition(metric="y")), "a reading has no metric 'y'; it has n, x"),
        (a_rule({"metric": "y", "impossible": True}), "a reading has no metric 'y'; it has n, x"),
        (a_rule(X, condition(metric="completeness")), "a reading has no metric 'completeness'; it has n, x"),
        (a_rule(of="window"), "no window is judged here, only reading, hour"),
        (a_rule(silent_for="PT1H", of="day"), "no day is judged here, only reading, hour"),
        (a_rule(X, min_completeness=0.5), "a reading has no completeness"),
        (a_rule({"metric": "n", "impossible": True}), "of 'n' of a reading nobody knows what is impossible"),
        (a_rule(IMPOSSIBLE, of="hour"), "of 'x' of a hour nobody knows what is impossible"),
        (a_rule(condition()), "the unit of 'x' is '%', not '1'"),
        (a_rule(X, condition(metric="n", unit="%")), "the unit of 'n' is '1', not '%'"),
        (by("agee", {"to": 1}), "no attribute 'agee' is known here, only age, kind"),
        (by("age", {"to": 1}, of="hour"), "no attribute 'age' is known here, only none at all"),
        (by("age", {"one_of": ["8"]}), "'age' is a number: from or to is needed"),
        (by("kind", {"to": 1}), "'kind' is a text: one_of is needed"),
        (by("kind", {"one_of": ["SS", "Sc"]}), "'kind' is never 'Sc', only SS, SC"),
    ],
)
def test_what_a_domain_does_not_have_is_named_with_file_and_rule(
    tmp_path: Path, rule: dict[str, Any], message: str
) -> None:
    path = written(tmp_path, rule)
    with pytest.raises(RuleError) as error:
        read_set(path, ROWS)
    assert str(error.value) == f"{path}: rule 'high': {message}"


@pytest.mark.parametrize(
    ("name", "which", "value", "message"),
    [
        ("age", {"to": 1}, "old", "'age' is a number, and cannot be assumed as 'old'"),
        ("kind", {"one_of": ["SS"]}, "AS", "'kind' is never 'AS', only SS, SC"),
        ("kind", {"one_of": ["SS"]}, 1, "'kind' is never 1.0, only SS, SC"),
    ],
)
def test_what_is_assumed_must_be_what_an_attribute_can_be(
    tmp_path: Path, name: str, which: dict[str, Any], value: Any, message: str
) -> None:
    path = written(tmp_path, by(name, which), assumed={name: {"value": value, "mark": "m"}})
    with pytest.raises(RuleError) as error:
        read_set(path, ROWS)
    assert str(error.value) == f"{path}: rule 'high': {message}"


@pytest.mark.parametrize(
    "rule",
    [
        a_rule(X, condition(metric="n")),
        a_rule(IMPOSSIBLE),
        a_rule(silent_for="PT1H"),
        a_rule(X, of="hour", min_completeness=0.5),
    ],
)
def test_what_a_domain_has_is_read(tmp_path: Path, rule: dict[str, Any]) -> None:
    assert read_set(written(tmp_path, rule), ROWS).rules[0].id == "high"
    for name, which in (("age", {"from": 1}), ("kind", {"one_of": ["SC"]})):
        read_set(written(tmp_path, by(name, which), assumed={name: ASSUMED[name]}), ROWS)


def test_a_set_is_listed_once(tmp_path: Path) -> None:
    written(tmp_path, a_rule(X), "one")
    assert [one.rule_set for one in read_sets(tmp_path, ("one",), ROWS)] == ["one"]
    with pytest.raises(RuleError, match="rule set 'one' is listed more than once"):
        read_sets(tmp_path, ("one", "one"), ROWS)


def empty(contract: Contract) -> pl.DataFrame:
    return pl.DataFrame(schema=schema(contract))


FRAMES = {
    "air": {
        "reading": air_alerts.readings(empty(of_air.Measurements), empty(of_air.Sensors)),
        "hour": air_alerts.hours(empty(of_air.Hourly)),
        "day": air_alerts.days(empty(of_air.Daily)),
    },
    "vitals": {
        "reading": vitals_alerts.readings(empty(of_vitals.Readings), empty(of_vitals.Patients)),
        "window": vitals_alerts.windows(empty(of_vitals.News2Partial)),
    },
}


@pytest.mark.parametrize("name", DOMAINS)
def test_all_that_rules_may_name_is_in_the_rows_that_a_domain_has_judged(name: str) -> None:
    declared = DOMAINS[name].judged
    assert declared.keys() == FRAMES[name].keys()
    for of, rows in declared.items():
        held = FRAMES[name][of].schema
        assert {*rows.units, *(f"{metric}_flag" for metric in rows.flagged), *rows.attributes} <= held.keys()
        assert all((held[attribute] == pl.String) == bool(texts) for attribute, texts in rows.attributes.items())
        assert {"day", "start", "end", "interval_s", DOMAINS[name].entity} <= held.keys()


@pytest.mark.parametrize("configuration", [air, vitals])
def test_a_slip_in_a_shadow_set_is_told_when_the_sets_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configuration: Any
) -> None:
    for path in configuration.RULES.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    shadow = tmp_path / f"{configuration.SHADOW_RULES[-1]}.json"
    content = json.loads(shadow.read_text(encoding="utf-8"))
    content["rules"][0]["all"][0]["metric"] += "x"
    shadow.write_text(json.dumps(content), encoding="utf-8")
    monkeypatch.setattr(configuration, "RULES", tmp_path)
    configuration.rule_sets.cache_clear()
    try:
        with pytest.raises(RuleError, match=f"{shadow.name}: rule {content['rules'][0]['id']!r}: a .* has no metric"):
            configuration.rules()
    finally:
        configuration.rule_sets.cache_clear()
