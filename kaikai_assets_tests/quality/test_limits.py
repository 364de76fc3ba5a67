"""Limits of tests: what a limits file may not say."""

from typing import Any

import pytest
from pydantic import ValidationError

from kaikai_assets.quality.limits import MetricLimits

SPIKE = {"method": "average", "suspect": 1, "fail": 2, "source": "test"}
FLAT = {"suspect_s": 3600, "fail_s": 7200, "tolerance": 0.1, "source": "test"}


def test_a_test_of_another_entry_replaces_the_whole_test_and_leaves_the_others() -> None:
    any_make = MetricLimits.model_validate({"spike": SPIKE, "flat_line": FLAT})
    other = MetricLimits.model_validate({"spike": {**SPIKE, "fail": 9}})
    assert any_make.replaced_by(other) == MetricLimits.model_validate(
        {"spike": {**SPIKE, "fail": 9}, "flat_line": FLAT}
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"spike": {**SPIKE, "fail": 0.5}}, "suspect from 1 on is beyond fail, 0.5"),
        ({"spike": {**SPIKE, "suspect": 0}}, "spike.suspect"),
        ({"spike": {**SPIKE, "method": "middle"}}, "spike.method"),
        ({"spike": {**SPIKE, "unit": "ppm"}}, "spike.unit"),
        ({"spike": {name: value for name, value in SPIKE.items() if name != "source"}}, "spike.source"),
        ({"spike": {**SPIKE, "source": ""}}, "spike.source"),
        ({"spike": {**SPIKE, "fail": float("inf")}}, "spike.fail"),
        ({"rate_of_change": {"suspect": 1, "fail": 2, "source": "test"}}, "rate_of_change.suspect_per_min"),
        (
            {"rate_of_change": {"suspect_per_min": 3, "fail_per_min": 2, "source": "test"}},
            "from 3 on is beyond fail, 2",
        ),
        ({"flat_line": {**FLAT, "fail_s": 3600.5}}, "flat_line.fail_s"),
        ({"flat_line": {**FLAT, "suspect_s": 3599}}, "flat_line.suspect_s"),
        ({"flat_line": {**FLAT, "suspect_s": 7201}}, "from 7201 on is beyond fail, 7200"),
        ({"flat_line": {**FLAT, "tolerance": 0}}, "flat_line.tolerance"),
        ({"gross_range": {"suspect": [5, 5], "source": "test"}}, "starts at 5, which is not below its end, 5"),
        ({"gross_range": {"suspect": [5], "source": "test"}}, "gross_range.suspect"),
        ({"gross_range": {"suspect": [-1, 5], "fail": [0, 9], "source": "test"}}, "reaches beyond the fail range"),
        ({"gross_range": {"suspect": [1, 10], "fail": [0, 9], "source": "test"}}, "reaches beyond the fail range"),
    ],
)
def test_limits_that_make_no_sense_are_refused_with_their_field(content: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        MetricLimits.model_validate(content)
    assert message in str(error.value)


def test_open_ends_lie_within_any_range() -> None:
    content = {"gross_range": {"suspect": [None, 5], "fail": [0, 9], "source": "test"}}
    assert MetricLimits.model_validate(content).gross_range is not None
