"""The rule files of the air domain: what cannot be meant is refused, with file and field."""

import json
from pathlib import Path
from typing import Any

import pytest

from kaikai_assets.alerts.rules import RuleSet
from kaikai_assets.domains.air.configuration import RULES
from kaikai_assets.domains.air.correction import Corrections
from kaikai_assets.domains.air.health import HealthLimits
from kaikai_assets.domains.air.indices import Indices
from kaikai_assets.domains.air.limits import Limits
from kaikai_assets.domains.air.transforms.neighbours import Neighbourhood
from kaikai_assets.domains.air.transforms.scores import Points
from kaikai_assets.rule_files import RuleError, Rules, read_rule_file

MODELS: dict[str, type[Rules]] = {
    "corrections.json": Corrections,
    "health.json": HealthLimits,
    "indices.json": Indices,
    "kaikai-monitoring-v1.json": RuleSet,
    "kaikai-v1.json": RuleSet,
    "limits.json": Limits,
    "neighbours.json": Neighbourhood,
    "quality.json": Points,
    "who-2021.json": RuleSet,
}


def changed(tmp_path: Path, name: str, field: str, value: Any) -> Path:
    content = json.loads((RULES / name).read_text(encoding="utf-8"))
    *within, last = field.split(".")
    part = content
    for step in within:
        part = part[int(step)] if isinstance(part, list) else part[step]
    part[last] = value
    file = tmp_path / name
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def test_every_rule_file_has_a_model() -> None:
    assert {path.name for path in RULES.iterdir()} == MODELS.keys()


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("health.json", "degraded_below.value", 50),
        ("health.json", "degraded_below.value", 0),
        ("health.json", "drift_hours.value", 2.5),
        ("health.json", "drift_hours.value", 500),
        ("health.json", "drift_hours.value", 0),
        ("health.json", "offline_after_min.value", -1),
        ("health.json", "offline_after_min.source", ""),
        ("indices.json", "who_24h.limit", -1),
        ("indices.json", "aqi.cap", -5),
        ("indices.json", "aqi.source", ""),
        ("indices.json", "bands.upper.0.at_most", float("-inf")),
        ("neighbours.json", "min_difference", float("inf")),
        ("neighbours.json", "radius_km", float("nan")),
        ("corrections.json", "corrections.0.version", ""),
        ("corrections.json", "corrections.0.knots.0.linear", float("inf")),
        ("quality.json", "validity", float("nan")),
        ("limits.json", "max_gap_intervals", float("inf")),
        ("kaikai-v1.json", "rules.0.all.0.threshold", float("inf")),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_with_file_and_field(
    tmp_path: Path, name: str, field: str, value: Any
) -> None:
    file = changed(tmp_path, name, field, value)
    with pytest.raises(RuleError) as error:
        read_rule_file(file, MODELS[name])
    assert str(error.value).startswith(f"{file}: {field}: ")


@pytest.mark.parametrize("name", MODELS)
def test_a_field_that_nobody_reads_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RuleError, match="comment: Extra inputs"):
        read_rule_file(changed(tmp_path, name, "comment", "x"), MODELS[name])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"health\.json: is not there"):
        read_rule_file(tmp_path / "health.json", HealthLimits)
