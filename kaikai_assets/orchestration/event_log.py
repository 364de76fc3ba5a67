"""Dagster's event log in SQLite, kept open while a run writes its events.

Dagster opens and closes the log's files for each event, and SQLite folds a write-ahead log into its file whenever the
last connection closes: with another one open, an event takes a third of the time.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage


@contextmanager
def kept_open(instance: dg.DagsterInstance, run_id: str | None = None) -> Iterator[None]:
    """Keep the index of events open meanwhile, and the log of a run; nothing where the log is not kept in SQLite."""
    storage = instance.event_log_storage
    with ExitStack() as opened:
        if isinstance(storage, SqliteEventLogStorage):
            shards = [INDEX_SHARD_NAME] + ([run_id] if run_id else [])
            for path in (Path(storage.path_for_shard(shard)) for shard in shards):
                # Without it the run is as right, only slower.
                with suppress(sqlite3.OperationalError):
                    connection = opened.enter_context(closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)))
                    # Only what has read something counts as a connection.
                    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        yield
