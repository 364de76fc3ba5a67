"""``gold/vitals_windows_5m``: readings to tumbling windows of 5 minutes."""

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from kaikai_assets.domains.vitals.contracts import Readings
from kaikai_assets.domains.vitals.vital_signs import WINDOWED
from kaikai_assets.quality.contracts import flagged
from kaikai_assets.quality.flags import GOOD, SUSPECT
from kaikai_assets.quality.intervals import INSTANT, seconds

WINDOW = timedelta(minutes=5)
DELAY = timedelta(minutes=10)
"""The watermark stands this far behind the newest reading, whoever's it is."""


def windows(silver: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """Readings of some ``days`` and of the day after each to windows (contract ``Windows``).

    A grain coarser than a window is left out. A reading is late when the watermark of the readings of its day and the
    day after that had arrived in earlier files had passed the end of its window.
    """
    fine = [g for g in silver["grain"].unique() if g == INSTANT or seconds(g) <= WINDOW.total_seconds()]
    of_days = silver.filter(pl.col("day").is_in(list(days)), pl.col("grain").is_in(fine))
    marks = _watermarks(silver, days)
    start = pl.col("time").dt.truncate("5m")
    newest = marks.group_by("day").agg(pl.col("watermark").max())
    ready = (
        of_days.with_columns(window_start=start)
        .join(marks.select("day", "arrival_seq", "before"), on=["day", "arrival_seq"], how="left")
        .with_columns(late=(pl.col("before") >= pl.col("window_start") + WINDOW).fill_null(False))
        .sort("grain", "patient_id", "time")
    )
    return (
        ready.group_by("day", "grain", "patient_id", "window_start", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("n"),
            pl.col("late").sum().cast(pl.Int64).alias("n_late"),
            *[statistic for vital in WINDOWED for statistic in _statistics(vital)],
        )
        .join(newest, on="day", how="left")
        .with_columns(is_final=(pl.col("watermark") >= pl.col("window_start") + WINDOW).fill_null(False))
    )


def _watermarks(silver: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """``day, arrival_seq, before, watermark``: where the watermark stood before a file arrived, and after it.

    A reading whose every value is suspect does not move it: the clock of its device may run ahead.
    """
    flags = [pl.col(f"{metric.name}_flag") for metric in flagged(Readings)]
    doubtful = pl.any_horizontal(flag == SUSPECT for flag in flags) & ~pl.any_horizontal(flag == GOOD for flag in flags)
    near = silver.select("day", "arrival_seq", pl.when(~doubtful).then("time").alias("time"))
    both = pl.concat([near, near.with_columns(pl.col("day").dt.offset_by("-1d"))])
    newest = both.filter(pl.col("day").is_in(list(days))).group_by("day", "arrival_seq").agg(pl.col("time").max())
    return (
        newest.sort("day", "arrival_seq")
        .with_columns(watermark=pl.col("time").cum_max().forward_fill().over("day") - DELAY)
        .with_columns(before=pl.col("watermark").shift(1).over("day"))
    )


def _statistics(vital: str) -> list[pl.Expr]:
    value = pl.col(vital)
    return [
        value.count().cast(pl.Int64).alias(f"{vital}_n"),
        value.mean().alias(f"{vital}_mean"),
        value.min().alias(f"{vital}_min"),
        value.median().alias(f"{vital}_p50"),
        value.max().alias(f"{vital}_max"),
    ]
