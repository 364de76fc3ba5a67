"""What rules of vital signs judge: readings of patients, and the scores of windows."""

import polars as pl

from kaikai_assets.alerts.judged import judged
from kaikai_assets.domains.vitals.contracts import News2Partial, Readings
from kaikai_assets.domains.vitals.contracts.patients import GENOTYPES
from kaikai_assets.domains.vitals.transforms.registered import DEFAULT_INTERVAL_S, age_years
from kaikai_assets.domains.vitals.transforms.windows import WINDOW
from kaikai_assets.domains.vitals.vital_signs import JUDGED
from kaikai_assets.quality.intervals import INSTANT, with_interval
from kaikai_assets.quality.registry import valid_on

ATTRIBUTES = ("expected_interval_s", "birth_month", "genotype")
"""What rules need to know of a patient."""

ROWS = {
    "reading": judged(Readings, JUDGED, {"age_years": (), "genotype": GENOTYPES}),
    "window": judged(News2Partial, ("partial_score", "any_three")),
}
"""What rules may name of each."""

OF_SILVER = ("day", "patient_id", "grain", "time", *JUDGED, *(f"{metric}_flag" for metric in JUDGED))
"""Columns of silver that rules judge."""

_AT = ["patient_id", "time"]


def readings(silver: pl.DataFrame, registry: pl.DataFrame) -> pl.DataFrame:
    """Readings with ``age_years`` and ``genotype`` of their patient, one of each time.

    Of several grains at one time each metric is taken, with its flag, from the finest that has it; an impossible value
    shows where none has. ``end`` is that of the finest, ``interval_s`` the longest of those with a value.
    """
    known = registry.select("patient_id", "valid_from", "valid_to", *ATTRIBUTES)
    spaced = with_interval(valid_on(silver.select(OF_SILVER), known, "patient_id"), DEFAULT_INTERVAL_S)
    length = pl.duration(microseconds=(pl.col("interval_s") * 1e6).cast(pl.Int64), time_unit="us")
    timed = spaced.with_columns(
        start=pl.col("time"),
        end=pl.when(pl.col("grain") == INSTANT).then("time").otherwise(pl.col("time") + length),
        age_years=age_years(pl.col("birth_month"), pl.col("day")),
    ).drop("birth_month", "expected_interval_s")
    several = pl.struct(_AT).is_duplicated()
    return pl.concat([timed.filter(~several), _as_one(timed.filter(several))])


def _as_one(timed: pl.DataFrame) -> pl.DataFrame:
    """Rows of several grains at one time as one."""
    valued = pl.any_horizontal(pl.col(JUDGED).is_not_null())
    merged = [
        part
        for metric in JUDGED
        for part in (
            pl.col(metric).drop_nulls().first(),
            # Without a value a flag is 4 or 9.
            pl.coalesce(
                pl.col(f"{metric}_flag").filter(pl.col(metric).is_not_null()).first(), pl.col(f"{metric}_flag").min()
            ),
        )
    ]
    return (
        timed.sort(*_AT, "interval_s", "grain")
        .group_by(_AT, maintain_order=True)
        .agg(
            pl.col("day", "grain", "genotype", "start", "end", "age_years").first(),
            pl.coalesce(pl.col("interval_s").filter(valued).max(), pl.col("interval_s").first()),
            *merged,
        )
        .select(timed.columns)
    )


def windows(scores: pl.DataFrame) -> pl.DataFrame:
    """Rows of ``News2Partial`` as rules judge them; of several grains the highest, since no alert should be lost."""
    start = pl.col("window_start")
    return (
        scores.group_by("day", "patient_id", "window_start")
        .agg(pl.col("partial_score").max(), pl.col("any_three").any().cast(pl.Int64))
        .with_columns(start=start, end=start + WINDOW, interval_s=pl.lit(WINDOW.total_seconds()))
    )
