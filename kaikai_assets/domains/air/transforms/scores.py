"""Quality score of hours: how much of what was expected came, could be read, and is plausible."""

from typing import Self

import polars as pl
from pydantic import Field, model_validator

from kaikai_assets.rule_files import Sourced


class Points(Sourced):
    """``rules/quality.json``: the most points of each part of the score, 100 in all."""

    description: str
    completeness: float = Field(ge=0)
    validity: float = Field(ge=0)
    plausibility: float = Field(ge=0)

    @model_validator(mode="after")
    def _hundred(self) -> Self:
        if (total := self.completeness + self.validity + self.plausibility) != 100:
            raise ValueError(f"the points add up to {total:g}, not to 100")
        return self


def scored(hours: pl.DataFrame, points: Points) -> pl.DataFrame:
    """Hours with their score.

    Validity is the share of received cells that could be used, plausibility that of usable ones flagged as good. An
    hour without any PM2.5 has no points.
    """
    received = pl.col("pm25_n") + pl.col("pm25_failed_n")
    parts = {
        "score_completeness": points.completeness * pl.col("completeness"),
        "score_validity": points.validity * _share("pm25_n", received),
        "score_plausibility": points.plausibility * _share("pm25_good_n", pl.col("pm25_n")),
    }
    return hours.with_columns(**parts).with_columns(quality_score=pl.sum_horizontal(*parts))


def _share(part: str, of: pl.Expr) -> pl.Expr:
    return pl.when(of > 0).then(pl.col(part) / of).otherwise(0.0)
