import pytest

from kaikai_assets.landing.units import linear


@pytest.mark.parametrize(
    ("unit", "to", "value", "expected"),
    [
        ("degF", "°C", 50, 10),
        ("°F", "degC", -40, -40),
        ("°F", "°C", 212, 100),
        ("K", "°C", 0, -273.15),
        ("mg/m³", "µg/m³", 0.035, 35),
        ("mg/m3", "µg/m³", 1, 1000),
        ("ppb", "ppm", 412000, 412),
        ("ppm", "ppb", 0.5, 500),
        ("fraction", "%", 0.65, 65),
        ("%", "fraction", 65, 0.65),
        ("mmHg", "Pa", 1, 133.322387415),
        ("km/h", "m/s", 36, 10),
    ],
)
def test_a_value_is_converted_to_the_unit_of_the_contract(unit: str, to: str, value: float, expected: float) -> None:
    scale, offset = linear(unit, to)
    assert value * scale + offset == pytest.approx(expected, abs=1e-6)


def test_the_factors_are_the_floats_nearest_to_the_exact_ones() -> None:
    assert linear("degF", "degC") == (5 / 9, -160 / 9)
    assert linear("mg/m³", "µg/m³") == (1000.0, 0.0)
    assert linear("ppb", "ppm") == (0.001, 0.0)


@pytest.mark.parametrize("spelling", ["µg/m³", "μg/m³", "ug/m^3", "ug/m3", "µg/m3", "microgram/meter**3"])
def test_one_unit_may_be_spelled_in_many_ways(spelling: str) -> None:
    assert linear(spelling, "µg/m³") == (1.0, 0.0)


@pytest.mark.parametrize(
    "unit", ["AQI points", "score", "", "///", "1/0", "m(", "'", "5 m", "m m", "µg/m³ raw", "\x00"]
)
def test_what_is_no_unit_is_refused_by_name(unit: str) -> None:
    with pytest.raises(ValueError, match="cannot convert unit") as refused:
        linear(unit, "µg/m³")
    assert repr(unit) in str(refused.value)
    assert "'µg/m³'" in str(refused.value)


@pytest.mark.parametrize(("unit", "to"), [("ppm", "µg/m³"), ("°C", "%"), ("mg/m³", "mg"), ("delta_degC", "degC")])
def test_units_of_different_dimension_are_refused(unit: str, to: str) -> None:
    with pytest.raises(ValueError, match="dimensions differ") as refused:
        linear(unit, to)
    assert repr(unit) in str(refused.value)
    assert repr(to) in str(refused.value)


def test_an_unknown_unit_needs_no_conversion_to_itself() -> None:
    assert linear("AQI points", "AQI points") == (1.0, 0.0)
