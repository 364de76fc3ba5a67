"""Indices and limits of PM2.5 as Polars expressions; their numbers are data (``rules/indices.json``).

Concentrations are in µg/m³. A value is rounded to six decimals before it is truncated or compared.
"""

from itertools import pairwise
from typing import Self

import polars as pl
from pydantic import Field, field_validator, model_validator

from kaikai_assets.rule_files import Rules, Sourced, Text


class Segment(Rules):
    """A line of the table of breakpoints: concentrations in steps of 0.1, and the index at both ends."""

    category: Text
    low: float = Field(ge=0)
    high: float
    index_low: int = Field(ge=0)
    index_high: int

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if not (self.low < self.high and self.index_low < self.index_high):
            raise ValueError(f"{self.category} does not rise")
        return self


class AirQualityIndex(Sourced):
    """A table of breakpoints without gaps."""

    cap: int = Field(gt=0)
    segments: tuple[Segment, ...] = Field(min_length=1)

    @field_validator("segments")
    @classmethod
    def _without_gaps(cls, segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
        if segments[0].low != 0:
            raise ValueError("the first segment does not begin at 0")
        for before, after in pairwise(segments):
            if _tenths(after.low) != _tenths(before.high) + 1 or after.index_low != before.index_high + 1:
                raise ValueError(f"{after.category} does not begin where {before.category} ends")
        return segments


class NowCast(Sourced):
    """``recent_least`` of the last ``recent_hours`` must be there. ``least_weight`` keeps old hours from vanishing."""

    hours: int = Field(ge=1, le=24)
    least_weight: float = Field(gt=0, le=1)
    recent_hours: int = Field(ge=1)
    recent_least: int = Field(ge=1)

    @model_validator(mode="after")
    def _recent(self) -> Self:
        if not self.recent_least <= self.recent_hours <= self.hours:
            raise ValueError("recent_least <= recent_hours <= hours does not hold")
        return self


class Guideline(Sourced):
    """A mean above ``limit`` exceeds."""

    limit: float = Field(gt=0)


class Band(Rules):
    """Means of ``at_most`` this are in the band, if in none before it."""

    band: Text
    at_most: float = Field(ge=0)


class Bands(Sourced):
    """Bands from the best on; ``above`` all of them is the worst."""

    upper: tuple[Band, ...] = Field(min_length=1)
    above: Text

    @field_validator("upper")
    @classmethod
    def _rising(cls, upper: tuple[Band, ...]) -> tuple[Band, ...]:
        if any(before.at_most >= after.at_most for before, after in pairwise(upper)):
            raise ValueError("the bands do not rise")
        return upper


class Indices(Rules):
    """``rules/indices.json``."""

    description: str
    aqi: AirQualityIndex
    nowcast: NowCast
    who_24h: Guideline
    bands: Bands


def aqi_uncapped(pm25: pl.Expr, of: AirQualityIndex) -> pl.Expr:
    """Index (Int64) of a concentration, above the table on the extension of its last segment.

    The concentration is truncated to 0.1, the index rounded half up: in whole tenths, so both are exact.
    """
    tenths = _truncated(pm25)
    index = pl.lit(None, pl.Int64)
    for segment in of.segments:
        low, rise = _tenths(segment.low), segment.index_high - segment.index_low
        run = _tenths(segment.high) - low
        on_line = segment.index_low + (2 * rise * (tenths - low) + run) // (2 * run)
        index = pl.when(tenths >= low).then(on_line).otherwise(index)
    return index


def aqi(pm25: pl.Expr, of: AirQualityIndex) -> pl.Expr:
    """Index (Int64) of a concentration, at most ``cap``."""
    return aqi_uncapped(pm25, of).clip(upper_bound=of.cap)


def aqi_category(pm25: pl.Expr, of: AirQualityIndex) -> pl.Expr:
    """Category of a concentration; the last one has no end."""
    tenths, category = _truncated(pm25), pl.lit(None, pl.String)
    for segment in of.segments:
        category = pl.when(tenths >= _tenths(segment.low)).then(pl.lit(segment.category)).otherwise(category)
    return category


def nowcast(hours: pl.DataFrame, of: NowCast) -> pl.Series:
    """NowCast of hourly means, one column an hour, the present one first; null where too few of the last ones are
    there."""
    columns = [pl.col(name) for name in hours.columns]
    least, most = pl.min_horizontal(columns), pl.max_horizontal(columns)
    # Twelve hours without any dust weigh alike.
    weight = pl.when(most > 0).then(pl.max_horizontal(least / most, of.least_weight)).otherwise(1.0)
    powers = [
        pl.when(hour.is_not_null()).then(pl.col("_weight").pow(ago)).otherwise(0.0) for ago, hour in enumerate(columns)
    ]
    weighted = [hour.fill_null(0.0) * power for hour, power in zip(columns, powers, strict=True)]
    recent = pl.sum_horizontal(hour.is_not_null().cast(pl.Int64) for hour in columns[: of.recent_hours])
    mean = pl.sum_horizontal(weighted) / pl.sum_horizontal(powers)
    return hours.with_columns(_weight=weight).select(pl.when(recent >= of.recent_least).then(mean)).to_series()


def exceeds(mean: pl.Expr, guideline: Guideline) -> pl.Expr:
    """Whether a mean is above a guideline."""
    return mean.round(6) > guideline.limit


def band(mean: pl.Expr, of: Bands) -> pl.Expr:
    """Band of a mean."""
    found: pl.Expr = pl.when(mean.is_not_null()).then(pl.lit(of.above))
    for one in reversed(of.upper):
        found = pl.when(mean.round(6) <= one.at_most).then(pl.lit(one.band)).otherwise(found)
    return found


def _truncated(pm25: pl.Expr) -> pl.Expr:
    """Whole tenths of a concentration, what lies beyond cut off."""
    return (pm25.round(6) * 10).round(5).floor().cast(pl.Int64)


def _tenths(value: float) -> int:
    return round(value * 10)
