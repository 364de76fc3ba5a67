"""Data files of a commit: one Parquet file a part, and what the table's log says of it."""

import json
import time
from collections.abc import Mapping, Sequence
from io import BytesIO
from uuid import uuid4

import polars as pl
from deltalake import Schema
from deltalake.transaction import AddAction, RemoveAction
from pyarrow.fs import FileSystem, FileType

BUILD = "_build"
"""Column that says what a day was built from, as ``Build`` writes it."""

_PIECE = 2**20


def by_day(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Rows of each day, without the day. Nothing is copied where rows are sorted by day."""
    if not rows["day"].is_sorted():
        rows = rows.sort("day", maintain_order=True)
    found, start = {}, 0
    for length, day in rows["day"].rle().struct.unnest().iter_rows():
        found[day.isoformat()] = rows.slice(start, length).drop("day")
        start += length
    return found


def write(
    files: FileSystem, parts: Mapping[str, pl.DataFrame], builds: Mapping[str, str]
) -> list[AddAction | RemoveAction]:
    """Write the rows of each part that has any (ISO day, or '' for an unpartitioned table), stamped with its build.

    Until a commit adds them to the table's log, nobody reads the files.
    """
    return [_write(files, part, rows, builds[part]) for part, rows in parts.items() if rows.height]


def are_there(files: FileSystem, written: Sequence[AddAction | RemoveAction]) -> bool:
    """Whether files that were written are still there: a purge removes what no log names."""
    return all(info.type is FileType.File for info in files.get_file_info([action.path for action in written]))


def _write(files: FileSystem, part: str, rows: pl.DataFrame, build: str) -> AddAction:
    # Delta has no unsigned types, and microseconds only. A column that is not in a file is null there.
    stored = pl.Schema(Schema.from_arrow(rows.schema).to_arrow())
    stamped = pl.select(pl.repeat(build, rows.height).alias(BUILD)).hstack(
        [column.cast(stored[column.name]) for column in rows if column.null_count() < rows.height]
    )
    buffer = BytesIO()
    # Nothing looks at statistics within a file: days are read whole.
    stamped.write_parquet(buffer, compression="zstd", compression_level=1, statistics=False)
    path = f"{f'day={part}/' if part else ''}{uuid4()}.parquet"
    content = buffer.getbuffer()
    # The store takes what the stream has buffered, and nothing that is as large as the buffer.
    with files.open_output_stream(path, buffer_size=2 * _PIECE) as stream:
        for start in range(0, len(content), _PIECE):
            stream.write(content[start : start + _PIECE])
    statistics = {
        "numRecords": rows.height,
        "minValues": {BUILD: build},
        "maxValues": {BUILD: build},
        "nullCount": {BUILD: 0},
    }
    return AddAction(
        path,
        len(content),
        {"day": part} if part else {},
        int(1000 * time.time()),
        data_change=True,
        stats=json.dumps(statistics),
    )
