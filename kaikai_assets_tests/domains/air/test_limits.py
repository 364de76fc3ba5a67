"""The file of limits: read as a whole, or refused with its field."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kaikai_assets.domains.air.configuration import RULES, limits
from kaikai_assets.domains.air.limits import Limits
from kaikai_assets.rule_files import RuleError, read_rule_file


def changed(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    content = json.loads((RULES / "limits.json").read_text(encoding="utf-8"))
    change(content)
    path = tmp_path / "limits.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_cells_are_suspect_outside_the_ranges_that_the_requirements_name() -> None:
    named = {metric: span for metric, span in limits().plausible.items() if span != (None, None)}
    particles = dict.fromkeys(["pm1", "pm25", "pm25_corrected", "pm10"], (None, 500.0))
    assert named == {**particles, "co2": (350.0, None)}


def pm25(content: dict[str, Any]) -> Any:
    return content["metrics"]["pm25"]["*"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["metrics"].update(pm52=c["metrics"]["pm1"]), "metrics.pm52: no metric of the readings"),
        (lambda c: c["metrics"]["pm1"].pop("*"), 'metrics.pm1: tests of any sensor, "*", are absent'),
        (lambda c: c["metrics"].pop("co2"), "metrics.co2.*.gross_range: is absent"),
        (lambda c: pm25(c).pop("spike"), "metrics.pm25.*.spike: is absent"),
        (lambda c: pm25(c)["spike"].pop("source"), "metrics.pm25.*.spike.source: "),
        (lambda c: pm25(c)["spike"].update(fail=1), "metrics.pm25.*.spike: "),
        (
            lambda c: pm25(c)["flat_line"].update(fail_s=28801),
            "metrics.pm25.*.flat_line.fail_s: 28801 s with gaps of 3",
        ),
        (lambda c: c.update(max_gap_intervals=4), "flat_line.fail_s: 28800 s with gaps of 4 intervals is over 24 h"),
        (lambda c: c.update(max_gap_intervals=0.5), "max_gap_intervals: "),
        (
            lambda c: c["cross_checks"]["humidity_saturated"].update(for_s=28801),
            "cross_checks.humidity_saturated.for_s: 28801 s",
        ),
        (
            lambda c: c["metrics"]["pm25"]["airgradient"].update(
                gross_range={"suspect": [None, 1000], "source": "test"}
            ),
            "metrics.pm25.airgradient.gross_range.suspect: is wider than that of *",
        ),
        (
            lambda c: c["metrics"]["co2"]["airgradient"].update(gross_range={"fail": [0, 9000], "source": "test"}),
            "metrics.co2.airgradient.gross_range.suspect: is wider than that of *",
        ),
        (lambda c: c["metrics"]["pm10"]["*"].update(spike=pm25(c)["spike"]), "metrics.pm10.*.spike: would not be used"),
        (lambda c: c["metrics"]["pm10"].update(airgradient={}), "metrics.pm10.airgradient: would not be used"),
        (lambda c: c["cross_checks"].update(wet_bulb={}), "cross_checks.wet_bulb: "),
        (lambda c: c.pop("description"), "description: "),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_name_and_field(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    path = changed(tmp_path, change)
    with pytest.raises(RuleError) as error:
        read_rule_file(path, Limits)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


def test_the_longest_time_that_one_day_before_can_hold_is_taken(tmp_path: Path) -> None:
    path = changed(tmp_path, lambda c: pm25(c)["flat_line"].update(fail_s=28800))
    assert read_rule_file(path, Limits).of("pm25", None).flat_line is not None


def test_a_make_may_have_a_narrower_range_than_any_sensor(tmp_path: Path) -> None:
    narrow = {"suspect": [5, 500], "fail": [0, 9000], "source": "test"}
    path = changed(tmp_path, lambda c: c["metrics"]["pm25"]["airgradient"].update(gross_range=narrow))
    found = read_rule_file(path, Limits)
    assert found.of("pm25", "airgradient").gross_range != found.of("pm25", None).gross_range
