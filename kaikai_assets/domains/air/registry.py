"""The registry of sensors from its snapshot files."""

from collections.abc import Mapping, Sequence

import polars as pl

from kaikai_assets.domains.air.contracts import Sensors, SensorsQuarantine
from kaikai_assets.landing.sources import Source
from kaikai_assets.quality.conform import Conformed
from kaikai_assets.quality.contracts import schema
from kaikai_assets.quality.registry import conform_registry, periods


def sensors(files: Sequence[pl.DataFrame], sources: Mapping[str, Source]) -> dict[str, pl.DataFrame]:
    """Registry rows and their quarantine from read snapshot files (``readers.read_records`` with their origin)."""
    if not any(records.height for records in files):
        tables = {"silver/air_sensors": Sensors, "silver/air_sensors_quarantine": SensorsQuarantine}
        return {table: pl.DataFrame(schema=schema(contract)) for table, contract in tables.items()}
    rows, quarantine = periods(conformed(files, sources), Sensors, "sensor_id")
    return {"silver/air_sensors": rows, "silver/air_sensors_quarantine": quarantine}


def conformed(files: Sequence[pl.DataFrame], sources: Mapping[str, Source]) -> Conformed:
    """Records of read snapshot files, at least one, as typed registry rows, and what was set aside."""
    return conform_registry(files, sources, Sensors, "sensor_id")
