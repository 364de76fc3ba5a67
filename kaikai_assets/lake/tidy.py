"""Upkeep of a table: few files a day, a short log, and no files that nothing needs any more.

What the table holds does not change, nor does what its days were built from.
"""

from dataclasses import dataclass

import polars as pl
from deltalake import DeltaTable, WriterProperties
from deltalake.exceptions import CommitFailedError

from kaikai_assets.faults import before_write
from kaikai_assets.lake.tables import Conflict, Lake

_FILE_BYTES = 100 * 2**20
"""Files are merged up to this size."""
_LOG_DAYS = 30
"""Days that the log goes back, at least."""


@dataclass(frozen=True)
class Tidied:
    """Files of days that held several small ones, and files that no kept version of the table needs."""

    merged: int = 0
    removed: int = 0


def tidy(lake: Lake, table: str, *, history_days: int, dry_run: bool) -> Tidied:
    """Merge the small files of a table's days, remove files replaced more than ``history_days`` ago, shorten its log.

    With ``dry_run`` only tell. Raises ``Conflict`` when a run commits meanwhile: the next call does what is left.
    """
    opened = lake.open(table)
    if opened is None:
        return Tidied()
    small = _small_files(opened)
    if dry_run:
        hours = 24 * history_days
        removed = opened.vacuum(hours, dry_run=True, enforce_retention_duration=False, full=True)
        return Tidied(small, len(removed))
    try:
        _keep_history(opened, history_days)
        if small:
            before_write()
            opened.optimize.compact(target_size=_FILE_BYTES, writer_properties=WriterProperties(compression="ZSTD"))
        removed = opened.vacuum(dry_run=True, full=True)
        if removed:
            # Each vacuum is two commits: none without a file to remove.
            before_write()
            opened.vacuum(dry_run=False, full=True)
    except CommitFailedError as error:
        raise Conflict(f"{table}: a run committed in between: {error}") from error
    _shorten_log(opened)
    return Tidied(small, len(removed))


def purge(lake: Lake, table: str) -> None:
    """Remove all that a table held before: replaced files at once, and the log before its present version.

    Readers of an older version lose it. Raises ``Conflict`` when a run commits meanwhile.
    """
    opened = lake.open(table)
    if opened is None:
        return
    kept = opened.metadata().configuration
    names = ("delta.deletedFileRetentionDuration", "delta.logRetentionDuration")
    try:
        before_write()
        opened.alter.set_table_properties(dict.fromkeys(names, "interval 0 days"))
        before_write()
        opened.vacuum(0, dry_run=False, enforce_retention_duration=False, full=True)
    except CommitFailedError as error:
        raise Conflict(f"{table}: a run committed in between: {error}") from error
    _shorten_log(opened)
    before_write()
    usual = {names[0]: "interval 7 days", names[1]: f"interval {_LOG_DAYS} days"}
    opened.alter.set_table_properties({name: kept.get(name, text) for name, text in usual.items()})


def _small_files(opened: DeltaTable) -> int:
    """Files of the days in which at least two fit into one."""
    files = pl.DataFrame(opened.get_add_actions(flatten=True))
    if not files.height:
        return 0
    part = "partition.day" if "partition.day" in files.columns else pl.lit("")
    smallest = pl.col("size_bytes").sort().head(2)
    found = files.group_by(part).agg(pl.len(), smallest.sum().alias("two"))
    return int(found.filter(pl.col("len") > 1, pl.col("two") <= _FILE_BYTES)["len"].sum())


def _shorten_log(opened: DeltaTable) -> None:
    before_write()
    opened.create_checkpoint()
    before_write()
    # Removes only what lies before a checkpoint, which alone opens the table.
    opened.cleanup_metadata()


def _keep_history(opened: DeltaTable, days: int) -> None:
    # A property of the table: each commit's checkpoint forgets replaced files by it, not only this call.
    wanted = {"delta.deletedFileRetentionDuration": days, "delta.logRetentionDuration": max(days, _LOG_DAYS)}
    usual = {"delta.deletedFileRetentionDuration": 7, "delta.logRetentionDuration": _LOG_DAYS}
    present = opened.metadata().configuration
    texts = {name: f"interval {n} days" for name, n in wanted.items()}
    if any(present.get(name, f"interval {usual[name]} days") != text for name, text in texts.items()):
        before_write()
        opened.alter.set_table_properties(texts)
