"""``gold/vitals_device_health``: readings to UTC days of devices."""

import polars as pl

from kaikai_assets.domains.vitals.contracts.devices import IMPOSSIBLE
from kaikai_assets.domains.vitals.contracts.silver import OK, PROBLEMS
from kaikai_assets.domains.vitals.transforms.registered import with_expected_interval
from kaikai_assets.quality.flags import FAIL

MAX_GAP_INTERVALS = 3
_KEY = ["day", "device_id"]


def device_health(silver: pl.DataFrame, registry: pl.DataFrame) -> pl.DataFrame:
    """Readings that name their device to ``DeviceHealth``."""
    known = with_expected_interval(silver.filter(pl.col("device_id").is_not_null()), registry)
    ordered = known.sort(*_KEY, "time", "patient_id", "grain").with_columns(
        gap_s=(pl.col("time") - pl.col("time").shift(1).over(_KEY)).dt.total_microseconds() / 1e6
    )
    code = pl.col("quality_flag")
    impossible = pl.sum_horizontal((pl.col(flag) == FAIL).cast(pl.Int64) for flag in IMPOSSIBLE)
    return ordered.group_by(_KEY, maintain_order=True).agg(
        pl.col("patient_id").n_unique().cast(pl.Int64).alias("patients"),
        pl.len().cast(pl.Int64).alias("n"),
        pl.col("time").min().alias("first_seen"),
        pl.col("time").max().alias("last_seen"),
        (pl.col("gap_s") > MAX_GAP_INTERVALS * pl.col("interval_s")).sum().cast(pl.Int64).alias("gaps"),
        (pl.col("gap_s").max() / 60).fill_null(0.0).alias("longest_gap_min"),
        pl.col("battery_pct").min().alias("battery_min_pct"),
        pl.col("signal").median().alias("signal_p50"),
        impossible.sum().alias("impossible_n"),
        (code != OK).fill_null(False).mean().alias("share_problem"),
        *[(code == problem).fill_null(False).mean().alias(f"share_{problem}") for problem in PROBLEMS],
    )
