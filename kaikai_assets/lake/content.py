"""Canonical rows of a table and their hash: what "the same table" means.

Key-sorted, floats rounded to the contract's decimals, -0.0 written 0.0, no NaN; hashed by value, never by file bytes,
so that the hash survives another Parquet writer, batch size or library version.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import polars as pl

from kaikai_assets.quality.contracts import Contract, columns, key, schema

EMPTY = "empty"
"""Hash of a day without rows."""

Rows = slice | np.ndarray[Any, np.dtype[np.int64]]
"""Rows of a column: a stretch, or some by position."""

Bytes = bytes | memoryview

_DIGITS = 15
"""Decimal digits that a 64-bit float holds."""

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
                # Finer first: the last bit of a sum must not decide where a value lies half-way.
                rounded = expression.round(column.decimals + 4).round(column.decimals)
                # A larger float has no such decimals.
                expression = (
                    pl.when(expression.abs() < 10 ** (_DIGITS - column.decimals)).then(rounded).otherwise(expression)
                )
            # Not `+ 0.0`, which leaves a column as it is.
            zero = pl.lit(0.0, column.dtype)
            expression = pl.when(expression == 0).then(zero).otherwise(expression).alias(column.name)
        expressions.append(expression)
    by = key(contract) or [column.name for column in columns(contract) if not column.arrival_dependent]
    if "day" in schema(contract):
        by = ["day", *(name for name in by if name != "day")]
    rows = frame.select(expressions)
    # The stable sort is the one that gains by rows being nearly in order.
    return rows if _in_order(rows, by) else rows.sort(by, maintain_order=True)


def _in_order(rows: pl.DataFrame, by: list[str]) -> bool:
    """Whether rows are sorted. Never where a column of ``by`` has nulls: then sorting is left to the sort."""
    ordered = pl.lit(True)
    for name in reversed(by):
        before = pl.col(name).shift(1)
        ordered = (pl.col(name) > before) | ((pl.col(name) == before) & ordered)
    return bool(rows.select(ordered.slice(1).fill_null(False).all()).item())


def content_hashes(contract: Contract, rows: pl.DataFrame) -> dict[str, tuple[int, str]]:
    """Number of rows and hash (32 hexadecimal digits) of each part in canonical rows: by ISO day where the contract
    has a ``day``, else of the one part ''. Columns that depend on arrival do not count."""
    parts = list(_parts(rows))
    digests = [hashlib.blake2b(str(end - start).encode(), digest_size=16) for _, start, end in parts]
    for column in columns(contract):
        if column.arrival_dependent:
            continue
        header, pieces = f"|{column.name}:{column.dtype}|".encode(), _pieces(rows[column.name])
        for digest, (_, start, end) in zip(digests, parts, strict=True):
            digest.update(header)
            for piece in pieces(start, end):
                digest.update(piece)
    return {part: (end - start, d.hexdigest()) for d, (part, start, end) in zip(digests, parts, strict=True)}


def _parts(rows: pl.DataFrame) -> Iterator[tuple[str, int, int]]:
    if "day" not in rows.columns:
        yield "", 0, rows.height
        return
    start = 0
    for length, day in rows["day"].rle().struct.unnest().iter_rows():
        yield day.isoformat(), start, start + length
        start += length


def _pieces(column: pl.Series) -> Callable[[int, int], Iterator[Bytes]]:
    """Bytes of a column's rows [start, end): the lengths of runs where these are long, which values are null, then the
    values (texts with their lengths)."""
    if column.null_count() == len(column):
        return lambda _start, _end: iter([b"null"])
    nulls = column.is_null().to_numpy()
    begins = column.ne_missing(column.shift(1)).to_numpy()
    values = _texts(column) if column.dtype == pl.String else _numbers(column)

    def pieces(start: int, end: int) -> Iterator[Bytes]:
        if nulls[start:end].all():
            yield b"null"
            return
        rows: Rows = slice(start, end)
        # The first row begins a run, whatever stands before it.
        if (1 + np.count_nonzero(begins[start + 1 : end])) * _LONG_RUN <= end - start:
            runs = np.concatenate([[0], 1 + np.flatnonzero(begins[start + 1 : end])])
            yield f"runs {len(runs)}:".encode()
            yield np.diff(runs, append=end - start).astype(np.uint32).tobytes()
            rows = start + runs
        yield nulls[rows].tobytes() if nulls[rows].any() else b"none"
        yield from values(rows)

    return pieces


def _texts(column: pl.Series) -> Callable[[Rows], Iterator[Bytes]]:
    def of(rows: Rows) -> Iterator[Bytes]:
        texts = column[rows].fill_null("").to_arrow(compat_level=pl.CompatLevel.oldest())
        _, positions, joined = texts.buffers()
        ends = np.frombuffer(positions, dtype=np.int64, count=len(texts) + 1, offset=8 * texts.offset)
        yield np.diff(ends).astype(np.uint32).tobytes()
        yield memoryview(joined or b"")[ends[0] : ends[-1]]

    return of


def _numbers(column: pl.Series) -> Callable[[Rows], Iterator[Bytes]]:
    physical = column.cast(pl.UInt8) if column.dtype == pl.Boolean else column.to_physical()
    values = physical.fill_null(0).to_numpy()
    return lambda rows: iter([values[rows].data])
