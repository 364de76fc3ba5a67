"""Readings as the messages of bracelets, nested or flat, one JSON object a line."""

from collections.abc import Sequence

import polars as pl

from kaikai_assets.simulation.vitals_signal import DECIMALS

# Clocks of devices write a time in four ways.
_STAMPS = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S%.6f", "%Y-%m-%dT%H:%M:%S+00:00", "%Y-%m-%dT%H:%M:%S")


def stamps(luck: str) -> pl.Expr:
    """Times as texts, each in one of several spellings."""
    style = (pl.col(luck) * len(_STAMPS)).cast(pl.Int8)
    text = pl.col("time").dt.strftime(_STAMPS[-1])
    for number, form in enumerate(_STAMPS[:-1]):
        text = pl.when(style == number).then(pl.col("time").dt.strftime(form)).otherwise(text)
    return text


def nested() -> pl.Expr:
    """Messages of present clients, from columns ``patient, stamp, device_id`` and ``<metric>`` as texts of JSON."""
    members = [_member(metric) for metric in DECIMALS]
    return pl.concat_str(
        *_head(),
        pl.lit(', "measurements": {'),
        _joined(members),
        pl.lit('}, "device_info": {"firmware_version": "2.1.0", "battery_level": '),
        pl.col("battery_pct").cast(pl.String),
        pl.lit(', "signal_strength": '),
        pl.col("signal").cast(pl.String),
        pl.lit('}, "quality_indicators": {"quality_flag": "'),
        "quality_flag",
        pl.lit('"}, "ingestion_timestamp": "'),
        (pl.col("time") + pl.duration(milliseconds=789)).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"),
        pl.lit('", "api_version": "1.0.0"}'),
    )


def flat() -> pl.Expr:
    """Messages of old clients, from the same columns: every second spells the ambient temperature the other way."""
    other = pl.col("id") % 2 == 1
    named = pl.when(other).then(_member("temp_ambiante", "temp_ambiente")).otherwise(_member("temp_ambiante"))
    members = [named if metric == "temp_ambiante" else _member(metric) for metric in DECIMALS]
    return pl.concat_str(
        *_head(), pl.lit(", "), _joined([*members, pl.format('"quality_flag": "{}"', "quality_flag")]), pl.lit("}")
    )


def _head() -> list[pl.Expr]:
    return [
        pl.lit('{"patient_id": "'),
        pl.col("patient"),
        pl.lit('", "device_id": "'),
        pl.col("device_id"),
        pl.lit('", "timestamp": "'),
        pl.col("stamp"),
        pl.lit('"'),
    ]


def _member(metric: str, name: str = "") -> pl.Expr:
    """A member, null where there is no value."""
    return pl.format(f'"{name or metric}": {{}}', pl.col(f"{metric}_text"))


def _joined(members: Sequence[pl.Expr]) -> pl.Expr:
    return pl.concat_str(*members, separator=", ", ignore_nulls=True)
