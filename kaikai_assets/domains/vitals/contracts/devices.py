"""Health of devices."""

from typing import Any

import pandera.polars as pa
import polars as pl

from kaikai_assets.domains.vitals.vital_signs import DAILY
from kaikai_assets.quality.fields import KEY, Instant, share

IMPOSSIBLE = tuple(f"{metric}_flag" for metric in DAILY)
"""Flags of the metrics that a device measures."""


def _share_of(code: str) -> Any:
    """Share of the readings for which the device reports a problem."""
    return share(f"Share of readings that the device calls {code}", "quality_flag")


class DeviceHealth(pa.DataFrameModel):
    """UTC days of devices that sent readings."""

    day: pl.Date = pa.Field(description="UTC day")
    device_id: str = pa.Field(description="Device, by a keyed hash", metadata=KEY)
    patients: int = pa.Field(ge=1, description="Patients whose readings it sent", metadata={"made_of": ("patient_id",)})
    n: int = pa.Field(ge=1, description="Readings", metadata={"made_of": ("time",)})
    first_seen: Instant = pa.Field(description="Time of the first reading, UTC", metadata={"made_of": ("time",)})
    last_seen: Instant = pa.Field(description="Time of the last reading, UTC", metadata={"made_of": ("time",)})
    gaps: int = pa.Field(
        ge=0,
        description="Pauses within the day of more than three expected intervals",
        metadata={"made_of": ("time",)},
    )
    longest_gap_min: float = pa.Field(
        ge=0,
        description="Longest pause within the day; 0 for a single reading",
        metadata={"unit": "min", "decimals": 6, "made_of": ("time",)},
    )
    battery_min_pct: float = pa.Field(
        nullable=True,
        ge=0,
        le=100,
        description="Lowest charge of the battery",
        metadata={"unit": "%", "decimals": 6, "made_of": ("battery_pct",)},
    )
    signal_p50: float = pa.Field(
        nullable=True,
        description="Median strength of the signal as it reports it",
        metadata={"decimals": 6, "made_of": ("signal",)},
    )
    impossible_n: int = pa.Field(
        ge=0, description="Cells set aside as impossible or unreadable", metadata={"made_of": IMPOSSIBLE}
    )
    share_problem: float = share("Share of readings that it calls anything but ok", "quality_flag")
    share_motion: float = _share_of("motion")
    share_low_signal: float = _share_of("low_signal")
    share_low_perfusion: float = _share_of("low_perfusion")
    share_sensor_drop: float = _share_of("sensor_drop")
    share_signal_loss: float = _share_of("signal_loss")
    share_noise: float = _share_of("noise")
    share_out_of_range: float = _share_of("out_of_range")
    share_calibrating: float = _share_of("calibrating")
    share_checksum_fail: float = _share_of("checksum_fail")
    share_device_error: float = _share_of("device_error")
    share_user_removed: float = _share_of("user_removed")
    share_flatline: float = _share_of("flatline")
    share_battery_low: float = _share_of("battery_low")

    class Config:
        strict = True
