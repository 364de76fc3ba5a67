"""Latency from the arrival of files to the warehouse, as a table of its own beside what was published."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import pandera.polars as pa
import polars as pl

from kaikai_assets.ledger.targets import Built, Target


class Latency(pa.DataFrameModel):
    """How long files of readings took from their landing to the warehouse, by day of arrival. As-of: what the ledger
    noted, which a rebuild cannot make again."""

    day: pl.Date = pa.Field(description="UTC day of arrival", metadata={"key": True})
    files: int = pa.Field(ge=1, description="Files of readings that arrived that day and were served")
    latency_p50_s: float = pa.Field(description="Median latency", metadata={"unit": "s", "decimals": 3})
    latency_p95_s: float = pa.Field(description="95th percentile of latency", metadata={"unit": "s", "decimals": 3})
    latency_max_s: float = pa.Field(description="Longest latency", metadata={"unit": "s", "decimals": 3})

    class Config:
        strict = True


def served(
    waiting: Mapping[int, tuple[datetime, set[str]]],
    bronze: str,
    built: Mapping[Target, Built],
    attempts: Collection[Target],
) -> list[int]:
    """Arrival numbers of files whose days are all built from them, with no attempt at a target of theirs unfinished."""
    unfinished = {part for _, part in attempts}
    done = {part: b.seen for (table, part), b in built.items() if table == bronze and part not in unfinished}
    return [seq for seq, (_, days) in waiting.items() if all(done.get(day, 0) >= seq for day in days)]


def latency(times: Sequence[tuple[datetime, datetime]]) -> pl.DataFrame:
    """``(arrival, served)`` of files to days (contract ``Latency``)."""
    instant = pl.Datetime("us", "UTC")
    rows = pl.DataFrame(times, schema={"arrived_at": instant, "served_at": instant}, orient="row")
    took = (pl.col("served_at") - pl.col("arrived_at")).dt.total_microseconds() / 1e6
    return (
        rows.with_columns(day=pl.col("arrived_at").dt.date(), took=took)
        .group_by("day")
        .agg(
            pl.len().cast(pl.Int64).alias("files"),
            pl.col("took").quantile(0.5, "linear").alias("latency_p50_s"),
            pl.col("took").quantile(0.95, "linear").alias("latency_p95_s"),
            pl.col("took").max().alias("latency_max_s"),
        )
        .sort("day")
    )
