"""A landed file to bronze rows: one row a record, values as the text that stood in the file."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from kaikai_assets.landing.choose import captured
from kaikai_assets.landing.days import event_day, event_times
from kaikai_assets.landing.readers import record_pieces
from kaikai_assets.landing.sources import Source
from kaikai_assets.landing.times import INSTANT


def parse(
    path: Path,
    source: Source,
    *,
    name: str | None = None,
    entity: str,
    metrics: Sequence[str],
    raw_file: str,
    arrival_seq: int,
    arrived_at: datetime,
    first_day: date,
    max_bytes: int,
) -> Iterator[pl.DataFrame]:
    """Bronze rows of a file: day, position, arrival, ``event_time`` (UTC, null if unreadable), then texts.

    They come in at least one frame, of a CSV file in frames of bounded size. ``parameter`` is null in wide layouts;
    ``name`` is the file's if ``path`` is of a copy. Raises ``UnreadableFile`` at any frame.
    """
    texts: dict[str, Any] = {name: pl.lit(None, pl.String) for name in ("parameter", *metrics)}
    if source.long is None:
        texts |= {name: _first_filled(column.origins) for name, column in source.columns.items() if column.origins}
    else:
        parameter = pl.col(source.long.parameter).str.strip_chars()
        texts["parameter"] = parameter
        for metric in {m.metric for m in source.long.parameters.values()}:
            filling = [name for name, m in source.long.parameters.items() if m.metric == metric]
            texts[metric] = pl.when(parameter.is_in(filling)).then(pl.col(source.long.value))
    if source.entity.column is not None:
        texts[entity] = pl.col(source.entity.column)
    else:
        texts[entity] = pl.lit(captured(source, name or path.name))
    if source.time is not None:
        texts["time"] = pl.col(source.time.column)
    arrival_day = arrived_at.astimezone(UTC).date()
    for records in record_pieces(path, source, max_bytes):
        if source.time is not None:
            event_time = event_times(records[source.time.column], source.time)
        else:
            event_time = pl.Series([None], dtype=INSTANT).new_from_index(0, records.height)
        yield records.select(
            event_day(event_time, first_day, arrival_day).alias("day"),
            pl.lit(source.source).alias("source"),
            pl.lit(raw_file).alias("raw_file"),
            "record",
            pl.lit(arrival_seq, pl.Int64).alias("arrival_seq"),
            pl.lit(arrived_at).dt.cast_time_unit("us").alias("arrived_at"),
            event_time.alias("event_time"),
            "defect",
            "text",
            *[expression.alias(name) for name, expression in texts.items()],
        )


def _first_filled(columns: Sequence[str]) -> pl.Expr:
    if len(columns) == 1:
        return pl.col(columns[0])
    return pl.coalesce(pl.when(pl.col(name).str.strip_chars() != "").then(pl.col(name)) for name in columns)
