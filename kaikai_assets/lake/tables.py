"""Delta tables of the lake, partitioned by ``day``.

Each commit replaces whole days and carries, as column ``_build``, what each day was built from; the column's file
statistics tell a day's build without reading the file. The ledger is a cache of this.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

import polars as pl
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import PyFileSystem

from kaikai_assets.faults import before_write
from kaikai_assets.lake.data_files import BUILD, are_there, by_day, write


class Conflict(RuntimeError):
    """Another run committed the same days in between: read again, compute again, commit again."""


class DamagedTable(ValueError):
    """A stored file is not what the table's log says."""


class TypeChanged(TypeError):
    """A column is stored with another type, which a commit of some days cannot change."""


@dataclass(frozen=True)
class Build:
    """What a stored day was built from: digest of its inputs, last arrival known to the run."""

    seen: int
    digest: str

    def __str__(self) -> str:
        return f"{self.seen:015d}-{self.digest}"

    @classmethod
    def parse(cls, text: str) -> "Build":
        seen, digest = text.split("-", 1)
        return cls(int(seen), digest)


class Lake:
    """Tables below a URI: a folder, or an object store's prefix with ``storage_options``."""

    def __init__(self, uri: str, storage_options: dict[str, str] | None = None) -> None:
        self._uri = uri.rstrip("/")
        self._options = storage_options

    def uri(self, table: str) -> str:
        """Where a table lives: its asset key below the lake's URI."""
        return f"{self._uri}/{table}"

    def open(self, table: str) -> DeltaTable | None:
        """A table at its present version; None where there is no table."""
        try:
            return DeltaTable(self.uri(table), storage_options=self._options)
        except TableNotFoundError:
            return None

    def version(self, table: str) -> int | None:
        """Version of a table, one more with each commit; None where there is no table."""
        opened = self.open(table)
        return None if opened is None else opened.version()

    def builds(self, table: str) -> dict[str, Build]:
        """Builds of the stored parts: ISO day, or '' for an unpartitioned table. Days without rows are not stored."""
        opened = self.open(table)
        return _builds(opened) if opened else {}

    def read(self, table: str, schema: Mapping[str, pl.DataType], days: Iterable[date] | None = None) -> pl.DataFrame:
        """Rows of some days (all by default), in the given schema; no rows where nothing is stored.

        Raises ``DamagedTable`` when a file is not what the table's log says.
        """
        opened = self.open(table)
        if opened is None:
            return pl.DataFrame(schema=dict(schema))
        files = _files(opened)
        if days is not None:
            files = files.filter(pl.col("part").is_in({day.isoformat() for day in days}))
        if not files.height:
            return pl.DataFrame(schema=dict(schema))
        stored = pl.Schema(opened.schema().to_arrow())
        partition = {name: stored[name] for name in opened.metadata().partition_columns}
        # Not scan_delta, which does not find files below a folder whose name has blanks or accents.
        rows = pl.scan_parquet(
            [f"{self.uri(table)}/{path}" for path in files["path"]],
            glob=False,
            schema={name: dtype for name, dtype in stored.items() if name not in partition},
            hive_partitioning=bool(partition),
            hive_schema=partition or None,
            missing_columns="insert",
            storage_options=self._options,
        )
        # A column that a newer contract added is null in days that were built before it.
        wanted_columns = rows.select(
            (pl.col(name) if name in stored else pl.lit(None)).cast(dtype).alias(name) for name, dtype in schema.items()
        )
        try:
            return wanted_columns.collect()
        except (pl.exceptions.ComputeError, pl.exceptions.PanicException) as error:
            # Polars may panic at a file that is shorter than it should be: no boundary for errors would catch that.
            raise DamagedTable(f"{table}: a file of it is damaged ({error}); call kaikai doctor --repair") from error

    def commit(self, table: str, rows: pl.DataFrame, builds: Mapping[str, Build]) -> set[str]:
        """Replace parts of a table by rows in one atomic commit; the parts that were refused.

        A part is refused when the stored build has seen later arrivals. Columns may be added and left out; the type of
        a stored column may change in an unpartitioned table only. Raises ``Conflict``, ``TypeChanged``.
        """
        partitioned = "" not in builds
        # Created before it is looked at: a table that another run makes in between is then a conflict.
        opened = self.open(table) or self._create(table, rows, partitioned)
        stored = _builds(opened)
        refused = {part for part, build in builds.items() if part in stored and stored[part].seen > build.seen}
        accepted = {part: str(build) for part, build in builds.items() if part not in refused}
        if not accepted:
            return refused
        schema = self._schema(table, opened, rows) if partitioned else _delta_schema(rows)
        parts = (
            {part: of_part for part, of_part in by_day(rows).items() if part in accepted} if partitioned else {"": rows}
        )
        before_write()
        store = PyFileSystem(DeltaStorageHandler(self.uri(table), self._options))
        files = write(store, parts, accepted)
        while True:
            before_write()
            try:
                opened.create_write_transaction(
                    files,
                    "overwrite",
                    schema,
                    "day" if partitioned else None,
                    [("day", "in", sorted(accepted))] if partitioned else None,
                    # Delta sees no conflict between two that fill an empty day: any commit in between is looked at.
                    commit_properties=CommitProperties({"builds": ",".join(sorted(accepted))}, max_commit_retries=0),
                )
            except CommitFailedError as error:
                latest = self.open(table)
                if not (partitioned and latest and _only_others(opened, latest, accepted) and are_there(store, files)):
                    raise Conflict(f"{table}: another run committed in between: {error}") from error
                opened = latest
            else:
                return refused

    def drop(self, table: str, parts: Iterable[str]) -> None:
        """Remove parts of a table (ISO days, or '' for all of it) in one commit. Their files are not read."""
        wanted = sorted(parts)
        before_write()
        DeltaTable(self.uri(table), storage_options=self._options).delete(
            None if "" in wanted else f"day in ({', '.join(map(repr, wanted))})"
        )

    def _create(self, table: str, rows: pl.DataFrame, partitioned: bool) -> DeltaTable:
        # Of several runs that create a table at once, one does; it is there for the others.
        before_write()
        with suppress(CommitFailedError):
            DeltaTable.create(
                self.uri(table),
                _delta_schema(rows),
                mode="ignore",
                partition_by="day" if partitioned else None,
                storage_options=self._options,
                commit_properties=CommitProperties(max_commit_retries=0),
            )
        return DeltaTable(self.uri(table), storage_options=self._options)

    def _schema(self, table: str, opened: DeltaTable, rows: pl.DataFrame) -> Schema:
        """Columns of a table once rows are added. Raises ``TypeChanged``."""
        stored = {field.name: field for field in opened.schema().fields}
        for field in _delta_schema(rows).fields:
            if (kept := stored.setdefault(field.name, field).type) != field.type:
                raise TypeChanged(
                    f"{table}: {field.name} is stored as {kept.type}, not {field.type.type}: "
                    f"remove {self.uri(table)} and build it again"
                )
        return Schema(list(stored.values()))


def _delta_schema(rows: pl.DataFrame) -> Schema:
    return Schema.from_arrow(pl.Schema({BUILD: pl.String(), **rows.schema}))


def _only_others(before: DeltaTable, after: DeltaTable, parts: Iterable[str]) -> bool:
    """Whether commits in between left some parts, the columns and the table's settings as they were."""
    settled = before.schema() == after.schema() and before.metadata().configuration == after.metadata().configuration
    was, now = (_files(opened).filter(pl.col("part").is_in(list(parts))).sort("path") for opened in (before, after))
    return before.version() != after.version() and settled and was.equals(now)


def _files(opened: DeltaTable) -> pl.DataFrame:
    """Files of a table: ``part``, ``path``, ``build``."""
    files = pl.DataFrame(opened.get_add_actions(flatten=True))
    part = pl.col("partition.day").cast(pl.String) if "partition.day" in files.columns else pl.lit("")
    return files.select(part.alias("part"), "path", pl.col(f"max.{BUILD}").alias("build"))


def _builds(opened: DeltaTable) -> dict[str, Build]:
    latest = _files(opened).group_by("part").agg(pl.col("build").max())
    return {name: Build.parse(build) for name, build in latest.iter_rows() if build}
