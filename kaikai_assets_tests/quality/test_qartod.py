"""QARTOD tests of series: published vectors, and what ends a stretch."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

import polars as pl
import pytest

from kaikai_assets.quality.qartod import aggregate, flat_line, gross_range, held, rate_of_change, spike, stretches
from kaikai_assets_tests.vectors import AIR

VECTORS = AIR["qartod"]
START = datetime(2025, 3, 1, tzinfo=UTC)


def series(values: Sequence[float | None], every_s: int = 300, at: Sequence[int] | None = None) -> pl.DataFrame:
    """Readings of one sensor, at multiples of a number of seconds, gaps of over three of them ending a stretch."""
    steps = range(len(values)) if at is None else at
    rows = pl.DataFrame(
        {
            "id": "a",
            "time": [START + timedelta(seconds=every_s * n) for n in steps],
            "v": pl.Series(values, dtype=pl.Float64),
        }
    )
    return stretches(rows, ["id"], "time", 3 * every_s)


def flags(rows: pl.DataFrame, flag: pl.Expr) -> list[int]:
    found = rows.select(flag.alias("flag"))["flag"]
    assert found.dtype == pl.UInt8
    return found.to_list()


def test_gross_range_is_as_published() -> None:
    vector = VECTORS["gross_range"]
    suspect, fail = tuple(vector["suspect"]), tuple(vector["fail"])
    assert flags(series(vector["in"]), gross_range("v", suspect, fail)) == vector["out"]


@pytest.mark.parametrize("method", ["average", "differential"])
def test_spikes_are_as_published(method: Any) -> None:
    vector = VECTORS[f"spike_{method}"]
    assert flags(series(vector["in"]), spike("v", method, vector["suspect"], vector["fail"])) == vector["out"]


@pytest.mark.parametrize("name", ["rate_of_change_15min", "rate_of_change_missing"])
def test_rates_of_change_are_as_published(name: str) -> None:
    vector = VECTORS[name]
    assert flags(series(vector["in"], 900), rate_of_change("v", vector["per_15min"] / 900, 1e9)) == vector["out"]


@pytest.mark.parametrize(("name", "every_s"), [("flat_line_15min", 900), ("flat_line_1s", 1)])
def test_flat_lines_are_as_published(name: str, every_s: int) -> None:
    vector = VECTORS[name]
    points = [vector[threshold] // every_s for threshold in ("suspect_s", "fail_s")]
    rows = series(vector["in"], every_s)
    assert flags(rows, flat_line(rows, "v", points[0], points[1], vector["tol"])) == vector["out"]


def test_the_aggregate_is_as_published() -> None:
    vector = VECTORS["aggregate"]
    rows = pl.DataFrame({f"test{n}": found for n, found in enumerate(vector["in"])})
    assert flags(rows, aggregate(rows.columns)) == vector["out"]


def test_a_neighbour_beyond_a_gap_is_none() -> None:
    # Three intervals apart is no gap yet, four are one.
    values = [1.0, 1.0, 90.0, 1.0, 1.0, 1.0]
    near, far = series(values, at=[0, 1, 2, 5, 6, 7]), series(values, at=[0, 1, 2, 6, 7, 8])

    def found(rows: pl.DataFrame) -> list[list[int]]:
        tests = (spike("v", "average", 10, 50), rate_of_change("v", 0.01, 0.02), flat_line(rows, "v", 2, 4, 0.1))
        return [flags(rows, test) for test in tests]

    assert found(near) == [
        [2, 3, 4, 3, 1, 2],
        [1, 1, 4, 4, 1, 1],
        [1, 1, 1, 1, 1, 3],
    ]
    assert found(far) == [
        [2, 3, 2, 2, 1, 2],
        [1, 1, 4, 1, 1, 1],
        [1, 1, 1, 1, 1, 3],
    ]


def test_one_series_ends_where_the_next_begins() -> None:
    rows = pl.DataFrame({"id": ["b", "a", "b", "a"], "v": [70.0, 1.0, 70.0, 90.0]}).with_columns(
        time=pl.Series([START, START, START + timedelta(seconds=60), START + timedelta(seconds=60)])
    )
    placed = stretches(rows, ["id"], "time", 180)
    assert placed.select("id", "v", "elapsed_s", "position", "points").rows() == [
        ("a", 1.0, None, 0, 2),
        ("a", 90.0, 60.0, 1, 2),
        ("b", 70.0, None, 0, 2),
        ("b", 70.0, 60.0, 1, 2),
    ]
    assert flags(placed, rate_of_change("v", 0.1, 1.0)) == [1, 4, 1, 1]


def test_a_value_is_held_only_where_all_of_the_time_before_was() -> None:
    values = [99.9, 100.0, 99.9, None, 100.0, 99.8, 100.0]
    rows = series(values)
    assert flags(rows, held(rows, "v", 99.9, 2)) == [1, 1, 3, 9, 3, 1, 1]


def test_missing_points_of_a_short_stretch_are_missing() -> None:
    rows = series([None, 1.0])
    assert flags(rows, flat_line(rows, "v", 1, 2, 0.1)) == [9, 1]


@pytest.mark.parametrize(("values", "expected"), [([1.0, 1.0], [1, 1]), ([1.0, 1.0, 1.0], [1, 3, 4])])
def test_a_line_has_three_points_at_least(values: list[float], expected: list[int]) -> None:
    rows = series(values)
    assert flags(rows, flat_line(rows, "v", 1, 2, 0.1)) == expected


def test_values_as_far_apart_as_the_tolerance_are_no_flat_line() -> None:
    values = [1.0, 1.25, 1.0, 1.125, 1.0]
    rows = series(values)
    assert flags(rows, flat_line(rows, "v", 2, 4, 0.25)) == [1, 1, 1, 1, 3]


@pytest.mark.parametrize("seed", range(20))
def test_windows_are_looked_at_wherever_a_line_may_be_flat(seed: int) -> None:
    choose = random.Random(seed)
    values = [choose.choice([None, 1.0, 1.0, 1.0, 1.004, 1.008, 1.012, 2.0]) for _ in range(60)]
    at = list(accumulate(choose.choice([1, 1, 1, 1, 1, 1, 1, 1, 1, 5]) for _ in values))
    rows, before, tolerance = series(values, at=at), choose.choice([2, 3, 5]), 0.01

    def expected(row: int, position: int, test: Callable[[list[float]], bool]) -> int:
        window = [value for value in values[row - before : row + 1] if value is not None]
        flagged = position >= before and test(window)
        return 9 if values[row] is None else 3 if flagged else 1

    places = list(enumerate(rows["position"]))
    flat = [expected(row, position, lambda window: max(window) - min(window) < tolerance) for row, position in places]
    least = [expected(row, position, lambda window: min(window) >= 1.004) for row, position in places]
    assert flags(rows, flat_line(rows, "v", before, 99, tolerance)) == flat
    assert flags(rows, held(rows, "v", 1.004, before)) == least
