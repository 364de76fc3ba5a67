"""Silver: readings and what was set aside of them.

The range of a metric is what is physically possible; what is plausible is in ``rules/limits.json``.
"""

import pandera.polars as pa
import polars as pl

from kaikai_assets.quality.fields import ARRIVAL, KEY, Instant, flag, measured
from kaikai_assets.quality.quarantine import QuarantineRecords

_PER_MINUTE = {"metric": True, "unit": "1/min"}
_PERCENT = {"metric": True, "unit": "%"}
_CELSIUS = {"metric": True, "unit": "degC"}
_ATTRIBUTE: dict[str, object] = {"metric": True, "ancillary": True}

OK = "ok"
PROBLEMS = (
    "motion",
    "low_signal",
    "low_perfusion",
    "sensor_drop",
    "signal_loss",
    "noise",
    "out_of_range",
    "calibrating",
    "checksum_fail",
    "device_error",
    "user_removed",
    "flatline",
    "battery_low",
)
"""Codes by which a device says what is wrong with a reading."""


class Readings(pa.DataFrameModel):
    """Readings of patients, one row for each patient, time and grain."""

    day: pl.Date = pa.Field(description="UTC day of `time`")
    grain: str = pa.Field(description="What a reading stands for: instant, or an ISO 8601 duration", metadata=KEY)
    patient_id: str = pa.Field(description="Patient, by a pseudonym", metadata=KEY)
    time: Instant = pa.Field(description="Instant, or start of the interval, UTC", metadata=KEY)
    freq_card: float = measured("Heart rate", _PER_MINUTE, 0, 300)
    pulse: float = measured("Pulse rate, as an oximeter counts it", _PER_MINUTE, 0, 300)
    freq_resp: float = measured("Respiratory rate", _PER_MINUTE, 0, 120)
    spo2_pct: float = pa.Field(nullable=True, gt=0, le=100, description="Oxygen saturation", metadata=_PERCENT)
    temp_corp: float = measured("Body temperature", _CELSIUS, 10, 50)
    temp_ambiante: float = measured("Air temperature around the patient", _CELSIUS, -50, 70)
    pct_hydratation: float = measured("Hydration", _PERCENT, 0, 100)
    heat_index: float = measured("Heat index as the device reports it", _CELSIUS, -60, 110)
    activity: float = measured("Activity as the device reports it, 0 at rest", {"metric": True}, 0, 100)
    pain: float = measured("Pain as the patient says it, 0 to 10", {"metric": True}, 0, 10)
    device_id: str = pa.Field(nullable=True, description="Device, by a keyed hash", metadata=_ATTRIBUTE)
    quality_flag: str = pa.Field(
        nullable=True, isin=[OK, *PROBLEMS], description="What the device says of its reading", metadata=_ATTRIBUTE
    )
    battery_pct: float = measured("Charge of the device's battery", _ATTRIBUTE | {"unit": "%"}, 0, 100)
    signal: float = measured("Strength of the device's signal as it reports it", _ATTRIBUTE, -200, 200)
    freq_card_flag: pl.UInt8 = flag("freq_card")
    pulse_flag: pl.UInt8 = flag("pulse")
    freq_resp_flag: pl.UInt8 = flag("freq_resp")
    spo2_pct_flag: pl.UInt8 = flag("spo2_pct")
    temp_corp_flag: pl.UInt8 = flag("temp_corp")
    temp_ambiante_flag: pl.UInt8 = flag("temp_ambiante")
    pct_hydratation_flag: pl.UInt8 = flag("pct_hydratation")
    heat_index_flag: pl.UInt8 = flag("heat_index")
    activity_flag: pl.UInt8 = flag("activity")
    pain_flag: pl.UInt8 = flag("pain")
    battery_pct_flag: pl.UInt8 = flag("battery_pct")
    signal_flag: pl.UInt8 = flag("signal")
    source: str = pa.Field(description="Source of the leading record", metadata=ARRIVAL)
    arrival_seq: int = pa.Field(description="Arrival number of the leading record's file", metadata=ARRIVAL)

    class Config:
        strict = True


class Quarantine(QuarantineRecords):
    """Records and cells that were set aside, each content once, with where they stand and why."""

    patient_id: str = pa.Field(
        nullable=True, description="Patient, by a pseudonym, where the record names one", metadata=KEY
    )

    class Config:
        strict = True
