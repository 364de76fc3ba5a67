"""Generated files: the rates of their defects, and that a seed says everything."""

import hashlib
from pathlib import Path

import polars as pl
import pytest

from bench.readings import HEADER, METRICS, MINUTES, contents, days_for, write

SENSORS, DAYS = 20, 3
READINGS = SENSORS * MINUTES * DAYS


@pytest.fixture(scope="module")
def lines() -> pl.DataFrame:
    """All lines with the day of their file."""
    return pl.concat(
        content.to_frame("line").with_columns(file=pl.lit(day)) for day, content in contents(DAYS, 1, SENSORS)
    ).with_columns(fields=pl.col("line").str.count_matches(",") + 1)


@pytest.fixture(scope="module")
def whole(lines: pl.DataFrame) -> pl.DataFrame:
    cells = pl.col("line").str.split(",").list.to_struct(fields=HEADER.split(","))
    found = lines.filter(pl.col("fields") == 6).unique("line")
    return found.select(cells).unnest("line").with_columns(time=pl.col("timestamp").str.to_datetime(time_zone="UTC"))


def test_every_reading_is_there_once(lines: pl.DataFrame, whole: pl.DataFrame) -> None:
    torn = lines.filter(pl.col("fields") < 6)
    assert torn["line"].str.contains(r"^SENS\d+,2025-01-0\dT\d\d:\d\d:00Z,").all()
    assert torn["line"].is_unique().all()
    assert whole.height + torn.height == READINGS
    assert whole.select("sensor_id", "timestamp").is_unique().all()


def test_rates(lines: pl.DataFrame, whole: pl.DataFrame) -> None:
    texts = pl.col(*METRICS)
    number = texts.cast(pl.Float64, strict=False)
    missing = whole.select(texts.is_in(["", "NA"]).sum()).sum_horizontal().item() / (READINGS * len(METRICS))
    unread = whole.select((number.is_null() & ~texts.is_in(["", "NA"])).sum()).sum_horizontal().item() / READINGS
    spans = {"pm25": (0, 5000), "temperature": (-50, 70), "humidity": (0, 100), "co2": (0, 50_000)}
    beyond = (
        whole.select((~pl.col(m).cast(pl.Float64, strict=False).is_between(*span)).sum() for m, span in spans.items())
        .sum_horizontal()
        .item()
        / READINGS
    )
    torn = lines.filter(pl.col("fields") < 6).height / READINGS
    twice = lines.height / READINGS - 1
    late = lines.filter(pl.col("file").cast(pl.String) != pl.col("line").str.slice(8, 10)).height / READINGS
    assert missing == pytest.approx(0.01, rel=0.1)
    assert unread + torn == pytest.approx(0.005, rel=0.2)
    assert beyond == pytest.approx(0.01, rel=0.1)
    assert twice == pytest.approx(0.02, rel=0.1)
    assert late == pytest.approx(0.02, rel=0.1)  # 1 % late, and half of the copies


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    def digest(name: str, seed: int, days: int) -> dict[str, str]:
        write(tmp_path / name, days, seed, sensors=3)
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (tmp_path / name).iterdir()}

    first, again, other = digest("first", 1, 2), digest("again", 1, 3), digest("other", 2, 2)
    assert first.keys() == {"sensors.csv", *(f"readings-2025-01-0{n}.csv" for n in (1, 2, 3))}
    # A longer period begins like a shorter one.
    same = {name for name in first if first[name] == again[name]}
    assert same == first.keys() - {"readings-2025-01-03.csv"}
    assert {name for name in first if first[name] == other[name]} == {"sensors.csv"}


def test_whole_days() -> None:
    assert days_for(1) == 1
    assert days_for(1_000_000) == 7
    assert days_for(144_000) == 1
