"""What a contender made of the readings, and in what two of them differ."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

EXACT = 1e-9
"""Relative difference of means that everybody computes from the same silver rows in another order."""

STORED = 1e-6
"""Relative difference of means as they are stored: the platform rounds those of hours and of days to six decimals."""

_KEY = ["sensor_id", "day"]


@dataclass(frozen=True)
class Results:
    """``set_aside``: counts by rule. ``daily``, a row for each sensor and UTC day: ``sensor_id``, ``day``, number of
    silver rows and their mean PM2.5 (``silver_n``, ``silver_mean``); stored ``pm25_mean`` and ``hours_above_35``.
    """

    set_aside: dict[str, int]
    daily: pl.DataFrame


def of_platform(data: Path) -> Results:
    """Results in the lake of a data root."""
    lake = data / "lake"
    silver, quarantine, days = (
        pl.scan_delta(str(lake / table))
        for table in ("silver/air_measurements", "silver/air_quarantine", "gold/air_daily")
    )
    counts = quarantine.group_by("rule").agg(n=pl.len()).collect()
    stored = days.select(*_KEY, "pm25_mean", "hours_above_35")
    return Results(dict(counts.iter_rows()), _beside(silver, stored))


def of_files(target: Path) -> Results:
    """Results in the Parquet files, or folders of such, that a script wrote."""
    key = pl.col("sensor_id").cast(pl.String), pl.col("day").cast(pl.Date)
    above = _table(target, "crossings").select(*key, pl.col("hours_above_35").cast(pl.Int64))
    days = _table(target, "daily").select(*key, "pm25_mean").join(above, on=_KEY, how="left")
    counts = _table(target, "set_aside").select("rule", "n").collect()
    stored = days.with_columns(pl.col("hours_above_35").fill_null(0))
    return Results(dict(counts.iter_rows()), _beside(_table(target, "silver"), stored))


def rows(target: Path) -> int:
    """Rows of all Parquet files of a folder."""
    return int(pl.scan_parquet(target / "*.parquet").select(pl.len()).collect().item())


def lines(files: Iterable[Path]) -> int:
    """Records of some CSV files with a header, one line each."""
    return sum(_line_ends(file) - 1 for file in files)


def differences(found: Results, expected: Results) -> list[str]:
    """In what results are not as expected; nothing when they are equal."""
    said = []
    for rule in sorted(found.set_aside.keys() | expected.set_aside.keys()):
        here, there = found.set_aside.get(rule, 0), expected.set_aside.get(rule, 0)
        if here != there:
            said.append(f"{here} set aside as {rule}, not {there}")
    both = found.daily.join(expected.daily, on=_KEY, how="full", coalesce=True, suffix="_expected")
    tests = {
        "rows of silver": _near("silver_n", 0),
        "mean of silver": _near("silver_mean", EXACT),
        "stored mean": _near("pm25_mean", STORED),
        "hours above 35 µg/m³": _near("hours_above_35", 0),
    }
    for what, equal in tests.items():
        if other := both.filter(~equal).height:
            said.append(f"{what}: differs on {other} of {both.height} days of sensors")
    return said


def _near(column: str, relative: float) -> pl.Expr:
    """Whether a value is as expected, or absent like it."""
    value, expected = pl.col(column), pl.col(f"{column}_expected")
    near = (value - expected).abs() <= relative * expected.abs()
    return near.fill_null(value.is_null() & expected.is_null())


def _beside(silver: pl.LazyFrame, stored: pl.LazyFrame) -> pl.DataFrame:
    """What is stored of days of sensors, and what silver says of them."""
    by = pl.col("sensor_id").cast(pl.String), pl.col("time").dt.date().alias("day")
    made = silver.group_by(by).agg(silver_n=pl.len().cast(pl.Int64), silver_mean=pl.col("pm25").mean())
    return made.join(stored, on=_KEY, how="full", coalesce=True).sort(_KEY).collect(engine="streaming")


def _table(target: Path, name: str) -> pl.LazyFrame:
    path = target / f"{name}.parquet"
    return pl.scan_parquet(path / "*.parquet" if path.is_dir() else path)


def _line_ends(file: Path) -> int:
    with file.open("rb") as stream:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(1 << 20), b""))
