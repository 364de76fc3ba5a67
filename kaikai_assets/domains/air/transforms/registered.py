"""What the registry says of a sensor on a day."""

import polars as pl

DEFAULT_ZONE = "Africa/Dakar"
DEFAULT_INTERVAL_S = 300.0

UNKNOWN = "unknown"
"""Status of a sensor that is not registered."""

COUNTED = ("active", UNKNOWN)
"""Status of the sensors that count: not of test devices, nor of retired ones."""


def valid_on(rows: pl.DataFrame, registry: pl.DataFrame) -> pl.DataFrame:
    """Rows with the registry's columns valid on their ``day`` in [valid_from, valid_to); null for unknown sensors."""
    added = [name for name in registry.columns if name not in ("sensor_id", "valid_from", "valid_to")]
    if not registry.height:
        return rows.with_columns(pl.lit(None, registry.schema[name]).alias(name) for name in added)
    pairs = rows.select("sensor_id", "day").unique().join(registry, on="sensor_id")
    begun = pl.col("valid_from").is_null() | (pl.col("valid_from") <= pl.col("day"))
    open_still = pl.col("valid_to").is_null() | (pl.col("day") < pl.col("valid_to"))
    return rows.join(
        pairs.filter(begun & open_still).select("sensor_id", "day", *added),
        on=["sensor_id", "day"],
        how="left",
        maintain_order="left",
    )


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


def status() -> pl.Expr:
    """Part in the network of a registered sensor: active where nothing is said."""
    return pl.col("status").fill_null("active")
