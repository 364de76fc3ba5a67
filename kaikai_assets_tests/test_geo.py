"""Great-circle distances against published values."""

import polars as pl
import pytest

from kaikai_assets.geo import haversine_km
from kaikai_assets_tests.vectors import AIR

VECTORS = AIR["haversine_km_R6371.0088"]
POINTS: dict[str, tuple[float, float]] = VECTORS["points"]


def distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    made = pl.select(haversine_km(*(pl.lit(degrees, pl.Float64) for degrees in (*one, *other))))
    return float(made.item())


@pytest.mark.parametrize(("one", "other", "km"), VECTORS["d"])
def test_distances_are_the_published_ones_both_ways(one: str, other: str, km: float) -> None:
    assert distance(POINTS[one], POINTS[other]) == pytest.approx(km, abs=1e-6)
    assert distance(POINTS[other], POINTS[one]) == pytest.approx(km, abs=1e-6)


def test_a_point_its_antipode_and_a_degree() -> None:
    assert distance((14.7, -17.4), (14.7, -17.4)) == 0
    assert distance((45, 0), (-45, 180)) == pytest.approx(VECTORS["antipode_45_0"], abs=1e-6)
    assert distance((0, 0), (1, 0)) == pytest.approx(VECTORS["one_degree_lat"], abs=1e-6)
