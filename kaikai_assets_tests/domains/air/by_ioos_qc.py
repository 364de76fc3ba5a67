"""Flags of readings computed a second way: ioos_qc on each stretch by itself, reading by reading."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from ioos_qc import qartod

from kaikai_assets.domains.air.contracts import Flags
from kaikai_assets.domains.air.limits import FLAGGED, Limits
from kaikai_assets.quality.contracts import schema

Row = dict[str, Any]
Array = npt.NDArray[Any]


def flags(
    silver: pl.DataFrame, limits: Limits, interval_s: Mapping[str, float], makes: Mapping[str, str]
) -> pl.DataFrame:
    """Flags of silver readings (contract ``Flags``). ``interval_s`` is by grain, ``makes`` by sensor."""
    found: list[Row] = []
    fine = silver.filter(pl.col("grain").is_in(list(interval_s))).sort("sensor_id", "grain", "time")
    for series in fine.partition_by("sensor_id", "grain"):
        every, make = interval_s[series["grain"][0]], makes.get(series["sensor_id"][0])
        for stretch in _stretches(series.to_dicts(), limits.max_gap_intervals * every):
            found += _of_stretch(stretch, limits, every, make)
    return pl.DataFrame(found, schema=schema(Flags))


def _stretches(rows: list[Row], max_gap_s: float) -> Iterator[list[Row]]:
    begin = 0
    for n in range(1, len(rows) + 1):
        if n == len(rows) or (rows[n]["time"] - rows[n - 1]["time"]).total_seconds() > max_gap_s:
            yield rows[begin:n]
            begin = n


def _of_stretch(rows: list[Row], limits: Limits, every_s: float, make: str | None) -> list[Row]:
    columns: dict[str, Array] = {}
    for metric in FLAGGED:
        columns |= _of_metric(metric, rows, limits, every_s, make)
    keys = ("day", "grain", "sensor_id", "time")
    return [
        {**{key: row[key] for key in keys}, **{name: int(flag[n]) for name, flag in columns.items()}}
        for n, row in enumerate(rows)
    ]


def _of_metric(metric: str, rows: list[Row], limits: Limits, every_s: float, make: str | None) -> dict[str, Array]:
    tests = limits.of(metric, make)
    gross, spike, rate, flat = tests.gross_range, tests.spike, tests.rate_of_change, tests.flat_line
    assert gross is not None
    assert spike is not None
    assert rate is not None
    assert flat is not None
    values = np.array([np.nan if row[metric] is None else row[metric] for row in rows])
    times = np.array([row["time"].replace(tzinfo=None) for row in rows], dtype="datetime64[us]")
    fail = [-np.inf if gross.fail[0] is None else gross.fail[0], np.inf if gross.fail[1] is None else gross.fail[1]]
    suspect = [end if own is None else own for own, end in zip(gross.suspect, fail, strict=True)]
    # ioos_qc takes the median interval for the nominal one: it is given times of which that is true.
    nominal = np.arange(len(rows)) * every_s
    held = qartod.flat_line_test(values, nominal, flat.suspect_s, flat.fail_s, flat.tolerance)
    found = {
        f"{metric}_gross_range": qartod.gross_range_test(values, fail, suspect),
        f"{metric}_spike": qartod.spike_test(values, spike.suspect, spike.fail, spike.method),
        f"{metric}_rate_of_change": qartod.rate_of_change_test(
            values, times, rate.suspect_per_min / 60, rate.fail_per_min / 60
        ),
        # Of a stretch of less than three points ioos_qc calls missing ones good.
        f"{metric}_flat_line": np.where(np.isnan(values), 9, held),
    }
    if metric == "humidity":
        found["humidity_saturated"] = _saturated(values, limits, every_s)
    silver = np.array([row[f"{metric}_flag"] for row in rows])
    found[f"{metric}_qc"] = qartod.qartod_compare([*found.values(), silver])
    return {name: np.asarray(flag) for name, flag in found.items()}


def _saturated(values: Array, limits: Limits, every_s: float) -> Array:
    check = limits.cross_checks.humidity_saturated
    before = int(check.for_s / every_s)
    held = [n >= before and np.nanmin([*values[n - before : n + 1], 101]) >= check.at_least for n in range(len(values))]
    return np.where(np.isnan(values), 9, np.where(held, 3, 1))
