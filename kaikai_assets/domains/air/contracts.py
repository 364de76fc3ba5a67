"""Contracts of the air tables: columns, types, units, ranges, decimals, descriptions. The one place for them.

The range of a metric is what is physically possible; what is plausible is in ``rules/plausible.json``.
"""

from typing import Annotated, Any

import pandera.polars as pa
import polars as pl

from kaikai_assets.quality.flags import ALL

Instant = Annotated[pl.Datetime, "us", "UTC"]
_KEY = {"key": True}
_ARRIVAL = {"arrival_dependent": True}
_MICROGRAM = {"metric": True, "unit": "µg/m³"}
_CELSIUS = {"metric": True, "unit": "degC"}
_PERCENT = {"metric": True, "unit": "%"}


def _metric(description: str, metadata: dict[str, object], low: float, high: float) -> Any:
    return pa.Field(nullable=True, ge=low, le=high, description=description, metadata=metadata)


def _flag(of: str) -> Any:
    return pa.Field(
        isin=list(ALL),
        description=f"QARTOD flag of {of}: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing",
        metadata={"made_of": (of,)},
    )


class Measurements(pa.DataFrameModel):
    """Readings of sensors, one row for each sensor, time and grain."""

    day: pl.Date = pa.Field(description="UTC day of `time`")
    grain: str = pa.Field(description="What a reading stands for: instant, or an ISO 8601 duration", metadata=_KEY)
    sensor_id: str = pa.Field(description="Sensor", metadata=_KEY)
    time: Instant = pa.Field(description="Instant, or start of the interval, UTC", metadata=_KEY)
    pm1: float = _metric("Particles up to 1 µm", _MICROGRAM, 0, 5000)
    pm25: float = _metric("Particles up to 2.5 µm, as the sensor reports them", _MICROGRAM, 0, 5000)
    pm25_corrected: float = _metric("PM2.5 as corrected by the source, never again by us", _MICROGRAM, 0, 5000)
    pm10: float = _metric("Particles up to 10 µm", _MICROGRAM, 0, 5000)
    pm003_count: float = _metric("Particles above 0.3 µm in 0.1 l of air", {"metric": True, "unit": "1/dL"}, 0, 1e6)
    temperature: float = _metric("Air temperature", _CELSIUS, -50, 70)
    temperature_corrected: float = _metric("Air temperature as corrected by the source", _CELSIUS, -50, 70)
    humidity: float = _metric("Relative humidity", _PERCENT, 0, 100)
    humidity_corrected: float = _metric("Relative humidity as corrected by the source", _PERCENT, 0, 100)
    co2: float = _metric("Carbon dioxide", {"metric": True, "unit": "ppm"}, 0, 50_000)
    tvoc: float = _metric("Volatile organic compounds", {"metric": True, "unit": "ppb"}, 0, 100_000)
    tvoc_index: float = _metric("Index of volatile organic compounds, 100 is the usual level", {"metric": True}, 0, 500)
    nox_index: float = _metric("Index of nitrogen oxides, 1 is the usual level", {"metric": True}, 0, 500)
    pm1_flag: pl.UInt8 = _flag("pm1")
    pm25_flag: pl.UInt8 = _flag("pm25")
    pm25_corrected_flag: pl.UInt8 = _flag("pm25_corrected")
    pm10_flag: pl.UInt8 = _flag("pm10")
    pm003_count_flag: pl.UInt8 = _flag("pm003_count")
    temperature_flag: pl.UInt8 = _flag("temperature")
    temperature_corrected_flag: pl.UInt8 = _flag("temperature_corrected")
    humidity_flag: pl.UInt8 = _flag("humidity")
    humidity_corrected_flag: pl.UInt8 = _flag("humidity_corrected")
    co2_flag: pl.UInt8 = _flag("co2")
    tvoc_flag: pl.UInt8 = _flag("tvoc")
    tvoc_index_flag: pl.UInt8 = _flag("tvoc_index")
    nox_index_flag: pl.UInt8 = _flag("nox_index")
    source: str = pa.Field(description="Source of the leading record", metadata=_ARRIVAL)
    arrival_seq: int = pa.Field(description="Arrival number of the leading record's file", metadata=_ARRIVAL)

    class Config:
        strict = True


