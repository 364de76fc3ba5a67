"""``gold/vitals_daily``: readings to UTC days of patients, one row for each vital sign."""

import polars as pl

from kaikai_assets.domains.vitals.transforms.registered import with_expected_interval
from kaikai_assets.domains.vitals.vital_signs import DAILY
from kaikai_assets.quality.flags import SUSPECT

_KEY = ["day", "grain", "patient_id"]
_PERCENTILES = {"p05": 0.05, "p50": 0.5, "p95": 0.95}


def daily(silver: pl.DataFrame, registry: pl.DataFrame) -> pl.DataFrame:
    """Readings to ``Daily``. Completeness counts expected intervals that hold a reading: a burst fills no day."""
    timed = with_expected_interval(silver, registry)
    since_midnight = (pl.col("time") - pl.col("day").cast(pl.Datetime("us", "UTC"))).dt.total_microseconds() / 1e6
    slotted = timed.with_columns(
        slot=(since_midnight // pl.col("interval_s")).cast(pl.Int64), minute=(since_midnight // 60).cast(pl.Int64)
    ).sort(*_KEY, "time")
    return pl.concat([_of_vital(slotted, vital) for vital in DAILY])


def _of_vital(rows: pl.DataFrame, vital: str) -> pl.DataFrame:
    value = pl.col(vital)
    return (
        rows.filter(value.is_not_null())
        .group_by(_KEY, maintain_order=True)
        .agg(
            pl.lit(vital).alias("vital"),
            pl.len().cast(pl.Int64).alias("n"),
            value.mean().alias("mean"),
            value.min().alias("min"),
            value.max().alias("max"),
            *[value.quantile(q, "linear").alias(name) for name, q in _PERCENTILES.items()],
            (pl.col(f"{vital}_flag") == SUSPECT).mean().alias("share_suspect"),
            pl.col("slot").n_unique().alias("_slots"),
            pl.col("minute").n_unique().cast(pl.Int64).alias("minutes_covered"),
            (86_400 / pl.col("interval_s").first()).floor().cast(pl.Int64).alias("expected"),
        )
        .with_columns(completeness=pl.min_horizontal(pl.col("_slots") / pl.col("expected"), 1.0))
        .drop("_slots")
    )
