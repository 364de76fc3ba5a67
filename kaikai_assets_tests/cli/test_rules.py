"""``kaikai rules``: what is shipped can be checked and read, what cannot be meant is named."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from kaikai_assets.cli.main import cli
from kaikai_assets.rule_files import RuleError
from kaikai_assets_tests.alerts.test_shipped_rules import DOMAINS, SETS
from kaikai_assets_tests.docs.test_docs import blocks, page


def run(*arguments: str) -> str:
    done = CliRunner().invoke(cli, ["rules", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize("name", SETS)
def test_a_shipped_set_is_checked_and_shown_with_all_its_rules(name: str) -> None:
    path = str(next(DOMAINS.glob(f"*/rules/{name}.json")))
    said = f"{path}: {name}, version {SETS[name].version}: {len(SETS[name].rules)} rules\n"
    domain = Path(path).parents[1].name
    assert run("check", path) == run("check", path, "--domain", domain) == said
    shown = run("show", path)
    assert all(rule.id in shown for rule in SETS[name].rules)


def test_the_example_of_the_page_is_a_rule_set(tmp_path: Path) -> None:
    path = tmp_path / "ward-3.json"
    (example,) = blocks(page("alert-rules.md"), "json")
    path.write_text(example, encoding="utf-8")
    assert run("show", str(path)).splitlines()[1:] == [
        "  age_years unknown: taken as 8.0, marked age_unknown",
        "  alert     spo2_low  reading: spo2_pct < 92 (age_years < 6) | 90 (6 <= age_years) % for 0:01:00 "
        "cleared at >= 94 for 0:05:00",
    ]
    path.write_text(example.replace('"for": "PT1M"', '"for": "1 min"'), encoding="utf-8")
    with pytest.raises(RuleError, match=r"ward-3\.json: rules\.0\.for: rule 'spo2_low': durations look like PT30M"):
        run("check", str(path))


def test_a_set_is_checked_against_what_a_domain_has(tmp_path: Path) -> None:
    path = tmp_path / "ward-3.json"
    (example,) = blocks(page("alert-rules.md"), "json")
    path.write_text(example, encoding="utf-8")
    run("check", str(path), "--domain", "vitals")
    with pytest.raises(RuleError, match=r"ward-3\.json: rule 'spo2_low': a reading has no metric 'spo2_pct'"):
        run("check", str(path), "--domain", "air")
    path.write_text(example.replace('"%"', '"1"'), encoding="utf-8")
    run("check", str(path))
    with pytest.raises(RuleError, match="rule 'spo2_low': the unit of 'spo2_pct' is '%', not '1'"):
        run("check", str(path), "--domain", "vitals")


def test_the_schema_is_printed_as_it_lies_beside_the_engine() -> None:
    beside = DOMAINS.parent / "alerts" / "rule_set.schema.json"
    assert json.loads(run("schema")) == json.loads(beside.read_text(encoding="utf-8"))