class Quarantine(pa.DataFrameModel):
    """Records and cells that were set aside, each content once, with where they stand and why."""

    day: pl.Date = pa.Field(description="UTC day of the record, or of arrival where its time cannot be used")
    kind: str = pa.Field(isin=["record", "cell"], description="Whole record, or one cell of it", metadata=_KEY)
    source: str = pa.Field(description="Source of the record", metadata=_KEY)
    sensor_id: str = pa.Field(nullable=True, description="Sensor, where the record names one", metadata=_KEY)
    time: Instant = pa.Field(nullable=True, description="Time of the record, where it can be read, UTC", metadata=_KEY)
    column: str = pa.Field(nullable=True, description="Column of the cell", metadata=_KEY)
    raw_value: str = pa.Field(
        nullable=True, description="Cell, record or its mapped cells as they stand", metadata=_KEY
    )
    rule: str = pa.Field(description="Rule by which it was set aside", metadata=_KEY)
    reason: str = pa.Field(description="The rule in words", metadata=_KEY)
    raw_file: str = pa.Field(description="File below raw/ in which it came first", metadata=_ARRIVAL)
    record: int = pa.Field(description="Its line (row, element) in that file", metadata=_ARRIVAL)
    arrival_seq: int = pa.Field(description="Arrival number of that file", metadata=_ARRIVAL)

    class Config:
        strict = True


class Sensors(pa.DataFrameModel):
    """Registry of sensors: one row for each sensor and period, valid in [valid_from, valid_to)."""

    sensor_id: str = pa.Field(description="Sensor", metadata=_KEY)
    valid_from: pl.Date = pa.Field(nullable=True, description="First day; null is since ever", metadata=_KEY)
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
    source: str = pa.Field(description="Source of the leading record", metadata=_ARRIVAL)

    class Config:
        strict = True


class SensorsQuarantine(pa.DataFrameModel):
    """Registry records and cells that were set aside, each content once."""

    kind: str = pa.Field(isin=["record", "cell"], description="Whole record, or one cell of it", metadata=_KEY)
    source: str = pa.Field(description="Source of the record", metadata=_KEY)
    sensor_id: str = pa.Field(nullable=True, description="Sensor, where the record names one", metadata=_KEY)
    column: str = pa.Field(nullable=True, description="Column of the cell", metadata=_KEY)
    raw_value: str = pa.Field(nullable=True, description="Cell or record as it stands", metadata=_KEY)
    rule: str = pa.Field(description="Rule by which it was set aside", metadata=_KEY)
    reason: str = pa.Field(description="The rule in words", metadata=_KEY)
    raw_file: str = pa.Field(description="File below raw/ in which it came first", metadata=_ARRIVAL)
    record: int = pa.Field(description="Its line (row, element) in that file", metadata=_ARRIVAL)

    class Config:
        strict = True


def _mean(metric: str, of: str, unit: str) -> Any:
    return _statistic(metric, "mean", f"Mean of {of}", unit)


def _statistic(metric: str, name: str, description: str, unit: str) -> Any:
    # Hours are made of readings, days of hours and of readings.
    made_of = (metric, f"{metric}_{name}")
    metadata = {"unit": unit, "decimals": 6, "made_of": made_of}
    return pa.Field(nullable=True, description=description, metadata=metadata)


def _count(metric: str, of: str) -> Any:
    return pa.Field(ge=0, description=f"Readings of {of}", metadata={"made_of": (metric, f"{metric}_n")})


class Hourly(pa.DataFrameModel):
    """Hours of sensors, from readings no coarser than an hour."""

    day: pl.Date = pa.Field(description="UTC day of `hour`")
    sensor_id: str = pa.Field(description="Sensor", metadata=_KEY)
    hour: Instant = pa.Field(description="Start of the hour, UTC", metadata=_KEY)
    grain: str = pa.Field(description="Grain of the readings: the finest that is complete, else the most complete")
    pm25_mean: float = _mean("pm25", "PM2.5", "µg/m³")
    pm25_min: float = _statistic("pm25", "min", "Least PM2.5", "µg/m³")
    pm25_max: float = _statistic("pm25", "max", "Greatest PM2.5", "µg/m³")
    pm25_n: int = _count("pm25", "PM2.5")
    expected: int = pa.Field(ge=1, description="Readings that a complete hour has")
    completeness: float = pa.Field(
        ge=0, le=1, description="Share of expected intervals with a PM2.5 reading", metadata={"decimals": 6}
    )
    temperature_mean: float = _mean("temperature", "air temperature", "degC")
    temperature_n: int = _count("temperature", "air temperature")
    humidity_mean: float = _mean("humidity", "relative humidity", "%")
    humidity_n: int = _count("humidity", "relative humidity")
    co2_mean: float = _mean("co2", "carbon dioxide", "ppm")
    co2_n: int = _count("co2", "carbon dioxide")

    class Config:
        strict = True


