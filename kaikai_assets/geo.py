"""Distances on the Earth."""

import polars as pl

EARTH_RADIUS_KM = 6371.0088
"""Mean radius of the Earth (IUGG)."""


def haversine_km(latitude: pl.Expr, longitude: pl.Expr, to_latitude: pl.Expr, to_longitude: pl.Expr) -> pl.Expr:
    """Great-circle distance between two points in degrees, in km, by the haversine formula on a sphere."""
    north, south = latitude.radians(), to_latitude.radians()
    across = ((to_longitude - longitude).radians() / 2).sin() ** 2
    a = ((south - north) / 2).sin() ** 2 + north.cos() * south.cos() * across
    # Rounding may take antipodes beyond 1.
    return 2 * EARTH_RADIUS_KM * a.clip(0, 1).sqrt().arcsin()
