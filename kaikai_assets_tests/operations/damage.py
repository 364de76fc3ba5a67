"""Damage done to a platform's files behind its back."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable

from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.platform import Platform
from kaikai_assets_tests.end_to_end.product import build, drop
from kaikai_assets_tests.end_to_end.test_rebuilding import day_file

DAYS = ["2025-03-01", "2025-03-02", "2025-03-03"]
REGISTRY = (
    "sensor_id,location_name,location_type,latitude,longitude,installation_date\n"
    "SENS001,Dakar - Plateau,Urban,14.6937,-17.4441,2024-01-15\n"
)


@pytest.fixture
def built(platform: Platform) -> Platform:
    """Three days and a registry, built and published; the second day has an alert."""
    for day, pm25 in zip(DAYS, (20.0, 80.0, 30.0), strict=True):
        drop(platform, f"{day}.csv", day_file(day, pm25, hours=6))
    drop(platform, "kaikai_sensors/sensors.csv", REGISTRY)
    assert build(platform).failed == {}
    platform.publish(AIR)
    assert platform.runner(AIR).plan().pending == set()
    return platform


def lake_files(platform: Platform, table: str, day: str = "") -> list[Path]:
    """Parquet files of a table's day that the present version refers to."""
    folder = platform.settings.data / "lake" / table
    actions = DeltaTable(str(folder)).get_add_actions(flatten=True)
    version = pl.DataFrame(actions).filter(pl.col("path").str.contains(f"day={day}" if day else ""))
    return [folder / path for path in version["path"]]


def rewrite(file: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Change the rows of a lake's Parquet file in its place, and its size in the table's log."""
    before = file.stat().st_size
    change(pl.read_parquet(file, hive_partitioning=False)).write_parquet(file, compression="zstd")
    folder = file.parent if (file.parent / "_delta_log").is_dir() else file.parent.parent
    for log in (folder / "_delta_log").glob("*.json"):
        lines = log.read_text(encoding="utf-8").splitlines()
        resized = (f'"size":{before},', f'"size":{file.stat().st_size},')
        lines = [line.replace(*resized) if file.name in line else line for line in lines]
        log.write_text("\n".join(lines) + "\n", encoding="utf-8")


def execute(platform: Platform, *statements: str) -> None:
    """Change the SQLite ledger."""
    with sqlite3.connect(platform.settings.data / "ledger.sqlite") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def change_warehouse(platform: Platform, statement: str) -> None:
    """Change the published file in its place."""
    platform.settings.warehouse.chmod(0o644)
    with duckdb.connect(str(platform.settings.warehouse)) as connection:
        connection.execute(statement)
