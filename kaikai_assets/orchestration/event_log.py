"""Dagster's event log in SQLite, kept open while a run writes its events.

For each event Dagster makes a new engine, opens the log's files, writes, and closes them, whereupon SQLite folds the
write-ahead log into its file. With engines and connections that stay, an event takes a tenth of the time.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, create_engine, event


@contextmanager
def kept_open(instance: dg.DagsterInstance) -> Iterator[None]:
    """Keep open meanwhile what is opened of the event log; nothing where it is not kept in SQLite.

    Others read and write the same files at the same time, and a killed process leaves in them what it has written.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage) or "index_connection" in vars(storage):
        yield
        return
    with ExitStack() as closing:
        connection = partial(_connection, storage, {}, closing)
        # What Dagster has each storage say for itself: how to reach the events of a run, and the index over all.
        own = {"run_connection": connection, "index_connection": partial(connection, INDEX_SHARD_NAME)}
        for name, opens in own.items():
            setattr(storage, name, opens)
            closing.callback(delattr, storage, name)
        yield


@contextmanager
def _connection(
    storage: SqliteEventLogStorage, engines: dict[str, Engine], closing: ExitStack, run_id: str
) -> Iterator[Connection]:
    if run_id not in engines:
        # Dagster's own connection makes the file and its tables.
        with SqliteEventLogStorage.run_connection(storage, run_id):
            pass
        engine = create_engine(
            storage.conn_string_for_shard(run_id), connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
        )
        event.listen(engine, "connect", _configure)
        closing.callback(engine.dispose)
        engines[run_id] = engine
    with engines[run_id].begin() as connection:
        yield connection
    # A page of a run looks again when the file changes, not when the write-ahead log beside it does.
    os.utime(storage.path_for_shard(run_id))


def _configure(connection: Any, _record: Any) -> None:
    # As in the ledger: only a power cut, not a kill, may cost the last events.
    connection.execute("PRAGMA synchronous=NORMAL")
