"""A DuckDB file published by swap: built beside, then renamed, so that readers are never locked out.

A file open for writing keeps every other process out; therefore nobody ever opens the published file for writing:
it is read-only, and a new one takes its place. Readers keep the file that they opened.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
from filelock import FileLock

from kaikai_assets.durable import sync
from kaikai_assets.faults import before_write

_META = "meta.published"


class DuckDBFile:
    """Publication of tables (``gold/air_daily`` becomes ``gold.air_daily``) into one DuckDB file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(path.parent / f".{path.name}.lock")

    def is_intact(self) -> bool:
        """Whether it is there, without a write-ahead file of somebody beside it, which may lock readers out."""
        return self._path.exists() and not _wal(self._path).exists()

    def published(self) -> dict[tuple[str, str], str]:
        """Hash of each published ``(table, part)``; none where they cannot be read as they were published."""
        if not self.is_intact():
            return {}
        try:
            with duckdb.connect(str(self._path), read_only=True) as connection:
                return _published(connection)
        except duckdb.Error:
            # Damaged, or held by somebody who opened it for writing: a publication finds out which.
            return {}

    def parts(self, table: str, like: pl.DataFrame) -> set[str]:
        """Parts of a table that are published with the columns of a frame."""
        if not self.is_intact():
            return set()
        try:
            with duckdb.connect(str(self._path), read_only=True) as connection:
                connection.register("incoming", like)
                shapes = [connection.execute(f"DESCRIBE {of}").fetchall() for of in ("incoming", _quoted(table))]
                wanted, stored = ([tuple(column[:2]) for column in shape] for shape in shapes)
                return {part for name, part in _published(connection) if name == table and wanted == stored}
        except duckdb.Error:
            # No such table yet, or a file that cannot be read: a publication finds out which.
            return set()

    def days(self, table: str) -> list[date]:
        """Days of which a published table of days holds rows. Raises ``duckdb.Error`` where it cannot be read."""
        with duckdb.connect(str(self._path), read_only=True) as connection:
            rows = connection.execute(f"SELECT DISTINCT day FROM {_quoted(table)} ORDER BY day").fetchall()
            return [day for (day,) in rows]

    def read(self, table: str, days: Iterable[date] | None = None) -> pl.DataFrame:
        """Rows of a published table, of some days or all. Raises ``duckdb.Error`` where they cannot be read."""
        with self._reading() as connection:
            return _rows(connection, table, days)

    def read_together(self, wanted: Mapping[str, Iterable[date] | None]) -> dict[str, pl.DataFrame]:
        """Rows of tables as one publication has them, of some days of each or all; without tables that it has not.

        Raises ``duckdb.Error`` where the file cannot be read.
        """
        with self._reading() as connection:
            there = {table for table, _ in _published(connection)}
            return {table: _rows(connection, table, days) for table, days in wanted.items() if table in there}

    @contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect(str(self._path), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else publishes meanwhile: who looks up what to publish within writes nothing older over it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            yield

    @contextmanager
    def publication(self) -> Iterator["Publication"]:
        """Change a copy and put it in the place of the published file, all or nothing. One process at a time."""
        with self.alone():
            building = self._path.parent / f".{self._path.name}.building"
            before_write()
            _remove(building)
            try:
                if self._path.exists():
                    before_write()
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
                    before_write()
                    connection.execute("COMMIT")
                    before_write()
                    connection.execute("CHECKPOINT")
                sync(building)
                building.chmod(0o444)
                # A reader who opened the old file read-write left this; beside the new one it would break every reader.
                before_write()
                _wal(self._path).unlink(missing_ok=True)
                before_write()
                building.rename(self._path)
            finally:
                # A disk that is full must not stay so through what could not be finished.
                _remove(building)


class Publication:
    """An open publication."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def published(self) -> dict[tuple[str, str], str]:
        """Hash of each published ``(table, part)`` so far."""
        return _published(self._connection)

    def create(self, table: str, rows: pl.DataFrame) -> None:
        """Create a table of the columns of some rows, without rows, where there is none."""
        schema, _ = table.split("/")
        self._connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        self._connection.register("incoming", rows)
        try:
            self._connection.execute(f"CREATE TABLE IF NOT EXISTS {_quoted(table)} AS FROM incoming LIMIT 0")
        finally:
            self._connection.unregister("incoming")

    def replace(self, table: str, parts: Mapping[str, str], rows: pl.DataFrame, comments: Mapping[str, str]) -> None:
        """Replace parts of a table (ISO days, or '' for all of it) by rows; ``parts`` gives their hashes.

        ``comments`` describe the columns in the database.
        """
        schema, name = table.split("/")
        target = _quoted(table)
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


def _rows(connection: duckdb.DuckDBPyConnection, table: str, days: Iterable[date] | None) -> pl.DataFrame:
    where, given = ("", []) if days is None else (" WHERE day IN (SELECT unnest(?::DATE[]))", [list(days)])
    rows: pl.DataFrame = connection.sql(f"FROM {_quoted(table)}{where}", params=given).pl()
    return rows


def _quoted(table: str) -> str:
    schema, name = table.split("/")
    return f'"{schema}"."{name}"'


def _opened(building: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(building))
    except duckdb.Error:
        # A damaged file: it is built anew, since all that it held is in the lake.
        building.unlink()
        return duckdb.connect(str(building))


def _wal(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _remove(building: Path) -> None:
    for left in (building, _wal(building)):
        left.unlink(missing_ok=True)


def _published(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], str]:
    rows = connection.execute(f"SELECT table_name, part, output FROM {_META}").fetchall()
    return {(table, part): output for table, part, output in rows}
