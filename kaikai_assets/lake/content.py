"""Canonical rows of a table and their hash: what "the same table" means.

Key-sorted, floats rounded to the contract's decimals, -0.0 written 0.0, no NaN; hashed by value, never by file bytes,
so that the hash survives another Parquet writer, batch size or library version.
"""

import hashlib
from collections.abc import Iterator

import numpy as np
import polars as pl

from kaikai_assets.quality.contracts import Contract, columns, key, schema

EMPTY = "empty"
"""Hash of a day without rows."""

_LONG_RUN = 8
"""Rows in a run, on average, from which runs are hashed in the place of rows."""


def canonical(contract: Contract, frame: pl.DataFrame) -> pl.DataFrame:
    """The contract's columns in its order and types, rounded, sorted; absent columns become null.

    Rows are sorted by day and key, those of a contract without a key by all columns that do not depend on arrival.
    """
    expressions = []
    for column in columns(contract):
        absent = pl.repeat(None, frame.height, dtype=column.dtype).alias(column.name)
        expression = pl.col(column.name).cast(column.dtype) if column.name in frame.columns else absent
        if column.dtype.is_float():
            expression = expression.fill_nan(None)
            if column.decimals is not None:
                expression = expression.round(column.decimals)
            # Not `+ 0.0`, which leaves a column as it is.
            zero = pl.lit(0.0, column.dtype)
            expression = pl.when(expression == 0).then(zero).otherwise(expression).alias(column.name)
        expressions.append(expression)
    by = key(contract) or [column.name for column in columns(contract) if not column.arrival_dependent]
    if "day" in schema(contract):
        by = ["day", *(name for name in by if name != "day")]
    return frame.select(expressions).sort(by)


def content_hashes(contract: Contract, rows: pl.DataFrame) -> dict[str, tuple[int, str]]:
    """Number of rows and hash (32 hexadecimal digits) of each part in canonical rows: by ISO day where the contract
    has a ``day``, else of the one part ''. Columns that depend on arrival do not count."""
    hashed = [column for column in columns(contract) if not column.arrival_dependent]
    headers = {column.name: f"|{column.name}:{column.dtype}|".encode() for column in hashed}
    found = {}
    for part, of_part in _parts(rows):
        digest = hashlib.blake2b(str(of_part.height).encode(), digest_size=16)
        for name, header in headers.items():
            digest.update(header)
            for piece in _bytes(of_part[name]):
                digest.update(piece)
        found[part] = (of_part.height, digest.hexdigest())
    return found


def _parts(rows: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    if "day" not in rows.columns:
        yield "", rows
        return
    start = 0
    for length, day in rows["day"].rle().struct.unnest().iter_rows():
        yield day.isoformat(), rows.slice(start, length)
        start += length


def _bytes(column: pl.Series) -> Iterator[bytes]:
    """Bytes of a column: the lengths of its runs where these are long, which values are null, then the values (texts
    with their lengths)."""
    begins = column.ne_missing(column.shift(1)).arg_true().to_numpy()
    if len(begins) * _LONG_RUN <= len(column):
        if column.len() and (not len(begins) or begins[0]):
            # A first value that is null differs from nothing.
            begins = np.insert(begins, 0, 0)
        yield f"runs {len(begins)}:".encode()
        yield np.diff(begins, append=len(column)).astype(np.uint32).tobytes()
        column = column.gather(begins)
    nulls = column.null_count()
    if nulls == len(column):
        yield b"null"
        return
    yield column.is_null().cast(pl.UInt8).to_numpy().tobytes() if nulls else b"none"
    if column.dtype == pl.String:
        arrow = column.fill_null("").to_arrow(compat_level=pl.CompatLevel.oldest())
        _, positions, joined = arrow.buffers()
        ends = np.frombuffer(positions, dtype=np.int64, count=len(column) + 1, offset=8 * arrow.offset)
        yield np.diff(ends).astype(np.uint32).tobytes()
        yield bytes(memoryview(joined or b"")[ends[0] : ends[-1]])
        return
    physical = column.cast(pl.UInt8) if column.dtype == pl.Boolean else column.to_physical()
    yield physical.fill_null(0).to_numpy().tobytes()
