"""Where the records went: sidecars against the ledger's accounts, the rows of silver, and the accounts of a rebuild."""

from collections.abc import Iterable, Mapping

from kaikai_assets.landing.raw import Landed
from kaikai_assets.ledger.targets import Account
from kaikai_assets.operations.contents import Content


def unaccounted(
    files: Iterable[Landed],
    silver: Mapping[str, Content | str],
    accounts: Iterable[Account],
    rebuilt: Iterable[Account],
) -> dict[str, list[str]]:
    """What does not add up, for each of the days in ``silver`` (nothing where all does)."""
    counted: dict[str, dict[str, int]] = {}
    for landed in files:
        if landed.kind == "readings":
            for day, records in landed.days.items():
                of_day = counted.setdefault(day.isoformat(), {})
                of_day[landed.source] = of_day.get(landed.source, 0) + records
    live, remade = _by_part(accounts), _by_part(rebuilt)
    wrong: dict[str, list[str]] = {}
    for part, content in sorted(silver.items()):
        of_part, noted, expected = counted.get(part, {}), live.get(part, {}), remade.get(part, {})
        wrong[part] = [
            what
            for source in sorted(of_part.keys() | noted.keys())
            for what in _wrong(source, of_part.get(source, 0), noted.get(source), expected.get(source))
        ]
        leading = sum(account.leading for account in noted.values())
        if isinstance(content, Content) and leading != content.rows:
            wrong[part].append(f"{leading} records lead, but silver has {content.rows} rows")
    return wrong


def _by_part(accounts: Iterable[Account]) -> dict[str, dict[str, Account]]:
    found: dict[str, dict[str, Account]] = {}
    for account in accounts:
        found.setdefault(account.part, {})[account.source] = account
    return found


def _wrong(source: str, records: int, live: Account | None, remade: Account | None) -> list[str]:
    if live is None:
        return [f"{source}: {records} records landed, but none is accounted for"] if records else []
    told = f"{live.records} records, {live.leading} leading + {live.absorbed} absorbed + {live.rejected} rejected"
    if live.erased:
        told += f" + {live.erased} erased"
    if live.records != live.leading + live.absorbed + live.rejected + live.erased or live.records != records:
        return [f"{source}: {records} records landed; the ledger says {told}"]
    return [f"{source}: the ledger says {told}; a rebuild says otherwise"] if remade != live else []