class Daily(pa.DataFrameModel):
    """Local days of sensors: from their hours, or as a source delivers them."""

    day: pl.Date = pa.Field(description="Local date in the sensor's time zone")
    sensor_id: str = pa.Field(description="Sensor", metadata=_KEY)
    timezone: str = pa.Field(description="IANA time zone of the local date")
    grain: str = pa.Field(description="PT1H: from hours; P1D: as delivered. Complete before incomplete, then hours")
    pm25_mean: float = _mean("pm25", "PM2.5 over all readings of the day", "µg/m³")
    pm25_min: float = _statistic("pm25", "min", "Least PM2.5 reading", "µg/m³")
    pm25_max: float = _statistic("pm25", "max", "Greatest PM2.5 reading", "µg/m³")
    pm25_n: int = _count("pm25", "PM2.5; 1 where delivered as a day")
    hours_valid: int = pa.Field(ge=0, le=25, description="Hours with at least 75 % of their readings")
    hours_expected: int = pa.Field(ge=23, le=25, description="Hours of the local day")
    completeness: float = pa.Field(ge=0, le=1, description="Valid hours by hours of the day", metadata={"decimals": 6})
    is_complete: bool = pa.Field(description="Completeness of at least 75 %")
    temperature_mean: float = _mean("temperature", "air temperature over all readings", "degC")
    humidity_mean: float = _mean("humidity", "relative humidity over all readings", "%")
    co2_mean: float = _mean("co2", "carbon dioxide over all readings", "ppm")

    class Config:
        strict = True


class AlertDays(pa.DataFrameModel):
    """What each day does to a rule, whether or not an alert was open at its start: runs of equal state."""

    day: pl.Date = pa.Field(description="UTC day")
    rule: str = pa.Field(description="Rule", metadata=_KEY)
    sensor_id: str = pa.Field(description="Sensor", metadata=_KEY)
    start: Instant = pa.Field(description="Start of the run, UTC", metadata=_KEY)
    end: Instant = pa.Field(description="End of the run, UTC, not included")
    violating: bool = pa.Field(description="Whether the rule was violated")
    n: int = pa.Field(ge=1, description="Hours of the run")
    peak: float = pa.Field(
        nullable=True,
        description="Value furthest beyond the threshold; null where not violated",
        metadata={"decimals": 6},
    )

    class Config:
        strict = True


class Alerts(pa.DataFrameModel):
    """Episodes: from the first violating hour to the first well one after the last. One alert may cross midnight."""

    alert_id: str = pa.Field(description="Hash of rule set, version, rule, sensor and opening")
    rule_set: str = pa.Field(description="Rule set")
    rule_version: int = pa.Field(description="Version of the rule set")
    rule: str = pa.Field(description="Rule", metadata=_KEY)
    severity: str = pa.Field(isin=["info", "warn", "alert", "critical"], description="Severity of the rule")
    sensor_id: str = pa.Field(description="Sensor", metadata=_KEY)
    opened_at: Instant = pa.Field(description="Start of the first violating hour, UTC", metadata=_KEY)
    last_violation_end: Instant = pa.Field(description="End of the last violating hour, UTC")
    closed_at: Instant = pa.Field(
        nullable=True, description="Start of the next well hour, UTC; null while none is known"
    )
    n: int = pa.Field(ge=1, description="Violating hours")
    peak: float = pa.Field(description="Highest hourly mean", metadata={"unit": "µg/m³", "decimals": 6})
    threshold: float = pa.Field(description="Threshold of the rule", metadata={"unit": "µg/m³"})

    class Config:
        strict = True
