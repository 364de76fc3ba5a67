"""Tables with contracts, committed to a lake and published, here and in other processes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import pandera.polars as pa
import polars as pl

from kaikai_assets.lake.tables import Build, Lake
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.ledger.targets import Built, Target
from kaikai_assets.quality.contracts import Contract
from kaikai_assets.warehouse.duckdb_file import DuckDBFile
from kaikai_assets.warehouse.publish import publish
from kaikai_assets_tests.warehouse.writers import DAILY, SENSORS, daily, day, sensors

Instant = Annotated[pl.Datetime, "us", "UTC"]


class Daily(pa.DataFrameModel):
    day: pl.Date = pa.Field(description="The sensor's day")
    sensor: str = pa.Field(description="Sensor", metadata={"key": True})
    start: Instant = pa.Field(description="Start")
    value: float = pa.Field(nullable=True, description="Mean", metadata={"unit": "µg/m³"})
    flag: pl.UInt8 = pa.Field(description="Flag")


class Sensors(pa.DataFrameModel):
    sensor: str = pa.Field(description="Sensor", metadata={"key": True})
    value: float = pa.Field(description="Value")


CONTRACTS: Mapping[str, Contract] = {DAILY: Daily, SENSORS: Sensors}


def commit(lake: Lake, value: float, *numbers: int, each: int = 2) -> dict[Target, Built]:
    """Commit days to the lake; what the ledger would say of them."""
    lake.commit(DAILY, daily(value, *numbers, each=each), {day(number): Build(1, "d") for number in numbers})
    return {(DAILY, day(number)): Built("d", f"{value}/{each}", each, 1) for number in numbers}


def commit_sensors(lake: Lake, value: float) -> dict[Target, Built]:
    """Commit the table without days."""
    lake.commit(SENSORS, sensors(value), {"": Build(1, "d")})
    return {(SENSORS, ""): Built("d", f"{value}", 2, 1)}


def build_and_publish(root: str, writer: int, times: int) -> None:
    """Build a day of one's own again and again, and publish what the ledger knows."""
    lake, ledger = Lake(f"{root}/lake"), Ledger(f"sqlite:///{root}/ledger.sqlite")
    for n in range(times):
        ledger.targets.record_built(commit(lake, writer + n / 100, writer), datetime.now(UTC))
        file = DuckDBFile(Path(root) / "warehouse.duckdb")
        with file.alone():
            publish(file, lake, CONTRACTS, ledger.targets.built())
