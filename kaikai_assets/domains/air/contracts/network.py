"""How the network fares: health of its sensors, and its days in numbers."""

import pandera.polars as pa
import polars as pl

from kaikai_assets.quality.fields import KEY, Instant

_SHARE = {"decimals": 6}


class SensorHealth(pa.DataFrameModel):
    """UTC days of sensors: those that sent readings, and those that the registry calls active and that were silent.

    A silent sensor without an installation date is there if it had been heard in the 13 days before. A day that still
    runs ends at midnight all the same: until then its sensors look silent. A day without any reading has no rows.
    """

    day: pl.Date = pa.Field(description="UTC day")
    sensor_id: str = pa.Field(description="Sensor", metadata=KEY)
    status: str = pa.Field(
        isin=["active", "test", "retired", "unknown"], description="Part in the network; unknown: not registered"
    )
    grain: str = pa.Field(
        nullable=True, description="Grain of its readings: the finest that is complete, else the fullest"
    )
    last_seen: Instant = pa.Field(
        nullable=True,
        description="Last reading of the day, UTC; of a silent sensor the start of its last hour in 13 days before",
        metadata={"made_of": ("time", "hour")},
    )
    readings: int = pa.Field(ge=0, description="Readings of that grain", metadata={"made_of": ("time",)})
    expected: int = pa.Field(ge=1, description="Readings of a complete day at its interval")
    share_received: float = pa.Field(
        ge=0,
        le=1,
        description="Expected intervals that hold a reading, by all of the day",
        metadata={**_SHARE, "made_of": ("time",)},
    )
    is_degraded: bool = pa.Field(
        description="Share received below the limit of rules/health.json", metadata={"made_of": ("time",)}
    )
    longest_silence_min: float = pa.Field(
        ge=0,
        description="Longest time without a reading within the day",
        metadata={"unit": "min", "decimals": 3, "made_of": ("time",)},
    )
    is_offline: bool = pa.Field(
        description="Silent at the end of the day for longer than its interval and the limit of rules/health.json",
        metadata={"made_of": ("time",)},
    )
    valid_n: int = pa.Field(
        ge=0, description="Readings whose PM2.5 is good (pm25_qc 1 or 2)", metadata={"made_of": ("pm25_qc", "pm25")}
    )
    share_valid: float = pa.Field(
        nullable=True,
        ge=0,
        le=1,
        description="valid_n by readings; null where silent",
        metadata={**_SHARE, "made_of": ("pm25_qc", "pm25")},
    )
    flat_line_h: float = pa.Field(
        ge=0,
        description="Time in which PM2.5 was flagged as a flat line",
        metadata={"unit": "h", "decimals": 3, "made_of": ("pm25_flat_line", "pm25")},
    )
    neighbours_ratio: float = pa.Field(
        nullable=True,
        description="Median over the day's hours of PM2.5 by pm25_neighbours_nearest",
        metadata={"decimals": 6, "made_of": ("pm25_mean", "pm25_neighbours_nearest")},
    )
    drift_pct: float = pa.Field(
        nullable=True,
        description="Jump of that ratio: its median in the seven days that end here against the seven days before; a "
        "slow drift is seen in the ratio itself",
        metadata={"unit": "%", "decimals": 3, "made_of": ("pm25_mean", "pm25_neighbours_nearest")},
    )
    is_drifting: bool = pa.Field(
        nullable=True,
        description="drift_pct beyond the limit of rules/health.json, up or down; null where it is not known",
        metadata={"made_of": ("pm25_mean", "pm25_neighbours_nearest")},
    )

    class Config:
        strict = True


class NetworkDaily(pa.DataFrameModel):
    """UTC days of the network, test and retired sensors left out."""

    day: pl.Date = pa.Field(description="UTC day")
    sensors_registered: int = pa.Field(ge=0, description="Sensors that the registry calls active")
    sensors_active: int = pa.Field(
        ge=0, description="Sensors that sent readings, unregistered ones too", metadata={"made_of": ("readings",)}
    )
    sensors_offline: int = pa.Field(
        ge=0, description="Sensors that were silent at the day's end", metadata={"made_of": ("is_offline",)}
    )
    sensors_degraded: int = pa.Field(
        ge=0, description="Sensors that sent too few readings", metadata={"made_of": ("is_degraded",)}
    )
    sensors_drifting: int = pa.Field(
        ge=0, description="Sensors that drift against their neighbours", metadata={"made_of": ("is_drifting",)}
    )
    measurements: int = pa.Field(ge=0, description="Readings", metadata={"made_of": ("readings",)})
    share_valid: float = pa.Field(
        nullable=True,
        ge=0,
        le=1,
        description="Share of readings whose PM2.5 is good; null without readings",
        metadata={**_SHARE, "made_of": ("valid_n", "readings")},
    )
    completeness: float = pa.Field(
        nullable=True,
        ge=0,
        le=1,
        description="Mean over sensors of the share of expected readings received",
        metadata={**_SHARE, "made_of": ("share_received",)},
    )
    threshold_crossings: int = pa.Field(
        ge=0,
        description="Times that a sensor's hourly PM2.5 went beyond the threshold of an active rule",
        metadata={"made_of": ("pm25_mean",)},
    )

    class Config:
        strict = True
