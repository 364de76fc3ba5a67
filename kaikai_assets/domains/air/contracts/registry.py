"""The registry of sensors, and what was set aside of its files."""

import pandera.polars as pa
import polars as pl

from kaikai_assets.quality.fields import ARRIVAL, KEY
from kaikai_assets.quality.quarantine import RegistryQuarantine


class Sensors(pa.DataFrameModel):
    """Registry of sensors: one row for each sensor and period, valid in [valid_from, valid_to)."""

    sensor_id: str = pa.Field(description="Sensor", metadata=KEY)
    valid_from: pl.Date = pa.Field(nullable=True, description="First day; null is since ever", metadata=KEY)
    valid_to: pl.Date = pa.Field(nullable=True, description="Day after the last; null is until further notice")
    location_name: str = pa.Field(nullable=True, description="Name of the place")
    location_type: str = pa.Field(nullable=True, description="Kind of zone: Urban, Residential, Commercial, …")
    latitude: float = pa.Field(nullable=True, ge=-90, le=90, description="Degrees north, WGS 84")
    longitude: float = pa.Field(nullable=True, ge=-180, le=180, description="Degrees east, WGS 84")
    installation_date: pl.Date = pa.Field(nullable=True, description="Day of installation")
    timezone: str = pa.Field(nullable=True, description="IANA time zone of its local day; Africa/Dakar where null")
    expected_interval_s: float = pa.Field(
        nullable=True, gt=0, le=86_400, description="Seconds between readings; 300 where null", metadata={"unit": "s"}
    )
    sensor_type: str = pa.Field(nullable=True, description="Make of the sensor: limits and corrections go by it")
    status: str = pa.Field(
        nullable=True, isin=["active", "test", "retired"], description="Part in the network; active where null"
    )
    source: str = pa.Field(description="Source of the leading record", metadata=ARRIVAL)

    class Config:
        strict = True


class SensorsQuarantine(RegistryQuarantine):
    """Registry records and cells that were set aside, each content once."""

    sensor_id: str = pa.Field(nullable=True, description="Sensor, where the record names one", metadata=KEY)

    class Config:
        strict = True
