"""The quarantine: what was set aside, each content once, with file, record, column, raw value, rule and reason."""

import polars as pl

from kaikai_assets.quality.conform import REASONS

_CONTENT = ("day", "kind", "source", "time", "column", "raw_value", "rule")


def mark_repeated(aside: pl.DataFrame, entity: str) -> pl.DataFrame:
    """Add ``repeated``: true for what stands aside already with the same content from an earlier arrival."""
    ordered = aside.sort("arrival_seq", "raw_file", "record", "column")
    return ordered.with_columns(repeated=(pl.int_range(pl.len()).over(*_CONTENT, entity) > 0))


def from_contradictions(losers: pl.DataFrame, entity: str) -> pl.DataFrame:
    """Entries for values that lost against another value of the same file and time (``merge``)."""
    return losers.select(
        "day",
        "source",
        "raw_file",
        "record",
        "arrival_seq",
        pl.lit("cell").alias("kind"),
        entity,
        "time",
        "column",
        "raw_value",
        pl.lit("contradiction").alias("rule"),
        pl.lit(REASONS["contradiction"]).alias("reason"),
    )
