"""The lake is the truth of what was built, the ledger a cache of it: forget what the lake does not hold any more."""

from collections.abc import Iterable

from kaikai_assets.lake.tables import Lake
from kaikai_assets.ledger.store import Ledger


def reconcile(ledger: Ledger, lake: Lake, tables: Iterable[str]) -> None:
    """Compare tables that were deleted or restored since they were last seen with the ledger, part by part.

    A lake that is newer than the ledger needs nothing: what the ledger does not know is built again, to the same rows.
    """
    noted = ledger.targets.lake_versions()
    present = {table: lake.version(table) for table in tables}
    behind = [
        table for table, version in present.items() if table in noted and (version is None or version < noted[table])
    ]
    if behind:
        built = ledger.targets.built()
        stored = {table: lake.builds(table) for table in behind}
        # A day without rows leaves no trace in the lake: it is forgotten only with its whole table.
        ledger.targets.forget(
            (table, part)
            for (table, part), build in built.items()
            if table in stored
            and (present[table] is None or build.rows)
            and (part not in stored[table] or stored[table][part].digest != build.digest)
        )
    now = {table: -1 if version is None else version for table, version in present.items()}
    changed = {
        table: version
        for table, version in now.items()
        if noted.get(table) != version and (table in noted or version >= 0)
    }
    ledger.targets.note_lake_versions(changed)
