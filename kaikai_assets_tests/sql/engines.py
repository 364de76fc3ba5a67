"""One published warehouse, asked on DuckDB and on PostgreSQL."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import NullPool, create_engine

from kaikai_assets_tests.postgres import Server

SQL = Path(__file__).parents[2] / "sql"
INDEXES = "air_indexes_postgresql"

Ask = Callable[[str], list[tuple[Any, ...]]]

_TYPES = {"DOUBLE": "DOUBLE PRECISION", "UTINYINT": "SMALLINT"}
"""Types whose name PostgreSQL does not know."""


def statement(name: str) -> str:
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


@contextmanager
def on_duckdb(file: Path) -> Iterator[Ask]:
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield lambda name: connection.execute(statement(name)).fetchall()


@contextmanager
def on_postgresql(file: Path, server: Server) -> Iterator[Ask]:
    """The same tables, copied into a database of their own, with the indexes of air where it is among them."""
    with server.database() as url:
        raw = create_engine(url, poolclass=NullPool).raw_connection()
        cursor = raw.cursor()
        with duckdb.connect(str(file), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            tables = connection.execute(
                "SELECT schema_name, table_name FROM duckdb_tables() WHERE schema_name IN ('silver', 'gold')"
            ).fetchall()
            for schema, table in tables:
                columns = connection.execute(f"DESCRIBE {schema}.{table}").fetchall()
                typed = ", ".join(f'"{name}" {_TYPES.get(kind, kind)}' for name, kind, *_ in columns)
                cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}; CREATE TABLE {schema}.{table} ({typed})")
                holes = ", ".join(["%s"] * len(columns))
                rows = connection.execute(f"FROM {schema}.{table}").fetchall()
                cursor.executemany(f"INSERT INTO {schema}.{table} VALUES ({holes})", rows)
        if ("gold", "air_hourly") in tables:
            cursor.execute(statement(INDEXES))

        def ask(name: str) -> list[tuple[Any, ...]]:
            cursor.execute(statement(name))
            return list(cursor.fetchall())

        try:
            yield ask
        finally:
            raw.close()
