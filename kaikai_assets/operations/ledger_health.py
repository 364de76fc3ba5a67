"""Whether the ledger can be used, and whether it and raw tell the same."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from kaikai_assets.landing.raw import Landed, sidecar_files
from kaikai_assets.ledger import schema
from kaikai_assets.ledger.database import LedgerUnavailable
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.operations.findings import REPAIR, Finding, listed
from kaikai_assets.operations.raw_files import Inventory, damaged, misnoted
from kaikai_assets.settings import Settings

Condition = Literal["absent", "sound", "corrupt", "unreachable"]


def condition(settings: Settings) -> tuple[Condition, str]:
    """Whether the ledger is there and sound, and what is wrong. A SQLite file is looked at without changing it."""
    file = ledger_file(settings)
    if file is not None:
        return _sqlite(file)
    try:
        ledger = Ledger(settings.ledger_uri)
        ledger.landed.is_empty()
        ledger.close()
    except (LedgerUnavailable, SQLAlchemyError) as error:
        return "unreachable", " ".join(str(error).split())
    return "sound", "can be opened"


def ledger_file(settings: Settings) -> Path | None:
    """The file of a ledger in SQLite."""
    try:
        url = make_url(settings.ledger_uri)
    except (SQLAlchemyError, ValueError):
        return None
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def _sqlite(file: Path) -> tuple[Condition, str]:
    try:
        if not file.exists():
            return "absent", f"there is no {file}"
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=10)) as connection:
            said = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
            if said != ["ok"]:
                return "corrupt", f"{file}: {'; '.join(said)}"
            for table in schema.metadata.sorted_tables:
                stored = {row[1] for row in connection.execute(f"PRAGMA table_info({table.name})")}
                # A table that is not there is made when the ledger is opened, and a column that can be empty.
                needed = {c.name for c in table.columns if not c.nullable and c.server_default is None}
                if stored and (lacking := sorted(needed - stored)):
                    return "corrupt", f"{file}: {table.name} has no column {', '.join(lacking)}"
    except sqlite3.OperationalError as error:
        return "unreachable", f"{file}: {error}"
    except sqlite3.DatabaseError as error:
        return "corrupt", f"{file}: {error}"
    except OSError as error:
        return "unreachable", f"{file}: {error.strerror}"
    return "sound", f"{file}: intact and complete"


def against_raw(settings: Settings, found: Inventory, *, deep: bool) -> Iterator[Finding]:
    """Sidecars that the ledger does not know or knows otherwise, and files of raw that are lost or damaged."""
    twice = renumbered(found.files)
    if twice:
        names = [landed.raw_file for landed in found.files if landed.identity in twice]
        what = (
            f"arrival numbers were given twice, as after an older copy of the ledger was put back: {listed(names)} "
            "must get new ones, in the order in which they arrived"
        )
        yield Finding("error", "raw", what, REPAIR)
    if found.unnoted:
        names = [landed.raw_file for landed in found.unnoted]
        yield Finding("error", "ledger", f"files of raw are not noted: {listed(names)}", REPAIR)
    for landed, what in misnoted(found.noted, found.files):
        yield Finding("error", "ledger", f"{landed.raw_file}: {what}", REPAIR)
    for place, why in found.unreadable.items():
        known = any(str(Path(lost.raw_file).parent) == place for lost in found.lost)
        todo = REPAIR if known else "put the folder back from a backup, or move it away and drop its file again"
        yield Finding("error", "raw", f"{place}: {why}", todo)
    for landed in found.lost:
        if landed.removed is not None or (settings.raw / landed.raw_file).exists():
            yield Finding("error", "raw", f"{landed.raw_file}: its sidecar is lost", REPAIR)
        else:
            what = f"{landed.raw_file}: the ledger knows it, but it is gone; its days cannot be built again"
            yield Finding("error", "raw", what, "put it back from a backup, or drop the file again")
    for folder in unlanded(settings, found):
        what = f"{folder.relative_to(settings.raw)}: a file without a sidecar, which the ledger does not know"
        yield Finding("error", "raw", what, f"{REPAIR} puts it back into the inbox")
    kept = [landed for landed in found.files if landed.removed is None]
    gone = [landed for landed in kept if not (settings.raw / landed.raw_file).exists()]
    for landed in gone:
        yield Finding("error", "raw", f"{landed.raw_file} is gone; its sidecar is there", "put it back from a backup")
    if deep:
        for landed, why in damaged(settings.raw, [landed for landed in kept if landed not in gone]):
            yield Finding("error", "raw", f"{landed.raw_file}: {why}", "put it back from a backup")


def unlanded(settings: Settings, found: Inventory) -> list[Path]:
    """Folders of raw that hold a file, but no sidecar and no note in the ledger says what it is."""
    described = {path.parent for path in sidecar_files(settings.raw)}
    described |= {(settings.raw / landed.raw_file).parent for landed in found.noted.values()}
    return [path for path in sorted(settings.raw.glob("[!.]*/*/*")) if path.is_dir() and path not in described]


def renumbered(files: Iterable[Landed]) -> dict[str, int]:
    """New arrival numbers, by identity, where numbers were given twice; empty where none was.

    Who arrived first keeps its number. All that arrived since the first repetition get new ones, in order of arrival,
    so that what arrived later still decides.
    """
    arrived = sorted(files, key=lambda landed: (landed.arrived_at, landed.arrival_seq))
    given: set[int] = set()
    for position, landed in enumerate(arrived):
        if landed.arrival_seq in given:
            last = max(landed.arrival_seq for landed in arrived)
            return {later.identity: last + n for n, later in enumerate(arrived[position:], 1)}
        given.add(landed.arrival_seq)
    return {}
