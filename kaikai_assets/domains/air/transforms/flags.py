"""``silver/air_flags``: readings tested against their neighbours in time."""

from collections.abc import Iterator, Sequence
from datetime import date

import polars as pl

from kaikai_assets.domains.air.limits import FLAGGED, Limits
from kaikai_assets.domains.air.transforms.registered import up_to_an_hour
from kaikai_assets.quality.limits import FlatLine, GrossRange, MetricLimits, RateOfChange, Spike
from kaikai_assets.quality.order import distinct, ordered
from kaikai_assets.quality.qartod import aggregate, flat_line, gross_range, held, rate_of_change, spike, stretches

_KEY = ("day", "grain", "sensor_id", "time")

OF_SILVER = (*_KEY, *FLAGGED, *(f"{name}_flag" for name in FLAGGED))
"""Columns of silver that the tests use."""


def flags(silver: pl.DataFrame, registry: pl.DataFrame, limits: Limits, days: Sequence[date]) -> pl.DataFrame:
    """Flags (contract ``Flags``) of the readings of ``days``, from silver of these days and one day around each.

    A series is one of a sensor, grain, expected interval and make: where the registry changes one, another begins.
    """
    known = registry.select("sensor_id", "valid_from", "valid_to", "expected_interval_s", "sensor_type")
    ready = up_to_an_hour(silver.select(OF_SILVER), known)
    parts = [
        (ready.filter(pl.col("sensor_type").eq_missing(sensor_type), interval_s=interval_s), sensor_type, interval_s)
        for sensor_type, interval_s in distinct(ready, ["sensor_type", "interval_s"]).iter_rows()
    ]
    flagged = [_flagged(rows, limits, sensor_type, interval_s) for rows, sensor_type, interval_s in parts]
    if not flagged:
        return pl.DataFrame()
    # Days after one another, as they are stored: not one sensor after the other.
    return ordered(pl.concat(flagged).filter(pl.col("day").is_in(list(days))), _KEY[:-1], "time")


def _flagged(rows: pl.DataFrame, limits: Limits, sensor_type: str | None, interval_s: float) -> pl.DataFrame:
    """Flags of all readings of one make and interval."""
    placed = stretches(rows, ["sensor_id", "grain"], "time", limits.max_gap_intervals * interval_s)
    saturated = limits.cross_checks.humidity_saturated
    wet = held(placed, "humidity", saturated.at_least, int(saturated.for_s // interval_s))
    tests = {"humidity": [wet.alias("humidity_saturated")]}
    for metric in FLAGGED:
        tests.setdefault(metric, []).extend(_tests(placed, metric, limits.of(metric, sensor_type), interval_s))
    names = {metric: [flag.meta.output_name() for flag in of_metric] for metric, of_metric in tests.items()}
    tested = placed.with_columns(flag for of_metric in tests.values() for flag in of_metric)
    found = [aggregate([*names[metric], f"{metric}_flag"]).alias(f"{metric}_qc") for metric in FLAGGED]
    return tested.select(*_KEY, *(name for of_metric in names.values() for name in of_metric), *found)


def _tests(rows: pl.DataFrame, metric: str, limits: MetricLimits, interval_s: float) -> Iterator[pl.Expr]:
    for name, limit in limits:
        match limit:
            case GrossRange():
                flag = gross_range(metric, limit.suspect, limit.fail)
            case Spike():
                flag = spike(metric, limit.method, limit.suspect, limit.fail)
            case RateOfChange():
                flag = rate_of_change(metric, limit.suspect_per_min / 60, limit.fail_per_min / 60)
            case FlatLine():
                suspect, fail = (int(length // interval_s) for length in (limit.suspect_s, limit.fail_s))
                flag = flat_line(rows, metric, suspect, fail, limit.tolerance)
            case _:
                continue
        yield flag.alias(f"{metric}_{name}")
