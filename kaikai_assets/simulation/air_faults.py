"""What goes wrong with the devices themselves: episodes of hours to a week, one sensor each.

A faulty device still writes well-formed records, so its episodes are known by what they do to the values and times.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from kaikai_assets.simulation.air_formats import AirFormat
from kaikai_assets.simulation.air_sensors import Sensor
from kaikai_assets.simulation.air_signal import METRICS
from kaikai_assets.simulation.streams import Stream

HIGHEST_TEMPERATURE = 70.0
"""°C; what is above cannot be, so that a cell in °F may be lost."""

CLOCKS = ("clock_reset", "clock_ahead")
_RESET = datetime(2000, 1, 1, tzinfo=UTC)
_APART = timedelta(hours=6)
_TRIES = 200


@dataclass(frozen=True)
class AirFaults:
    """How many episodes of each fault strike, whichever sensors."""

    drift: int = 1
    """PM2.5 is multiplied by what grows from 1 to 3 over a week, evenly."""
    flat_line: int = 2
    """PM2.5, temperature or CO2 stands still for 10 to 16 hours."""
    saturated_humidity: int = 1
    """Humidity stands at 99.9 % for 10 to 24 hours."""
    spike: int = 6
    """One reading of PM2.5 (+100 to +400 µg/m³), temperature (+12 to +20 °C) or CO2 (+1500 to +4000 ppm) is far off."""
    gap: int = 2
    """No records for 2 to 12 hours."""
    fahrenheit: int = 1
    """Temperature comes in °F for 4 to 12 hours."""
    milligram: int = 1
    """PM2.5 comes in mg/m³ for 4 to 12 hours."""
    clock_reset: int = 1
    """For 2 to 8 hours times count from 2000-01-01."""
    clock_ahead: int = 1
    """For 2 to 8 hours times are twenty years ahead."""

    @classmethod
    def none(cls) -> "AirFaults":
        """No faults at all."""
        return cls(**dict.fromkeys((field.name for field in fields(cls)), 0))


@dataclass(frozen=True)
class Fault:
    """One episode in [start, end).

    `metric` is null where times are wrong or records absent. `size` is the factor that a drift reaches, the value that
    stands still, what a spike adds, the scale of another unit, or the days that a clock is ahead.
    """

    kind: str
    sensor_id: str
    start: datetime
    end: datetime
    metric: str | None
    size: float | None

    def meets(self, day: date) -> bool:
        """Whether it strikes on a UTC day."""
        return self.start.date() <= day <= (self.end - timedelta(microseconds=1)).date()

    def is_near(self, other: "Fault") -> bool:
        """Whether both strike one sensor with less than some hours between them."""
        return self.sensor_id == other.sensor_id and self.start < other.end + _APART and other.start < self.end + _APART


@dataclass(frozen=True)
class _Form:
    """Whole hours that an episode lasts, ends included (None: one reading); its size, or range of sizes, by metric."""

    hours: tuple[int, int] | None
    sizes: Mapping[str | None, tuple[float, float] | float | None]


_FORMS = {
    "drift": _Form((168, 168), {"pm25": 3.0}),
    "flat_line": _Form((10, 16), {"pm25": (8, 30), "temperature": (20, 35), "co2": (410, 600)}),
    "saturated_humidity": _Form((10, 24), {"humidity": 99.9}),
    "spike": _Form(None, {"pm25": (100, 400), "temperature": (12, 20), "co2": (1500, 4000)}),
    "gap": _Form((2, 12), {None: None}),
    "fahrenheit": _Form((4, 12), {"temperature": 1.8}),
    "milligram": _Form((4, 12), {"pm25": 0.001}),
    "clock_reset": _Form((2, 8), {None: None}),
    "clock_ahead": _Form((2, 8), {None: 7305.0}),
}


def fault_episodes(
    sensors: Sequence[Sensor], start: date, days: int, interval_s: int, faults: AirFaults, seed: int
) -> list[Fault]:
    """Episodes within the period, at least six hours apart on one sensor, of active sensors only; by kind.

    Raises `ValueError` when they do not fit.
    """
    ids = [sensor.sensor_id for sensor in sensors if sensor.status == "active"]
    kinds = [kind for kind, count in asdict(faults).items() for _ in range(count)]
    found: list[Fault] = []
    for number, kind in enumerate(kinds):
        for fault in _drawn(kind, ids, start, days, interval_s, Stream(seed, 7, number)):
            if not any(fault.is_near(other) for other in found):
                found.append(fault)
                break
        else:
            raise ValueError(f"{days} days of {len(ids)} active sensors have no room for {len(kinds)} faults ({kind})")
    return found


def _drawn(kind: str, ids: Sequence[str], start: date, days: int, interval_s: int, stream: Stream) -> Iterator[Fault]:
    """Some episodes of a kind, to choose from; none when the period is shorter."""
    form, midnight = _FORMS[kind], datetime.combine(start, time(), UTC)
    unit = timedelta(hours=1) if form.hours else timedelta(seconds=interval_s)
    shortest, longest = form.hours or (1, 1)
    units = timedelta(days=days) // unit
    for who, long, when, what, big in stream.uniform(_TRIES, 5):
        length = shortest + _below(long, longest - shortest + 1)
        if length > units or not ids:
            return
        begin = midnight + _below(when, units - length + 1) * unit
        metric, sizes = list(form.sizes.items())[_below(what, len(form.sizes))]
        size = round(sizes[0] + (sizes[1] - sizes[0]) * float(big), 1) if isinstance(sizes, tuple) else sizes
        yield Fault(kind, ids[_below(who, len(ids))], begin, begin + length * unit, metric, size)


def _below(uniform: float, count: int) -> int:
    return int(uniform * count)


def with_faults(readings: pl.DataFrame, faults: Sequence[Fault], layout: AirFormat) -> pl.DataFrame:
    """A day's readings as devices with these faults of the day write them; readings in a gap are gone.

    Adds `faulty`, and `unusable`: the kind of a fault that leaves nothing of the record (a wrong clock) or of the cell
    (°F that no temperature can be).
    """
    frame = readings.with_columns(faulty=pl.lit(False), unusable=pl.lit(None, pl.String))
    for fault in faults:
        within = pl.col("time").is_between(fault.start, fault.end, closed="left")
        hit = (pl.col("sensor_id") == fault.sensor_id) & within
        if fault.kind == "gap":
            frame = frame.filter(~hit)
        else:
            changed = _as_written(fault, layout)
            frame = frame.with_columns(
                pl.when(hit).then(new).otherwise(name).alias(name) for name, new in changed.items()
            )
    rounded = frame.with_columns(pl.col(metric).round(layout.decimals[metric]) for metric in METRICS)
    possible = (pl.col("unusable") == "fahrenheit") & (pl.col("temperature") <= HIGHEST_TEMPERATURE)
    return rounded.with_columns(unusable=pl.when(~possible).then("unusable"))


def _as_written(fault: Fault, layout: AirFormat) -> dict[str, pl.Expr]:
    """Columns that a fault changes."""
    changed = {"faulty": pl.lit(True)}
    if fault.kind in CLOCKS:
        offset = _RESET - fault.start if fault.size is None else timedelta(days=fault.size)
        changed["stamp"] = (pl.col("time") + offset).dt.strftime(layout.stamp)
    if fault.kind in (*CLOCKS, "fahrenheit"):
        changed["unusable"] = pl.lit(fault.kind)
    if fault.metric and fault.size:
        value, size = pl.col(fault.metric), fault.size
        passed = (pl.col("time") - fault.start).dt.total_seconds() / (fault.end - fault.start).total_seconds()
        changed[fault.metric] = {
            "drift": value * (1 + (size - 1) * passed),
            "flat_line": pl.lit(size),
            "saturated_humidity": pl.lit(size),
            "spike": value + size,
            "fahrenheit": value * size + 32,
            "milligram": value * size,
        }[fault.kind]
    return changed
