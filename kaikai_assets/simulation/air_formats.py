"""How an air reading is written: the platform's own CSV, and the 24-column export of the AirGradient network.

A format turns a frame of readings into lines. The frame has one row a reading: `sensor_id`, `name`, `serial`, `time`,
`stamp` and `local_stamp` (text of `time`), the four METRICS rounded to the format's decimals, `luck` (uniform, for
columns that nobody measures here) and the cell to spoil: `column` (sensor_id, timestamp, a metric, or null) and the
`text` that stands in its place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from kaikai_assets.simulation.air_sensors import Sensor, airgradient_sensors, kaikai_sensors
from kaikai_assets.simulation.air_signal import METRICS

AirSource = Literal["kaikai_csv", "airgradient_export_5min"]


@dataclass(frozen=True)
class AirFormat:
    """Names, decimals and layout of one source's files."""

    stem: str
    sensors: Callable[[int], list[Sensor]]
    header: str
    decimals: Mapping[str, int]
    interval_s: int | None
    """Between readings; None for any."""
    stamp: str
    missing_codes: Sequence[str]
    newest_first: bool
    """Sensor by sensor, newest first; otherwise by time, then sensor."""
    final_newline: bool
    trims_zero: bool
    """7 instead of 7.0."""
    cells: Callable[["AirFormat"], list[pl.Expr]]

    def number(self, value: pl.Expr, decimals: int) -> pl.Expr:
        """The text of a number."""
        text = value.round(decimals).cast(pl.String)
        return text.str.strip_suffix(".0") if self.trims_zero else text

    def metric(self, metric: str) -> pl.Expr:
        """The text of a metric's rounded value, or what stands in its place."""
        return _spoiled(metric, self.number(pl.col(metric), self.decimals[metric]))

    def lines(self, readings: pl.DataFrame) -> pl.Series:
        """One CSV line a reading, without its line feed."""
        return readings.select(pl.concat_str(self.cells(self), separator=",").alias("line")).to_series()


def _spoiled(column: str, text: pl.Expr) -> pl.Expr:
    return pl.when(pl.col("column") == column).then(pl.col("text")).otherwise(text)


def _quoted(text: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.lit('"'), text, pl.lit('"'))


def _kaikai_cells(own: AirFormat) -> list[pl.Expr]:
    key = [_spoiled("sensor_id", pl.col("sensor_id")), _spoiled("timestamp", pl.col("stamp"))]
    return key + [own.metric(metric) for metric in METRICS]


def _airgradient_cells(own: AirFormat) -> list[pl.Expr]:
    pm25, temperature, humidity, co2, luck = (pl.col(c) for c in (*METRICS, "luck"))
    number = own.number
    corrected_temperature = 1.181 * temperature - 5.113
    corrected_humidity = (1.259 * humidity + 7.34).clip(upper_bound=100)
    no_particles = (pl.col("column") == "pm25") & pl.col("text").is_in(own.missing_codes)
    return [
        _spoiled("sensor_id", pl.col("sensor_id").str.strip_prefix("AG-")),
        _quoted(pl.col("name")),
        pl.lit(""),
        _quoted(pl.lit("Outdoor")),
        _quoted(pl.col("serial")),
        pl.col("time").dt.hour().is_between(8, 17).cast(pl.String),
        _quoted(pl.col("local_stamp")),
        _quoted(_spoiled("timestamp", pl.col("stamp"))),
        number(pl.when(luck < 0.9).then(5.0).otherwise(1 + (40 * luck - 36).floor()), 0),
        own.metric("pm25"),
        pl.when(no_particles).then(pl.lit("")).otherwise(number(pm25, 1)),
        number(200 + 33 * pm25, 0),
        own.metric("co2"),
        number(co2, 0),
        own.metric("temperature"),
        number(corrected_temperature, 1),
        number(_heat_index(corrected_temperature, corrected_humidity), 1),
        own.metric("humidity"),
        number(corrected_humidity, 0),
        number(80 + 60 * luck, 0),
        number(85 + 40 * luck, 0),
        number(1 + (luck > 0.8).cast(pl.Float64), 0),
        number(0.4 * pm25, 1),
        number(1.3 * pm25, 1),
    ]


def _heat_index(celsius: pl.Expr, humidity: pl.Expr) -> pl.Expr:
    """What the US weather service computes, in °C."""
    t, r = celsius * 1.8 + 32, humidity
    mild = 0.5 * (t + 61 + 1.2 * (t - 68) + 0.094 * r)
    hot = -42.379 + 2.04901523 * t + 10.14333127 * r - 0.22475541 * t * r - 0.00683783 * t * t - 0.05481717 * r * r
    hot += 0.00122874 * t * t * r + 0.00085282 * t * r * r - 0.00000199 * t * t * r * r
    return (pl.when((mild + t) / 2 >= 80).then(hot).otherwise(mild) - 32) / 1.8


KAIKAI_CSV = AirFormat(
    stem="kaikai",
    sensors=kaikai_sensors,
    header="sensor_id,timestamp,pm25,temperature,humidity,co2",
    decimals={"pm25": 2, "temperature": 1, "humidity": 1, "co2": 1},
    interval_s=None,
    stamp="%Y-%m-%dT%H:%M:%SZ",
    missing_codes=("", "NA", "NaN", "-999"),
    newest_first=False,
    final_newline=True,
    trims_zero=False,
    cells=_kaikai_cells,
)

AIRGRADIENT_EXPORT_5MIN = AirFormat(
    stem="airgradient",
    sensors=airgradient_sensors,
    header=(
        '"Location ID","Location Name","Location Group","Location Type","Sensor ID","Place Open","Local Date/Time",'
        '"UTC Date/Time","# of aggregated records","PM2.5 (μg/m³) raw","PM2.5 (μg/m³) corrected",'
        '"0.3μm particle count","CO2 (ppm) raw","CO2 (ppm) corrected","Temperature (°C) raw",'
        '"Temperature (°C) corrected","Heat Index (°C)","Humidity (%) raw","Humidity (%) corrected","TVOC (ppb)",'
        '"TVOC index","NOX index","PM1 (μg/m³)","PM10 (μg/m³)"'
    ),
    decimals={"pm25": 1, "temperature": 1, "humidity": 0, "co2": 0},
    interval_s=300,
    stamp="%Y-%m-%dT%H:%M:%S.000Z",
    missing_codes=("",),
    newest_first=True,
    final_newline=False,
    trims_zero=True,
    cells=_airgradient_cells,
)

FORMATS: Mapping[AirSource, AirFormat] = {
    "kaikai_csv": KAIKAI_CSV,
    "airgradient_export_5min": AIRGRADIENT_EXPORT_5MIN,
}
