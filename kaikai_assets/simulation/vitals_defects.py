"""What goes wrong with single messages of bracelets."""

from dataclasses import astuple, dataclass, fields
from itertools import accumulate

import polars as pl

from kaikai_assets.simulation.streams import Stream, below
from kaikai_assets.simulation.vitals_signal import DECIMALS

REJECTED = ("bad_time", "no_patient", "damaged")
MOST_BATCHES_LATE = 3


@dataclass(frozen=True)
class VitalsDefects:
    """How often each defect strikes: a share of the messages, or of the files. A message has at most one."""

    duplicate: float = 0.01
    """The message repeated, unchanged, in the same file or a later one."""
    late: float = 0.01
    """The message is delivered in one of the next three files of its form only."""
    missing: float = 0.005
    """There is no heart rate."""
    unparseable: float = 0.002
    """The heart rate is no number."""
    impossible: float = 0.002
    """A heart rate above 300."""
    bad_time: float = 0.001
    """The timestamp cannot be read."""
    no_patient: float = 0.001
    """The patient's id is empty."""
    damaged: float = 0.001
    """The line breaks off."""
    redelivered: float = 0.05
    """Of files, rounded down: the file delivered again, byte for byte, under another name."""

    @classmethod
    def none(cls) -> "VitalsDefects":
        """No defects at all."""
        return cls(**dict.fromkeys((field.name for field in fields(cls)), 0.0))

    def __post_init__(self) -> None:
        rates = astuple(self)
        if min(rates) < 0 or max(rates) > 1 or sum(rates[:-1]) > 1:
            raise ValueError(f"rates lie in [0, 1] and those of messages add up to at most 1: {self}")


KINDS = tuple(field.name for field in fields(VitalsDefects) if field.name != "redelivered")


def with_defects(readings: pl.DataFrame, rates: VitalsDefects, seed: int) -> pl.DataFrame:
    """Draw at most one defect for each message of a sound device. Adds ``kind`` (null for none), ``delay`` in batches,
    and for each metric ``<metric>_text``, its JSON (null: absent); silver's heart rate is ``freq_card``."""
    stream = Stream(seed, 60)
    luck, size, delay = (stream.uniform(readings.height) for _ in range(3))
    kind: pl.Expr = pl.lit(None, pl.String)
    bounds = list(accumulate(astuple(rates)[: len(KINDS)]))
    for name, bound in reversed(list(zip(KINDS, bounds, strict=True))):
        kind = pl.when(pl.col("_luck") < bound).then(pl.lit(name)).otherwise(kind)
    drawn = readings.with_columns(
        _luck=pl.Series(luck),
        _size=pl.Series(300 + 1 + below(size, 200)),
        delay=pl.Series(below(delay, MOST_BATCHES_LATE + 1)),
    ).with_columns(kind=pl.when(pl.col("fault").is_null()).then(kind))
    spoilt = pl.col("kind")
    texts = {
        f"{metric}_text": pl.col(metric).cast(pl.Int64 if decimals == 0 else pl.Float64).cast(pl.String)
        for metric, decimals in DECIMALS.items()
    }
    return (
        drawn.with_columns(**texts)
        .with_columns(
            freq_card_text=pl.when(spoilt == "unparseable")
            .then(pl.lit('"err"'))
            .when(spoilt == "impossible")
            .then(pl.col("_size").cast(pl.String))
            .when(spoilt.ne_missing("missing"))
            .then("freq_card_text"),
            freq_card=pl.when(~spoilt.is_in(["missing", "unparseable", "impossible"]).fill_null(False)).then(
                "freq_card"
            ),
            delay=pl.when(spoilt == "late")
            .then(pl.max_horizontal("delay", 1))
            .when(spoilt == "duplicate")
            .then("delay")
            .otherwise(0),
        )
        .drop("_luck", "_size")
    )
