"""Silver: readings and what was set aside of them.

The range of a metric is what is physically possible; what is plausible is in ``rules/limits.json``.
"""

import pandera.polars as pa
import polars as pl

from kaikai_assets.quality.fields import ARRIVAL, KEY, Instant, flag, measured, tested
from kaikai_assets.quality.quarantine import QuarantineRecords

_MICROGRAM = {"metric": True, "unit": "µg/m³"}
_CELSIUS = {"metric": True, "unit": "degC"}
_PERCENT = {"metric": True, "unit": "%"}


class Measurements(pa.DataFrameModel):
    """Readings of sensors, one row for each sensor, time and grain."""

    day: pl.Date = pa.Field(description="UTC day of `time`")
    grain: str = pa.Field(description="What a reading stands for: instant, or an ISO 8601 duration", metadata=KEY)
    sensor_id: str = pa.Field(description="Sensor", metadata=KEY)
    time: Instant = pa.Field(description="Instant, or start of the interval, UTC", metadata=KEY)
    pm1: float = measured("Particles up to 1 µm", _MICROGRAM, 0, 5000)
    pm25: float = measured("Particles up to 2.5 µm, as the sensor reports them", _MICROGRAM, 0, 5000)
    pm25_corrected: float = measured("PM2.5 as corrected by the source, never again by us", _MICROGRAM, 0, 5000)
    pm10: float = measured("Particles up to 10 µm", _MICROGRAM, 0, 5000)
    pm003_count: float = measured("Particles above 0.3 µm in 0.1 l of air", {"metric": True, "unit": "1/dL"}, 0, 1e6)
    temperature: float = measured("Air temperature", _CELSIUS, -50, 70)
    temperature_corrected: float = measured("Air temperature as corrected by the source", _CELSIUS, -50, 70)
    humidity: float = measured("Relative humidity", _PERCENT, 0, 100)
    humidity_corrected: float = measured("Relative humidity as corrected by the source", _PERCENT, 0, 100)
    co2: float = measured("Carbon dioxide", {"metric": True, "unit": "ppm"}, 0, 50_000)
    tvoc: float = measured("Volatile organic compounds", {"metric": True, "unit": "ppb"}, 0, 100_000)
    tvoc_index: float = measured(
        "Index of volatile organic compounds, 100 is the usual level", {"metric": True}, 0, 500
    )
    nox_index: float = measured("Index of nitrogen oxides, 1 is the usual level", {"metric": True}, 0, 500)
    covered_min: float = measured(
        "Time that the records behind a mean cover",
        {"metric": True, "ancillary": True, "unit": "min"},
        0,
        1500,  # the longest local day
    )
    pm1_flag: pl.UInt8 = flag("pm1")
    pm25_flag: pl.UInt8 = flag("pm25")
    pm25_corrected_flag: pl.UInt8 = flag("pm25_corrected")
    pm10_flag: pl.UInt8 = flag("pm10")
    pm003_count_flag: pl.UInt8 = flag("pm003_count")
    temperature_flag: pl.UInt8 = flag("temperature")
    temperature_corrected_flag: pl.UInt8 = flag("temperature_corrected")
    humidity_flag: pl.UInt8 = flag("humidity")
    humidity_corrected_flag: pl.UInt8 = flag("humidity_corrected")
    co2_flag: pl.UInt8 = flag("co2")
    tvoc_flag: pl.UInt8 = flag("tvoc")
    tvoc_index_flag: pl.UInt8 = flag("tvoc_index")
    nox_index_flag: pl.UInt8 = flag("nox_index")
    covered_min_flag: pl.UInt8 = flag("covered_min")
    source: str = pa.Field(description="Source of the leading record", metadata=ARRIVAL)
    arrival_seq: int = pa.Field(description="Arrival number of the leading record's file", metadata=ARRIVAL)

    class Config:
        strict = True


class Flags(pa.DataFrameModel):
    """Readings at most an hour apart, tested against their neighbours in time: no value is ever removed for it."""

    day: pl.Date = pa.Field(description="UTC day of `time`")
    grain: str = pa.Field(description="What the reading stands for", metadata=KEY)
    sensor_id: str = pa.Field(description="Sensor", metadata=KEY)
    time: Instant = pa.Field(description="Instant, or start of the interval, UTC", metadata=KEY)
    pm25_gross_range: pl.UInt8 = tested("pm25", "PM2.5, outside its range")
    pm25_spike: pl.UInt8 = tested("pm25", "PM2.5, far from both neighbours")
    pm25_rate_of_change: pl.UInt8 = tested("pm25", "PM2.5, changed fast since the reading before")
    pm25_flat_line: pl.UInt8 = tested("pm25", "PM2.5, the same for long")
    pm25_qc: pl.UInt8 = tested("pm25", "PM2.5, all tests and silver's own flag taken together", "pm25_flag")
    temperature_gross_range: pl.UInt8 = tested("temperature", "air temperature, outside its range")
    temperature_spike: pl.UInt8 = tested("temperature", "air temperature, far from both neighbours")
    temperature_rate_of_change: pl.UInt8 = tested(
        "temperature", "air temperature, changed fast since the reading before"
    )
    temperature_flat_line: pl.UInt8 = tested("temperature", "air temperature, the same for long")
    temperature_qc: pl.UInt8 = tested(
        "temperature", "air temperature, all tests and silver's own flag taken together", "temperature_flag"
    )
    humidity_gross_range: pl.UInt8 = tested("humidity", "relative humidity, outside its range")
    humidity_spike: pl.UInt8 = tested("humidity", "relative humidity, far from both neighbours")
    humidity_rate_of_change: pl.UInt8 = tested("humidity", "relative humidity, changed fast since the reading before")
    humidity_flat_line: pl.UInt8 = tested("humidity", "relative humidity, the same for long")
    humidity_saturated: pl.UInt8 = tested("humidity", "relative humidity, saturated for long (3 at most)")
    humidity_qc: pl.UInt8 = tested(
        "humidity", "relative humidity, all tests and silver's own flag taken together", "humidity_flag"
    )
    co2_gross_range: pl.UInt8 = tested("co2", "carbon dioxide, outside its range")
    co2_spike: pl.UInt8 = tested("co2", "carbon dioxide, far from both neighbours")
    co2_rate_of_change: pl.UInt8 = tested("co2", "carbon dioxide, changed fast since the reading before")
    co2_flat_line: pl.UInt8 = tested("co2", "carbon dioxide, the same for long")
    co2_qc: pl.UInt8 = tested("co2", "carbon dioxide, all tests and silver's own flag taken together", "co2_flag")

    class Config:
        strict = True


class Quarantine(QuarantineRecords):
    """Records and cells that were set aside, each content once, with where they stand and why."""

    sensor_id: str = pa.Field(nullable=True, description="Sensor, where the record names one", metadata=KEY)

    class Config:
        strict = True
