"""Rows of the ledger as frames, many at a time. Instants are UTC."""

from typing import Any

import polars as pl
import polars.selectors as cs
from sqlalchemy import BigInteger, Boolean, Connection, DateTime, Float, Integer, Select, Table, insert

_INSTANT = pl.Datetime("us", "UTC")
_TYPES: dict[type[Any], pl.DataType] = {
    BigInteger: pl.Int64(),
    Boolean: pl.Boolean(),
    DateTime: _INSTANT,
    Float: pl.Float64(),
    Integer: pl.Int64(),
}


def read(c: Connection, query: Select[Any]) -> pl.DataFrame:
    """Rows of a query, by the names of its columns."""
    types = {column.name: _TYPES.get(type(column.type), pl.String()) for column in query.selected_columns}
    if c.dialect.name != "sqlite":
        plain = {name: pl.Datetime("us") if kind == _INSTANT else kind for name, kind in types.items()}
        instants = pl.col(pl.Datetime).dt.replace_time_zone("UTC")
        return pl.DataFrame(c.execute(query).all(), schema=plain, orient="row").with_columns(instants)
    # As the driver gives them: SQLAlchemy converts each value by itself, which takes most of the time.
    stored: dict[pl.DataType, pl.DataType] = {_INSTANT: pl.String(), pl.Boolean(): pl.Int64()}
    rows = c.execute(query).cursor.fetchall()
    raw = pl.DataFrame(rows, schema={name: stored.get(kind, kind) for name, kind in types.items()}, orient="row")
    return raw.with_columns(
        pl.col(name).str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", time_zone="UTC")
        if kind == _INSTANT
        else pl.col(name).cast(kind)
        for name, kind in types.items()
    )


def add(c: Connection, table: Table, rows: pl.DataFrame) -> None:
    """Insert rows, which hold some or all of a table's columns."""
    if not rows.height:
        return
    named = rows.select(column.name for column in table.columns if column.name in rows.columns)
    if c.dialect.name != "sqlite":
        c.execute(insert(table), naive(named).to_dicts())
        return
    # As the driver takes them: SQLAlchemy converts each value by itself, which takes most of the time.
    texts = named.with_columns(
        cs.datetime().dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%d %H:%M:%S%.6f"),
        cs.string().str.replace_all("\0", r"\x00", literal=True),
    )
    statement = insert(table).compile(dialect=c.dialect, column_keys=named.columns)
    c.exec_driver_sql(str(statement), texts.rows())


def naive(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with instants as the ledger keeps them."""
    return rows.with_columns(cs.datetime().dt.convert_time_zone("UTC").dt.replace_time_zone(None))
