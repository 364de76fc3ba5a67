"""What goes wrong with air readings, and what is left of them."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from itertools import accumulate

import numpy as np
import polars as pl

from kaikai_assets.simulation.air_faults import CLOCKS
from kaikai_assets.simulation.air_formats import AirFormat
from kaikai_assets.simulation.air_signal import METRICS
from kaikai_assets.simulation.streams import Floats, Stream, below

UNPARSEABLE = ("err", "12..3", "--", "#REF!")
BAD_TIMES = ("not a time", "2025-13-01T00:00:00Z", "2025-02-30T12:00:00Z", "")
IMPOSSIBLE = {  # ranges below and above what can be, without the usual missing codes (-99, -999, 9999)
    "pm25": ((-90, -10), (6000, 9000)),
    "temperature": ((-95, -60), (150, 400)),
    "humidity": ((-80, -10), (130, 300)),
    "co2": ((-90, -20), (60000, 65000)),
}
SUSPECT_PM25 = (501, 4999)
MOST_DAYS_LATE = 3

REJECTED = ("bad_time", "no_sensor", "ragged", *CLOCKS)
CELL_LOST = ("missing", "unparseable", "impossible", "fahrenheit")
COPIED = ("duplicate", "correction")


@dataclass(frozen=True)
class AirDefects:
    """How often each defect strikes: a share of the readings, or of the files."""

    duplicate: float = 0.02
    """The record repeated, unchanged, in the same file or the next day's."""
    missing: float = 0.01
    """The pm25 cell is empty or a missing code."""
    unparseable: float = 0.002
    """A metric's cell is not a number."""
    impossible: float = 0.002
    """A metric's value cannot be: pm25 < 0 or > 5000, temperature < -50 or > 70, humidity < 0 or > 100, co2 < 0 or
    > 50000."""
    suspect: float = 0.002
    """pm25 in (500, 5000]."""
    bad_time: float = 0.001
    """The timestamp cannot be read."""
    no_sensor: float = 0.001
    """The sensor's cell is empty."""
    ragged: float = 0.001
    """One field too few or too many."""
    late: float = 0.01
    """The record is delivered one to three days late, in that day's file only."""
    correction: float = 0.001
    """The file of one to three days later delivers another pm25 for the same sensor and time."""
    redelivered: float = 0.05
    """Of files, rounded up: the file delivered again, byte for byte, under another name."""

    @classmethod
    def none(cls) -> "AirDefects":
        """No defects at all."""
        return cls(**dict.fromkeys((field.name for field in fields(cls)), 0.0))

    def __post_init__(self) -> None:
        rates = astuple(self)
        if min(rates) < 0 or max(rates) > 1 or sum(rates[:-1]) > 1:
            raise ValueError(f"rates lie in [0, 1] and those of readings add up to at most 1: {self}")


# Of readings, in the order of AirDefects.
KINDS = tuple(field.name for field in fields(AirDefects) if field.name != "redelivered")


def with_defects(
    readings: pl.DataFrame, rates: AirDefects, layout: AirFormat, stream: Stream, days_left: int
) -> pl.DataFrame:
    """Draw at most one defect for each reading of a day; suspect values are set at once.

    Readings of faulty devices (`with_faults`) have no other defect than to be unusable. Adds `kind` (null for none);
    `column` and `text`, the cell to spoil and what is to stand there; `corrected`, the pm25 that a correction brings;
    `delay`, the days until a late record or a copy is delivered, at most `days_left`; `luck`, a number in [0, 1) for
    whatever else varies.
    """
    strike, where, which, how_much, when, luck = stream.uniform(6, readings.height)
    edges = list(accumulate(astuple(rates)[: len(KINDS)]))
    kinds = [None if days_left == 0 and kind in ("late", "correction") else kind for kind in KINDS]
    metric = below(where, len(METRICS))
    low, high = np.array([IMPOSSIBLE[name] for name in METRICS], dtype=np.float64)[metric, below(which, 2)].T
    suspect, impossible = _between(SUSPECT_PM25, how_much), low + (high - low) * how_much

    kind, corrected = pl.col("kind"), pl.col("corrected")
    decimals = layout.decimals["pm25"]
    drawn = pl.Series([*kinds, None], dtype=pl.String).gather(np.searchsorted(edges, strike, side="right"))
    frame = readings.with_columns(
        kind=pl.when("faulty").then("unusable").otherwise(pl.lit(drawn)),
        corrected=(pl.col("pm25") + pl.Series(1 + 20 * how_much)).round(decimals),
        luck=pl.Series(luck),
    )
    return frame.with_columns(
        pm25=pl.when(kind == "suspect").then(pl.Series(suspect).round(decimals)).otherwise("pm25"),
        delay=pl.when(kind == "duplicate")
        .then(pl.Series(below(when, min(2, days_left + 1))))
        .otherwise(pl.Series(1 + below(when, max(1, min(MOST_DAYS_LATE, days_left))))),
        column=pl.when(kind.is_in(("missing", "suspect", "correction")))
        .then(pl.lit("pm25"))
        .when(kind.is_in(("unparseable", "impossible")))
        .then(pl.Series(METRICS).gather(metric))
        .when(kind == "fahrenheit")
        .then(pl.lit("temperature"))
        .when(kind.is_in(("bad_time", *CLOCKS)))
        .then(pl.lit("timestamp"))
        .when(kind == "no_sensor")
        .then(pl.lit("sensor_id")),
    ).with_columns(
        text=pl.when(kind == "missing")
        .then(_one_of(layout.missing_codes, which))
        .when(kind == "unparseable")
        .then(_one_of(UNPARSEABLE, which))
        .when(kind == "impossible")
        .then(layout.number(pl.lit(pl.Series(impossible)), 1))
        .when(kind == "suspect")
        .then(layout.number(pl.col("pm25"), decimals))
        .when(kind == "correction")
        .then(layout.number(corrected, decimals))
        .when(kind == "fahrenheit")
        .then(layout.number(pl.col("temperature"), layout.decimals["temperature"]))
        .when(kind.is_in(CLOCKS))
        .then("stamp")
        .when(kind == "bad_time")
        .then(_one_of(BAD_TIMES, which))
        .when(kind == "no_sensor")
        .then(pl.lit(""))
    )


def what_remains(readings: pl.DataFrame) -> pl.DataFrame:
    """The readings that survive their defects: `sensor_id`, `time`, METRICS."""
    kind = pl.col("kind").fill_null("")
    lost = kind.is_in(CELL_LOST)
    right = readings.filter(~kind.is_in(REJECTED)).with_columns(
        pm25=pl.when(kind == "correction").then("corrected").otherwise("pm25")
    )
    return right.select(
        "sensor_id",
        "time",
        *(pl.when(~(lost & (pl.col("column") == m)).fill_null(False)).then(m).alias(m) for m in METRICS),
    )


def _between(bounds: tuple[float, float], share: Floats) -> Floats:
    return bounds[0] + (bounds[1] - bounds[0]) * share


def _one_of(texts: Sequence[str], uniform: Floats) -> pl.Series:
    return pl.Series(texts).gather(below(uniform, len(texts)))
