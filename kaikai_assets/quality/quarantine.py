"""The quarantine: what was set aside, each content once, with file, record, column, raw value, rule and reason."""

import pandera.polars as pa
import polars as pl

from kaikai_assets.quality.conform import REASONS
from kaikai_assets.quality.fields import ARRIVAL, KEY, Instant

_CONTENT = ("day", "kind", "source", "time", "column", "raw_value", "rule")


class RegistryQuarantine(pa.DataFrameModel):
    """Registry records and cells that were set aside. A domain adds the column of its entity."""

    kind: str = pa.Field(isin=["record", "cell"], description="Whole record, or one cell of it", metadata=KEY)
    source: str = pa.Field(description="Source of the record", metadata=KEY)
    column: str = pa.Field(nullable=True, description="Column of the cell", metadata=KEY)
    raw_value: str = pa.Field(nullable=True, description="Cell, record or its mapped cells as they stand", metadata=KEY)
    rule: str = pa.Field(description="Rule by which it was set aside", metadata=KEY)
    reason: str = pa.Field(description="The rule in words", metadata=KEY)
    raw_file: str = pa.Field(description="File below raw/ in which it came first", metadata=ARRIVAL)
    record: int = pa.Field(description="Its line (row, element) in that file", metadata=ARRIVAL)


class QuarantineRecords(RegistryQuarantine):
    """Records and cells of readings that were set aside. A domain adds the column of its entity."""

    day: pl.Date = pa.Field(description="UTC day of the record, or of arrival where its time cannot be used")
    time: Instant = pa.Field(nullable=True, description="Time of the record, where it can be read, UTC", metadata=KEY)
    arrival_seq: int = pa.Field(description="Arrival number of that file", metadata=ARRIVAL)


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
