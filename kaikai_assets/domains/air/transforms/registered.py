"""What the registry says of a sensor on a day."""

import polars as pl

from kaikai_assets.quality.intervals import with_interval
from kaikai_assets.quality.order import with_each
from kaikai_assets.quality.registry import valid_on as registered_on

DEFAULT_ZONE = "Africa/Dakar"
DEFAULT_INTERVAL_S = 300.0

UNKNOWN = "unknown"
"""Status of a sensor that is not registered."""

COUNTED = ("active", UNKNOWN)
"""Status of the sensors that count: not of test devices, nor of retired ones."""


def valid_on(rows: pl.DataFrame, registry: pl.DataFrame) -> pl.DataFrame:
    """Rows with the registry's columns valid on their ``day``; null for unknown sensors."""
    return registered_on(rows, registry, "sensor_id")


def expected_on(registry: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """Rows of the registry for each ``day`` of ``days`` on which they are valid, installed and not retired."""
    day, begun, ended, installed = (pl.col(n) for n in ("day", "valid_from", "valid_to", "installation_date"))
    return (
        registry.with_columns(status=status())
        .join(days.select("day"), how="cross")
        .filter(
            begun.is_null() | (begun <= day),
            ended.is_null() | (day < ended),
            installed.is_null() | (installed <= day),
            pl.col("status") != "retired",
        )
    )


def spaced(rows: pl.DataFrame, registry: pl.DataFrame) -> pl.DataFrame:
    """Readings with the registry's columns valid on their ``day``, which it has ``expected_interval_s`` among, and with
    ``interval_s``."""
    by = ["sensor_id", "day", "grain"]
    return with_each(rows, by, lambda keys: with_interval(valid_on(keys, registry), DEFAULT_INTERVAL_S))


def up_to_an_hour(rows: pl.DataFrame, registry: pl.DataFrame) -> pl.DataFrame:
    """Readings at most an hour apart, as ``spaced``."""
    return spaced(rows, registry).filter(pl.col("interval_s") <= 3600)


def status() -> pl.Expr:
    """Part in the network of a registered sensor: active where nothing is said."""
    return pl.col("status").fill_null("active")
