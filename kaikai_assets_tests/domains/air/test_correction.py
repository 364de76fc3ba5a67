"""Corrected PM2.5 against published values, by make of sensor."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaikai_assets.domains.air.configuration import RULES
from kaikai_assets.domains.air.correction import Corrections, corrected, correction_of
from kaikai_assets.rule_files import RuleError, read_rule_file
from kaikai_assets_tests.vectors import AIR

SHIPPED = read_rule_file(RULES / "corrections.json", Corrections)
(AIRGRADIENT,) = SHIPPED.corrections


def value(pm25: float | None, humidity: float | None) -> float | None:
    columns = pl.lit(pm25, pl.Float64), pl.lit(humidity, pl.Float64)
    made: float | None = pl.select(corrected(*columns, AIRGRADIENT)).item()
    return made


@pytest.mark.parametrize(("pm25", "humidity", "expected"), AIR["airgradient_epa_correction"])
def test_a_corrected_value_is_the_published_one(pm25: float, humidity: float, expected: float) -> None:
    assert value(pm25, humidity) == pytest.approx(expected, abs=5e-4)  # published to three decimals


def test_nothing_is_corrected_below_zero_or_without_humidity() -> None:
    assert value(0, 90) == 0
    assert value(10, None) is None
    assert value(None, 50) is None


@given(st.floats(0, 100), st.sampled_from([30.0, 50.0, 210.0, 260.0]))
def test_the_pieces_meet(humidity: float, edge: float) -> None:
    below, above = value(edge - 1e-7, humidity), value(edge + 1e-7, humidity)
    assert below == pytest.approx(above, abs=1e-5)


def test_only_makes_with_a_correction_are_corrected() -> None:
    readings = pl.DataFrame({"sensor_type": ["airgradient", "other", None], "pm25": [10.0] * 3, "humidity": [50.0] * 3})
    made = correction_of(pl.col("sensor_type"), pl.col("pm25"), pl.col("humidity"), SHIPPED)
    value, version = (readings.select(one).to_series().to_list() for one in made)
    assert value == [pytest.approx(6.68), None, None]
    assert version == ["epa-2021", None, None]


def test_a_correction_that_calls_itself_the_source_is_refused(tmp_path: Path) -> None:
    content = json.loads((RULES / "corrections.json").read_text(encoding="utf-8"))
    content["corrections"][0]["version"] = "source"
    file = tmp_path / "corrections.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(RuleError, match=r"corrections.json: corrections.0.version: .*'source' stands for"):
        read_rule_file(file, Corrections)
