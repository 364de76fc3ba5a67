"""What goes wrong with simulated devices for a while: what they send then, and the code by which they say so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from kaikai_assets.simulation.streams import Stream

# Sudden drops and surges of motion can cross the thresholds of rules: false alerts come from it.
KINDS = ("motion", "flatline", "sensor_drop", "signal_loss", "user_removed", "silence")
"""``motion``: heart rate too high, saturation too low. ``flatline``: values stand still. ``sensor_drop``: a saturation
of 0, which cannot be. ``signal_loss``: messages without any value. ``user_removed``: the temperature is that of the
air, the rest is absent. ``silence``: no messages."""

FELT = ("freq_card", "freq_resp", "spo2_pct", "temp_corp")


@dataclass(frozen=True)
class Fault:
    """A device that is faulty in [``start``, ``end``)."""

    device_id: str
    kind: str
    start: datetime
    end: datetime


def device_faults(devices: Sequence[str], start: datetime, length: timedelta, per_day: float, seed: int) -> list[Fault]:
    """Faults of devices, at most one in six hours of each, ``per_day`` a device and day on average."""
    quarter = timedelta(hours=6)
    found = []
    for number, device in enumerate(devices):
        stream = Stream(seed, 50, number)
        for part in range(-(-length // quarter)):
            strikes, which, when, long = stream.uniform(4)
            begins = start + part * quarter + timedelta(seconds=round(3 * 3600 * when))
            if strikes < per_day / 4:
                ends = begins + timedelta(seconds=round(600 + 6600 * long))
                found.append(Fault(device, KINDS[int(which * len(KINDS))], begins, ends))
    return found


def with_faults(readings: pl.DataFrame, faults: Sequence[Fault], seed: int) -> pl.DataFrame:
    """Readings by patient and time as faulty devices send them: ``quality_flag``, and ``fault`` (null for none).

    Silent ones are gone.
    """
    instant = pl.Datetime("us", "UTC")
    schema: dict[str, pl.DataType] = {
        "device_id": pl.String(),
        "fault": pl.String(),
        "_start": instant,
        "_end": instant,
    }
    spans = pl.DataFrame([(f.device_id, f.kind, f.start, f.end) for f in faults], schema=schema, orient="row")
    stream = Stream(seed, 51)
    shaken = readings.with_columns(
        _surge=pl.Series(stream.uniform(readings.height)), _drop=pl.Series(stream.uniform(readings.height))
    )
    joined = shaken.sort("device_id", "time").join_asof(
        spans.sort("device_id", "_start"), left_on="time", right_on="_start", by="device_id", check_sortedness=False
    )
    during = pl.col("time") < pl.col("_end")
    marked = joined.with_columns(fault=pl.when(during).then("fault"), _start=pl.when(during).then("_start"))
    fault = pl.col("fault")
    first = {m: pl.col(m).first().over("device_id", "_start") for m in FELT}
    lost = fault.is_in(["signal_loss", "user_removed"])
    others = [m for m in ("activity", "pain", "pct_hydratation") if m in readings.columns]
    return (
        marked.with_columns(
            freq_card=pl.when(fault == "motion")
            .then((pl.col("freq_card") + 60 * pl.col("_surge")).round())
            .when(fault == "flatline")
            .then(first["freq_card"])
            .when(~lost.fill_null(False))
            .then("freq_card"),
            freq_resp=pl.when(fault == "flatline")
            .then(first["freq_resp"])
            .when(~lost.fill_null(False))
            .then("freq_resp"),
            spo2_pct=pl.when(fault == "motion")
            .then((pl.col("spo2_pct") - 14 * pl.col("_drop") * pl.col("_drop")).round(1))
            .when(fault == "sensor_drop")
            .then(0.0)
            .when(fault == "flatline")
            .then(first["spo2_pct"])
            .when(~lost.fill_null(False))
            .then("spo2_pct"),
            temp_corp=pl.when(fault == "user_removed")
            .then("temp_ambiante")
            .when(fault == "flatline")
            .then(first["temp_corp"])
            .when((fault == "signal_loss").fill_null(False).not_())
            .then("temp_corp"),
            **{m: pl.when(~lost.fill_null(False)).then(m) for m in others},
            quality_flag=pl.coalesce("fault", pl.lit("ok")),
        )
        .with_columns(
            pl.when(fault.ne_missing("signal_loss")).then(name).alias(name) for name in ("temp_ambiante", "heat_index")
        )
        .filter(fault.ne_missing("silence"))
        .drop("_start", "_end", "_surge", "_drop")
        .sort("patient_id", "time")
    )
