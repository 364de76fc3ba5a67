"""Indices of PM2.5 against published values, and what must hold for any concentration."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaikai_assets.domains.air import indices
from kaikai_assets.domains.air.configuration import RULES
from kaikai_assets.domains.air.indices import Indices
from kaikai_assets.rule_files import RuleError, read_rule_file
from kaikai_assets_tests.vectors import AIR

SHIPPED = read_rule_file(RULES / "indices.json", Indices)
AQI, NOWCAST, BANDS = SHIPPED.aqi, SHIPPED.nowcast, SHIPPED.bands
PM25 = pl.col("pm25")

concentrations = st.floats(0, 5000, allow_nan=False)
hour_means = st.one_of(st.none(), st.floats(0, 1000, allow_nan=False))


def of(expression: pl.Expr, *values: float | None) -> list[Any]:
    frame = pl.DataFrame({"pm25": pl.Series(values, dtype=pl.Float64)})
    return frame.select(expression).to_series().to_list()


def nowcast_of(*hours: float | None) -> float | None:
    frame = pl.DataFrame({f"h{n}": pl.Series([hour], dtype=pl.Float64) for n, hour in enumerate(hours)})
    value: float | None = indices.nowcast(frame, NOWCAST).item()
    return value


@pytest.mark.parametrize(("concentration", "index"), AIR["aqi_pm25_2024"])
def test_the_index_of_a_concentration_is_the_published_one(concentration: str, index: int) -> None:
    assert of(indices.aqi_uncapped(PM25, AQI), float(concentration)) == [index]
    assert of(indices.aqi(PM25, AQI), float(concentration)) == [min(index, 500)]


@pytest.mark.parametrize("case", AIR["nowcast_pm25"], ids=lambda case: str(case["id"]))
def test_the_nowcast_of_twelve_hours_is_the_published_one(case: dict[str, Any]) -> None:
    value = nowcast_of(*case["hours_recent_first"])
    assert value == (None if case["conc"] is None else pytest.approx(case["conc"], abs=1e-9))
    assert of(indices.aqi(PM25, AQI), value) == [case["aqi"]]


def test_float_noise_below_a_step_of_the_table_does_not_move_a_value_across_it() -> None:
    noisy = [0.1 + 0.2 + 8.7 + 0.1, 9.1 - 1e-12, 9.0999, 35.4 + 1e-12, 35.499999]
    assert of(indices.aqi(PM25, AQI), *noisy) == [51, 51, 50, 100, 100]


def test_without_a_concentration_there_is_no_index_category_or_band() -> None:
    for made in (
        indices.aqi(PM25, AQI),
        indices.aqi_uncapped(PM25, AQI),
        indices.aqi_category(PM25, AQI),
        indices.exceeds(PM25, SHIPPED.who_24h),
        indices.band(PM25, BANDS),
    ):
        assert of(made, None) == [None]


@given(concentrations, concentrations)
def test_more_dust_never_gives_a_lower_index(one: float, other: float) -> None:
    less, more = of(indices.aqi_uncapped(PM25, AQI), *sorted((one, other)))
    assert 0 <= less <= more


@given(concentrations)
def test_index_and_category_belong_to_the_same_segment(concentration: float) -> None:
    (index,) = of(indices.aqi(PM25, AQI), concentration)
    (category,) = of(indices.aqi_category(PM25, AQI), concentration)
    (segment,) = [one for one in AQI.segments if one.category == category]
    assert segment.index_low <= index <= segment.index_high


def test_no_tenth_of_a_microgram_lies_between_two_categories() -> None:
    tenths = [n / 10 for n in range(3300)]
    categories = of(indices.aqi_category(PM25, AQI), *tenths)
    assert None not in categories
    assert {category: categories.count(category) for category in dict.fromkeys(categories)} == {
        "Good": 91,
        "Moderate": 264,
        "Unhealthy for Sensitive Groups": 200,
        "Unhealthy": 700,
        "Very Unhealthy": 1000,
        "Hazardous": 1045,
    }


@given(st.lists(hour_means, min_size=12, max_size=12))
def test_a_nowcast_lies_between_the_least_and_the_greatest_of_its_hours(hours: list[float | None]) -> None:
    value = nowcast_of(*hours)
    known = [hour for hour in hours if hour is not None]
    assert (value is None) == (sum(hour is not None for hour in hours[:3]) < 2)
    assert value is None or min(known) - 1e-9 <= value <= max(known) + 1e-9


def test_bands_and_the_daily_limit_of_who_include_their_ends() -> None:
    assert of(indices.band(PM25, BANDS), 0, 12, 12.000001, 35, 35.1, 55, 55.1) == [
        "excellent", "excellent", "moderate", "moderate", "bad", "bad", "critical",
    ]  # fmt: skip
    assert of(indices.exceeds(PM25, SHIPPED.who_24h), 15, 15 + 1e-9, 15.000001) == [False, False, True]


def gap(content: dict[str, Any]) -> None:
    content["aqi"]["segments"][1]["low"] = 9.2


def unknown(content: dict[str, Any]) -> None:
    content["nowcast"]["ours"] = 12


def falling(content: dict[str, Any]) -> None:
    content["bands"]["upper"][2]["at_most"] = 35


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (gap, "aqi.segments: .*Moderate does not begin where Good ends"),
        (unknown, "nowcast.ours: Extra"),
        (falling, "bands.upper: .*do not rise"),
    ],
)
def test_indices_that_cannot_be_meant_are_refused_with_file_and_field(
    tmp_path: Path, change: Any, message: str
) -> None:
    content = json.loads((RULES / "indices.json").read_text(encoding="utf-8"))
    change(content)
    file = tmp_path / "indices.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(RuleError, match=f"indices.json: {message}"):
        read_rule_file(file, Indices)
