"""``gold/air_network_daily``: the network's days in numbers, from the health of its sensors and runs of hours."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from kaikai_assets.alerts.states import VIOLATING
from kaikai_assets.domains.air.transforms.registered import COUNTED


def network_daily(health: pl.DataFrame, runs: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """Health of sensors on some ``days`` and runs of hours of these and of the days before to ``NetworkDaily``."""
    counted = health.filter(pl.col("status").is_in(COUNTED), pl.col("day").is_in(list(days)))
    numbers = counted.group_by("day").agg(
        _number(pl.col("status") == "active").alias("sensors_registered"),
        _number(pl.col("readings") > 0).alias("sensors_active"),
        _number(pl.col("is_offline")).alias("sensors_offline"),
        _number(pl.col("is_degraded")).alias("sensors_degraded"),
        _number(pl.col("is_drifting")).alias("sensors_drifting"),
        pl.col("readings").sum().alias("measurements"),
        (pl.col("valid_n").sum() / pl.when(pl.col("readings").sum() > 0).then(pl.col("readings").sum())).alias(
            "share_valid"
        ),
        pl.col("share_received").sort().mean().alias("completeness"),
    )
    counted_sensors = counted.select("day", "sensor_id")
    crossings = _crossings(runs).join(counted_sensors, on=["day", "sensor_id"], how="semi")
    of_day = crossings.group_by("day").agg(pl.len().cast(pl.Int64).alias("threshold_crossings"))
    return numbers.join(of_day, on="day", how="left").with_columns(pl.col("threshold_crossings").fill_null(0))


def _number(condition: pl.Expr) -> pl.Expr:
    return condition.sum().cast(pl.Int64)


def _crossings(runs: pl.DataFrame) -> pl.DataFrame:
    """Runs that go beyond a threshold: the run before, of that day or the day before, did not violate it."""
    of = ["rule", "sensor_id"]
    ordered = runs.sort(*of, "start")
    near = pl.col("day").shift(1) >= pl.col("day").dt.offset_by("-1d")
    same = pl.all_horizontal(*(pl.col(name) == pl.col(name).shift(1) for name in of), near)
    violating = pl.col("state") == VIOLATING
    goes_on = (same & violating.shift(1)).fill_null(False)
    return ordered.filter(violating & ~goes_on)
