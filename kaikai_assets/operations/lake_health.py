"""Whether lake and warehouse hold what the ledger says was built."""

from collections.abc import Iterator, Mapping

import duckdb

from kaikai_assets.build.steps import WHOLE, Domain
from kaikai_assets.lake.integrity import Integrity, integrity
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.ledger.targets import Target
from kaikai_assets.operations.findings import REPAIR, Finding, listed
from kaikai_assets.platform import Platform
from kaikai_assets.quality.contracts import schema

_FROM_BACKUP = "holds sealed days, which cannot be made again: put it back from a backup"


def integrities(platform: Platform, domain: Domain) -> dict[str, Integrity]:
    """Integrity of each table of a domain; nothing is looked at where the lake is no folder."""
    if "://" in platform.settings.lake_uri:
        return {}
    return {table: integrity(platform.lake, table) for table in domain.tables}


def by_day(domain: Domain, table: str) -> bool:
    """Whether a table holds days."""
    return table == domain.bronze or "day" in schema(domain.contracts[table])


def sealed(ledger: Ledger, domain: Domain) -> set[str]:
    """Days whose raw files were removed: what the lake holds of them cannot be made again."""
    removed = ledger.landed.removals(domain.name)
    return {day.isoformat() for day, seq, _ in ledger.landed.file_days(domain.name) if seq in removed}


def stale(platform: Platform, ledger: Ledger, domain: Domain, broken: Mapping[str, Integrity]) -> dict[Target, str]:
    """Targets that the ledger notes as built, but that the lake does not hold so, and what it holds."""
    found: dict[Target, str] = {}
    built = ledger.targets.built()
    for table in domain.tables:
        if table in broken and broken[table].broken:
            continue
        stored = platform.lake.builds(table)
        for (name, part), build in sorted(built.items()):
            if name == table and part not in stored and build.rows:
                found[name, part] = "absent"
            elif name == table and part in stored and stored[part].digest != build.digest:
                found[name, part] = "of another build"
    return found


def lake_findings(platform: Platform, ledger: Ledger | None, domain: Domain) -> Iterator[Finding]:
    """Tables that cannot be opened, days whose files are gone, and what ledger and lake tell differently."""
    found = integrities(platform, domain)
    kept = sealed(ledger, domain) if ledger is not None else set()
    for table, state in found.items():
        if state.broken:
            todo = _FROM_BACKUP if kept and by_day(domain, table) else f"{REPAIR} sets it aside"
            yield Finding("error", "lake", f"{table} cannot be opened: {state.broken}", todo)
        for part, why in state.damaged.items():
            todo = _FROM_BACKUP if part in kept else REPAIR
            yield Finding("error", "lake", f"{table} {part or '(whole table)'}: {why}", todo)
        if state.orphans:
            names = [path.name for path in state.orphans]
            what = f"{table}: files that no version refers to: {listed(names, 1)}"
            yield Finding("warning", "lake", what, "kaikai compact removes them")
    if ledger is None:
        return
    for (table, part), what in stale(platform, ledger, domain, found).items():
        shown = f"{table} {part or '(whole table)'} is noted as built, but what the lake holds is {what}"
        if part in kept:
            yield Finding("error", "lake", shown, _FROM_BACKUP)
        else:
            yield Finding("warning", "lake", shown, f"{REPAIR}, then kaikai build")
    built, last = ledger.targets.built(), ledger.landed.last_arrival(domain.name)
    for table in domain.tables:
        if table in found and found[table].broken:
            continue
        stored = platform.lake.builds(table)
        if unknown := sorted(part for part in stored if (table, part) not in built):
            what = f"{table}: parts that the ledger does not know: {listed([part or 'all' for part in unknown])}"
            yield Finding("warning", "lake", what, "kaikai build makes them again")
        if later := sorted(part for part, build in stored.items() if build.seen > last):
            what = (
                f"{table}: built from later arrivals than the ledger knows: {listed(later)}; builds of them are refused"
            )
            yield Finding("error", "lake", what, f"{REPAIR}; if raw files are lost, put them back from a backup")


def warehouse_findings(platform: Platform, ledger: Ledger | None, domain: Domain) -> Iterator[Finding]:
    """A published file that cannot be read or is not what the ledger says was published."""
    file = platform.settings.warehouse
    if not file.exists():
        yield Finding("ok", "warehouse", f"{file} is not there; kaikai build publishes it")
        return
    if (wal := file.with_name(f"{file.name}.wal")).exists():
        what = f"{wal.name} was left by somebody who opened the file for writing; it can keep readers out"
        yield Finding("warning", "warehouse", what, REPAIR)
    if why := unreadable(platform):
        yield Finding("error", "warehouse", f"{file} cannot be read: {why}", REPAIR)
    elif ledger is not None and (differing := unpublished(platform, ledger, domain)):
        shown = [f"{table} {part}".strip() for table, part in differing]
        yield Finding(
            "error", "warehouse", f"is not what was published: {listed(shown)}", f"{REPAIR}, then kaikai build"
        )
    else:
        yield Finding("ok", "warehouse", f"{file} can be read")


def unreadable(platform: Platform) -> str:
    """Why the published file cannot be read, empty where it can."""
    try:
        with duckdb.connect(str(platform.settings.warehouse), read_only=True) as connection:
            connection.execute("SELECT count(*) FROM meta.published").fetchall()
    except duckdb.Error as error:
        return str(error).partition("\n")[0]
    return ""


def unpublished(platform: Platform, ledger: Ledger, domain: Domain) -> list[Target]:
    """Parts that differ between the published file and the ledger although the ledger calls it up to date."""
    if (domain.warehouse, WHOLE) not in ledger.targets.built():
        return []
    if (domain.warehouse, WHOLE) in platform.runner(domain).plan().pending:
        return []
    published = platform.warehouse.published()
    built = {target: b.output for target, b in ledger.targets.built().items() if target[0] in domain.published}
    return sorted(target for target, output in built.items() if published.get(target) != output)
