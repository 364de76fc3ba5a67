"""Flags say of each cell whether it is good, suspect, failed or missing; they never change a value."""

import polars as pl
import pytest

from kaikai_assets.quality.flags import EVERYTHING, FAIL, GOOD, MISSING, SUSPECT, Span, cell_flags

BOTH: Span = (350, 500)


def flag(value: float | None, plausible: Span | None = None, *, bad: bool = False, doubt: bool = False) -> int:
    frame = pl.DataFrame({"co2": [value], "co2_bad": [bad], "co2_doubt": [doubt]}, schema_overrides={"co2": pl.Float64})
    found = frame.select(cell_flags(["co2"], {"co2": plausible} if plausible else {}))
    assert found.schema == {"co2_flag": pl.UInt8}
    return int(found.item())


@pytest.mark.parametrize(
    ("value", "expected"),
    [(349.999999, SUSPECT), (350.0, GOOD), (400.0, GOOD), (500.0, GOOD), (500.000001, SUSPECT)],
)
def test_the_plausible_range_includes_its_ends(value: float, expected: int) -> None:
    assert flag(value, BOTH) == expected


@pytest.mark.parametrize(
    ("plausible", "low", "high"),
    [
        (None, GOOD, GOOD),
        (EVERYTHING, GOOD, GOOD),
        ((0, None), SUSPECT, GOOD),
        ((None, 0), GOOD, SUSPECT),
    ],
)
def test_a_range_may_be_open_on_either_side(plausible: Span | None, low: int, high: int) -> None:
    assert (flag(-1e9, plausible), flag(1e9, plausible)) == (low, high)


def test_a_doubtful_value_is_suspect_however_plausible() -> None:
    assert flag(400.0, BOTH, doubt=True) == SUSPECT


def test_an_empty_cell_is_missing_and_one_that_could_not_be_used_failed() -> None:
    assert flag(None, BOTH) == MISSING
    assert flag(None, BOTH, doubt=True) == MISSING
    assert flag(None, BOTH, bad=True) == FAIL
    assert flag(None, BOTH, bad=True, doubt=True) == FAIL


def test_a_good_value_from_another_delivery_outweighs_a_bad_cell() -> None:
    assert flag(400.0, BOTH, bad=True) == GOOD


def test_only_the_given_metrics_are_flagged_each_by_its_own_range() -> None:
    frame = pl.DataFrame({"a": [1.0], "b": [1.0]}).with_columns(
        pl.lit(False).alias(name) for name in ("a_bad", "a_doubt", "b_bad", "b_doubt")
    )
    found = frame.select(cell_flags(["a", "b"], {"b": (None, 0), "c": BOTH}))
    assert found.row(0, named=True) == {"a_flag": GOOD, "b_flag": SUSPECT}
