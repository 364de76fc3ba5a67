"""What other processes do to a warehouse file."""

import os
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl

from kaikai_assets.warehouse.duckdb_file import DuckDBFile

FIRST = date(2025, 1, 1)
DAILY, SENSORS = "gold/daily", "silver/sensors"
DAILY_SCHEMA = {
    "day": pl.Date(),
    "sensor": pl.String(),
    "start": pl.Datetime("us", "UTC"),
    "value": pl.Float64(),
    "flag": pl.UInt8(),
}


def day(number: int) -> str:
    return (FIRST + timedelta(days=number)).isoformat()


def daily(value: float, *numbers: int, each: int = 2) -> pl.DataFrame:
    """Rows of some days, all with one value."""
    found = []
    for number in numbers:
        start = datetime(2025, 1, 1, 23, 30, tzinfo=UTC) + timedelta(days=number)
        found += [(FIRST + timedelta(days=number), f"S{n}", start, value, 1) for n in range(each)]
    return pl.DataFrame(found, schema=DAILY_SCHEMA, orient="row")


def sensors(value: float) -> pl.DataFrame:
    return pl.DataFrame({"sensor": ["S0", "S1"], "value": [value, value]})


def look_or_replace(root: str, writer: int | None, times: int) -> set[int]:
    """A writer publishes both tables with one value, again and again. A reader opens the file anew as often as it can
    meanwhile; how many values the two tables had, each time."""
    path = Path(root) / "warehouse.duckdb"
    found: set[int] = set()
    if writer is not None:
        for n in range(times):
            replace_both(path, writer + n / 100)
        return found
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        with duckdb.connect(str(path), read_only=True) as connection:
            both = "SELECT value FROM gold.daily UNION SELECT value FROM silver.sensors"
            found.add(len(connection.execute(both).fetchall()))
    return found


def replace_both(path: Path, value: float) -> None:
    """Publish both tables with one value."""
    with DuckDBFile(path).publication() as publication:
        publication.replace(DAILY, {day(0): f"{value}"}, daily(value, 0), {})
        publication.replace(SENSORS, {"": f"{value}"}, sensors(value), {})


def die_while_publishing(root: str) -> None:
    """End without a word when everything but the last step is done."""
    with DuckDBFile(Path(root) / "warehouse.duckdb").publication() as publication:
        publication.replace(DAILY, {day(0): "never"}, daily(9.0, 0), {})
        os._exit(9)
