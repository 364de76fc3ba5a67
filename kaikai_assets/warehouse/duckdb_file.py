"""A DuckDB file published by swap: built beside, then renamed, so that readers are never locked out.

A file open for writing keeps every other process out; therefore nobody ever opens the published file for writing:
it is read-only, and a new one takes its place. Readers keep the file that they opened.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl
from filelock import FileLock

_META = "meta.published"


class DuckDBFile:
    """Publication of tables (``gold/air_daily`` becomes ``gold.air_daily``) into one DuckDB file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def published(self) -> dict[tuple[str, str], str]:
        """Hash of each published ``(table, part)``; none where they cannot be read."""
        try:
            with duckdb.connect(str(self._path), read_only=True) as connection:
                return _published(connection)
        except duckdb.Error:
            # Not there, damaged, or held by somebody who opened it for writing: a publication finds out which.
            return {}

    @contextmanager
    def publication(self) -> Iterator["Publication"]:
        """Change a copy and put it in the place of the published file, all or nothing. One process at a time."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._path.parent / f".{self._path.name}.lock"):
            building = self._path.parent / f".{self._path.name}.building"
            building_wal = building.with_name(building.name + ".wal")
            for left in (building, building_wal):
                left.unlink(missing_ok=True)
            if self._path.exists():
                shutil.copyfile(self._path, building)
                building.chmod(0o644)
            with _opened(building) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                connection.execute("CREATE SCHEMA IF NOT EXISTS meta")
                connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {_META} "
                    "(table_name TEXT, part TEXT, output TEXT, published_at TIMESTAMPTZ)"
                )
                connection.execute("BEGIN")
                yield Publication(connection)
                connection.execute("COMMIT")
                connection.execute("CHECKPOINT")
            _sync(building)
            building.chmod(0o444)
            # A reader who opened the old file read-write left this; beside the new file it would break every reader.
            self._path.with_name(self._path.name + ".wal").unlink(missing_ok=True)
            building.rename(self._path)


class Publication:
    """An open publication."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def published(self) -> dict[tuple[str, str], str]:
        """Hash of each published ``(table, part)`` so far."""
        return _published(self._connection)

    def replace(self, table: str, parts: Mapping[str, str], rows: pl.DataFrame, comments: Mapping[str, str]) -> None:
        """Replace parts of a table (ISO days, or '' for all of it) by rows; ``parts`` gives their hashes.

        ``comments`` describe the columns in the database.
        """
        schema, name = table.split("/")
        target = f'"{schema}"."{name}"'
        connection = self._connection
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        connection.register("incoming", rows)
        try:
            shape = connection.execute("DESCRIBE incoming").fetchall()
            stored = connection.execute(
                "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = ? AND table_name = ? "
                "ORDER BY column_index",
                [schema, name],
            ).fetchall()
            if [tuple(column[:2]) for column in shape] != stored:
                # Another contract: the days that are not in `parts` are pending too, and come in this publication.
                connection.execute(f"CREATE OR REPLACE TABLE {target} AS FROM incoming LIMIT 0")
                connection.execute(f"DELETE FROM {_META} WHERE table_name = ?", [table])
            for column, comment in comments.items():
                quoted = comment.replace("'", "''")
                connection.execute(f"COMMENT ON COLUMN {target}.\"{column}\" IS '{quoted}'")
            days = [part for part in parts if part]
            if days:
                connection.execute(f"DELETE FROM {target} WHERE day IN (SELECT unnest(?)::DATE)", [days])
            else:
                connection.execute(f"DELETE FROM {target}")
            connection.execute(f"INSERT INTO {target} FROM incoming")
            connection.execute(
                f"DELETE FROM {_META} WHERE table_name = ? AND part IN (SELECT unnest(?))", [table, list(parts)]
            )
            connection.executemany(
                f"INSERT INTO {_META} VALUES (?, ?, ?, now())",
                [(table, part, output) for part, output in parts.items()],
            )
        finally:
            connection.unregister("incoming")


def _opened(building: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(building))
    except duckdb.Error:
        # A damaged file: it is built anew, since all that it held is in the lake.
        building.unlink()
        return duckdb.connect(str(building))


def _published(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], str]:
    rows = connection.execute(f"SELECT table_name, part, output FROM {_META}").fetchall()
    return {(table, part): output for table, part, output in rows}


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
