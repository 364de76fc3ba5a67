"""Bands of the NEWS2 chart (``rules/news2.json``): values to component scores."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal, Self

import polars as pl
from pydantic import Field, model_validator

from kaikai_assets.rule_files import Rules, Sourced

Score = Literal[0, 1, 2, 3]


class Band(Rules):
    """Values up to ``at_most``, those of the bands before left out."""

    at_most: float
    score: Score


class Component(Rules):
    """Bands of one parameter, rising, and the score above the last."""

    decimals: int = Field(ge=0, le=1)
    bands: tuple[Band, ...] = Field(min_length=1)
    above: Score

    @model_validator(mode="after")
    def _rising(self) -> Self:
        ends = [band.at_most for band in self.bands]
        if any(later <= earlier for earlier, later in pairwise(ends)):
            raise ValueError("the bands do not rise")
        return self

    def score(self, value: pl.Expr) -> pl.Expr:
        """Score of a value, rounded to the chart's steps; null for null."""
        # Rounded twice: 36.05 as a binary number lies below what it was measured as.
        rounded = value.round(6).round(self.decimals, mode="half_away_from_zero").round(6)
        found = pl.lit(self.above)
        for band in reversed(self.bands):
            found = pl.when(rounded <= band.at_most).then(band.score).otherwise(found)
        return pl.when(value.is_not_null()).then(found).cast(pl.Int64)


class News2(Sourced):
    """The part of the chart that can be scored here, and the parameters that cannot."""

    description: str
    least_age_years: int = Field(ge=16)
    components: Mapping[Literal["freq_resp", "spo2_pct", "freq_card", "temp_corp"], Component]
    never_measured: tuple[str, ...]
