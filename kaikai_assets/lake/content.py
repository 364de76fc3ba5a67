"""Canonical rows of a table and their hash: what "the same table" means.

Key-sorted, floats rounded to the contract's decimals, -0.0 written 0.0, no NaN; hashed by value, never by file bytes,
so that the hash survives another Parquet writer, batch size or library version.
"""

import hashlib

import polars as pl

from kaikai_assets.quality.contracts import Contract, columns, key


def canonical(contract: Contract, frame: pl.DataFrame) -> pl.DataFrame:
    """The contract's columns in its order and types, rounded, sorted by day and key; absent columns become null."""
    expressions = []
    for column in columns(contract):
        expression = pl.col(column.name) if column.name in frame.columns else pl.lit(None).alias(column.name)
        expression = expression.cast(column.dtype)
        if column.dtype.is_float():
            expression = expression.fill_nan(None)
            if column.decimals is not None:
                expression = expression.round(column.decimals)
            expression = expression + 0.0
        expressions.append(expression)
    by = [name for name in ("day", *key(contract)) if name in [c.name for c in columns(contract)]]
    return frame.select(expressions).sort(by, nulls_last=False) if by else frame.select(expressions)


def content_hash(contract: Contract, rows: pl.DataFrame) -> str:
    """Hash of canonical rows, 32 hexadecimal digits; columns that depend on arrival do not count."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(str(rows.height).encode())
    for column in columns(contract):
        if column.arrival_dependent:
            continue
        values = rows[column.name].rechunk()
        digest.update(f"|{column.name}:{column.dtype}|".encode())
        digest.update(values.is_null().cast(pl.UInt8).to_numpy().tobytes())
        if values.dtype == pl.String:
            text = values.fill_null("")
            digest.update(text.str.len_bytes().to_numpy().tobytes())
            digest.update((text.str.join("").item() or "").encode())
        elif values.dtype == pl.Boolean:
            digest.update(values.cast(pl.UInt8).fill_null(0).to_numpy().tobytes())
        else:
            digest.update(values.to_physical().fill_null(0).to_numpy().tobytes())
    return digest.hexdigest()
