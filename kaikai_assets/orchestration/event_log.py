"""Dagster's event log in SQLite, kept open while a run writes its events, and events of one commit written together.

For each event Dagster makes a new engine, opens the log's files, asks them which tables and columns they have, writes
in several transactions, and closes them, whereupon SQLite folds the write-ahead log into its file.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache, partial
from typing import Any

import dagster as dg
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, create_engine, event

_BATCH = 1000
"""Most events that are written together."""


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
        has_columns = cache(storage.has_asset_key_index_cols)
        # What Dagster has each storage say for itself: how to reach the events of a run, and the index over all.
        own = {
            "run_connection": connection,
            "index_connection": partial(connection, INDEX_SHARD_NAME),
            "store_event_batch": partial(_store, storage),
            "has_table": cache(storage.has_table),
            "_has_asset_key_index_cols_on_connection": lambda _connection: has_columns(),
        }
        for name, answer in own.items():
            closing.enter_context(_instead(storage, name, answer))
        # What a run intends to do is told at its beginning, for each table and day.
        closing.enter_context(_instead(instance, "_get_event_batch_size", lambda: _BATCH))
        yield


@contextmanager
def together(instance: dg.DagsterInstance) -> Iterator[None]:
    """Write in the end, and whenever they are many, in one transaction of each file, what is told of assets and checks.

    Where the event log is not kept open, each event is written at once.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage) or "index_connection" not in vars(storage):
        yield
        return
    told: list[dg.EventLogEntry] = []
    store_at_once = storage.store_event

    def write() -> None:
        _store(storage, told)
        told.clear()

    def store(entry: dg.EventLogEntry) -> None:
        if not _of_assets(entry):
            store_at_once(entry)
            return
        told.append(entry)
        if len(told) >= _BATCH:
            # Others wait while the index is written.
            write()

    try:
        with _instead(storage, "store_event", store):
            yield
    except BaseException as error:
        # What was told was done, whatever happened then.
        try:
            write()
        except Exception as unwritten:  # noqa: BLE001 - the first error says more
            error.add_note(f"Events of {len(told)} assets or checks were not written: {unwritten}")
        raise
    write()


def _of_assets(entry: dg.EventLogEntry) -> bool:
    return entry.dagster_event_type in ASSET_EVENTS | ASSET_CHECK_EVENTS


def _store(storage: SqliteEventLogStorage, entries: Sequence[dg.EventLogEntry]) -> None:
    """What the storage's ``store_event`` does with each entry, all of assets or their checks, in one transaction of
    each file."""
    rows = [storage._event_to_row(entry) for entry in entries]
    for run_id in {entry.run_id for entry in entries}:
        with storage.run_connection(run_id) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), [row for row in rows if row["run_id"] == run_id])
    if not entries:
        return
    with (
        storage.index_connection() as connection,
        _instead(storage, "index_connection", lambda: nullcontext(connection)),
    ):
        added = SqlEventLogStorageTable.insert().returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
        numbered = list(zip(entries, connection.execute(added, rows).scalars(), strict=True))
        latest: dict[object, tuple[dg.EventLogEntry, int]] = {}
        for entry, number in numbered:
            if entry.dagster_event_type in ASSET_CHECK_EVENTS:
                storage.store_asset_check_event(entry, number)
            else:
                storage.store_asset_event_tags([entry], [number])
                # Kept are the last materialization and the last event of an asset.
                of_asset = (entry.get_dagster_event().asset_key, entry.dagster_event_type)
                latest.pop(of_asset, None)
                latest[of_asset] = entry, number
        for entry, number in latest.values():
            storage.store_asset_event(entry, number)


@contextmanager
def _instead(of: object, name: str, answer: object) -> Iterator[None]:
    """Have an object answer so meanwhile."""
    before = vars(of).get(name)
    setattr(of, name, answer)
    try:
        yield
    finally:
        if before is None:
            delattr(of, name)
        else:
            setattr(of, name, before)


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
