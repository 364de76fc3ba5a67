"""What rules of vital signs judge: readings of patients, and the scores of windows."""

import polars as pl

from kaikai_assets.domains.vitals.transforms.registered import DEFAULT_INTERVAL_S, age_years
from kaikai_assets.domains.vitals.transforms.windows import WINDOW
from kaikai_assets.domains.vitals.vital_signs import JUDGED
from kaikai_assets.quality.intervals import INSTANT, with_interval
from kaikai_assets.quality.registry import valid_on

ATTRIBUTES = ("expected_interval_s", "birth_month", "genotype")
"""What rules need to know of a patient."""


def readings(silver: pl.DataFrame, registry: pl.DataFrame) -> pl.DataFrame:
    """Readings with ``age_years`` and ``genotype`` of their patient; of several at one time the finest."""
    known = registry.select("patient_id", "valid_from", "valid_to", *ATTRIBUTES)
    flags = [f"{metric}_flag" for metric in JUDGED]
    judged = silver.select("day", "patient_id", "grain", "time", *JUDGED, *flags)
    spaced = with_interval(valid_on(judged, known, "patient_id"), DEFAULT_INTERVAL_S)
    length = pl.duration(microseconds=(pl.col("interval_s") * 1e6).cast(pl.Int64), time_unit="us")
    return (
        spaced.sort("patient_id", "time", "interval_s", "grain")
        .unique(["patient_id", "time"], keep="first", maintain_order=True)
        .with_columns(
            start=pl.col("time"),
            end=pl.when(pl.col("grain") == INSTANT).then("time").otherwise(pl.col("time") + length),
            age_years=age_years(pl.col("birth_month"), pl.col("day")),
        )
    )


def windows(scores: pl.DataFrame) -> pl.DataFrame:
    """Rows of ``News2Partial`` as rules judge them; of several grains the highest, since no alert should be lost."""
    start = pl.col("window_start")
    return (
        scores.sort("patient_id", "window_start", -pl.col("partial_score"), ~pl.col("any_three"), "grain")
        .unique(["patient_id", "window_start"], keep="first", maintain_order=True)
        .with_columns(
            start=start,
            end=start + WINDOW,
            interval_s=pl.lit(WINDOW.total_seconds()),
            any_three=pl.col("any_three").cast(pl.Int64),
        )
    )
