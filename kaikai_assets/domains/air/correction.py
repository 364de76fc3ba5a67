"""Correction of PM2.5 by relative humidity, an option for each make of sensor (``rules/corrections.json``)."""

from collections.abc import Sequence
from itertools import pairwise

import polars as pl
from pydantic import Field, field_validator

from kaikai_assets.rule_files import Rules, Sourced, Text

BY_SOURCE = "source"
"""Version of values that the source delivers as corrected: they are never corrected again."""

COEFFICIENTS = ("linear", "quadratic", "humidity", "constant")


class Knot(Rules):
    """Coefficients at a concentration (µg/m³): between two knots they change linearly, beyond the ends not at all."""

    pm25: float
    linear: float
    quadratic: float
    humidity: float
    constant: float


class Correction(Sourced):
    """``linear * pm25 + quadratic * pm25 ** 2 + humidity * relative humidity (%) + constant``, at least 0."""

    sensor_type: Text
    version: Text
    knots: tuple[Knot, ...] = Field(min_length=1)

    @field_validator("version")
    @classmethod
    def _ours(cls, version: str) -> str:
        if version == BY_SOURCE:
            raise ValueError(f"{BY_SOURCE!r} stands for what the source corrected")
        return version

    @field_validator("knots")
    @classmethod
    def _rising(cls, knots: tuple[Knot, ...]) -> tuple[Knot, ...]:
        if any(before.pm25 >= after.pm25 for before, after in pairwise(knots)):
            raise ValueError("the knots do not rise")
        return knots


class Corrections(Rules):
    """``rules/corrections.json``: at most one correction for each make of sensor."""

    description: str
    corrections: tuple[Correction, ...]

    @field_validator("corrections")
    @classmethod
    def _distinct(cls, corrections: tuple[Correction, ...]) -> tuple[Correction, ...]:
        makes = [correction.sensor_type for correction in corrections]
        if repeated := sorted({make for make in makes if makes.count(make) > 1}):
            raise ValueError(f"several corrections for {', '.join(repeated)}")
        return corrections


def corrected(pm25: pl.Expr, humidity: pl.Expr, by: Correction) -> pl.Expr:
    """PM2.5 (µg/m³) corrected by relative humidity (%); null where one of them is."""
    linear, quadratic, of_humidity, constant = (_at(pm25, by.knots, name) for name in COEFFICIENTS)
    value = linear * pm25 + quadratic * pm25**2 + of_humidity * humidity + constant
    return value.clip(lower_bound=0)


def correction_of(sensor_type: pl.Expr, pm25: pl.Expr, humidity: pl.Expr, by: Corrections) -> tuple[pl.Expr, pl.Expr]:
    """Corrected PM2.5 of readings by their make, and the version by which; null for a make without correction."""
    value, version = pl.lit(None, pl.Float64), pl.lit(None, pl.String)
    for correction in by.corrections:
        ours = sensor_type == correction.sensor_type
        value = pl.when(ours).then(corrected(pm25, humidity, correction)).otherwise(value)
        version = pl.when(ours).then(pl.lit(correction.version)).otherwise(version)
    return value, version


def _at(pm25: pl.Expr, knots: Sequence[Knot], name: str) -> pl.Expr:
    """A coefficient at a concentration."""
    coefficient = pl.lit(float(getattr(knots[0], name)))
    for before, after in pairwise(knots):
        share = ((pm25 - before.pm25) / (after.pm25 - before.pm25)).clip(0, 1)
        coefficient = coefficient + (getattr(after, name) - getattr(before, name)) * share
    return coefficient
