"""``gold/vitals_news2_partial``: medians of windows to partial early-warning scores."""

import polars as pl

from kaikai_assets.domains.vitals.news2 import News2
from kaikai_assets.domains.vitals.transforms.registered import certain_age_years
from kaikai_assets.quality.registry import valid_on


def partial_scores(windows: pl.DataFrame, registry: pl.DataFrame, chart: News2) -> pl.DataFrame:
    """Windows of patients who are known to be of the chart's age to ``News2Partial``; none without any component."""
    known = registry.select("patient_id", "valid_from", "valid_to", "birth_month")
    aged = valid_on(windows, known, "patient_id").with_columns(
        age_years=certain_age_years(pl.col("birth_month"), pl.col("day"))
    )
    scored = aged.filter(pl.col("age_years") >= chart.least_age_years).with_columns(
        component.score(pl.col(f"{vital}_p50")).alias(f"{vital}_score") for vital, component in chart.components.items()
    )
    scores = [pl.col(f"{vital}_score") for vital in chart.components]
    absent = [pl.when(pl.col(f"{vital}_score").is_null()).then(pl.lit(vital)) for vital in chart.components]
    never = [pl.lit(parameter) for parameter in chart.never_measured]
    return scored.filter(pl.any_horizontal(score.is_not_null() for score in scores)).with_columns(
        partial_score=pl.sum_horizontal(scores),
        any_three=pl.any_horizontal(score.eq(3).fill_null(False) for score in scores),
        missing_parameters=pl.concat_str([*absent, *never], separator=", ", ignore_nulls=True),
    )
