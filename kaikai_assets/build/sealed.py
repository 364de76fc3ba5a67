"""Sealed days: their raw files are gone, so that their tables stay as they were built."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import TypeVar

from kaikai_assets.build.bronze import all_contracts
from kaikai_assets.build.steps import Domain
from kaikai_assets.lake.content import canonical, content_hashes
from kaikai_assets.lake.tables import Lake
from kaikai_assets.landing.raw import Removed
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.ledger.targets import Built
from kaikai_assets.quality.contracts import Contract, schema
from kaikai_assets.settings import utc_now

_TOGETHER = 31
T = TypeVar("T")
Counts = Mapping[date, Mapping[int, int]]


def seal(file_days: Counts, removals: Mapping[int, Removed]) -> tuple[Counts, set[date], Counts]:
    """Records by day and arrival of the files that are built, the sealed days, and those of the files that came late.

    A day is sealed as soon as one of its files was removed.
    """
    seen: dict[date, int] = {}
    for day, counts in file_days.items():
        if gone := removals.keys() & counts.keys():
            seen[day] = min(removals[seq].seen for seq in gone)
    in_time = {
        day: {seq: n for seq, n in counts.items() if day not in seen or seq <= seen[day]}
        for day, counts in file_days.items()
    }
    late = {day: {seq: n for seq, n in file_days[day].items() if seq > last} for day, last in seen.items()}
    return in_time, set(seen), {day: counts for day, counts in late.items() if counts}


def tables(domain: Domain) -> dict[str, Contract]:
    """Contracts of a domain's tables that are partitioned by day."""
    every = all_contracts(domain)
    return {table: contract for table, contract in every.items() if "day" in schema(contract)}


def carry(lake: Lake, into: Lake, domain: Domain, days: Collection[date]) -> None:
    """Copy the rows of sealed days into another lake, with what they were built from."""
    for table, contract in tables(domain).items():
        builds = lake.builds(table)
        for some in batches(day for day in sorted(days) if day.isoformat() in builds):
            rows = canonical(contract, lake.read(table, schema(contract), some))
            into.commit(table, rows, {day.isoformat(): builds[day.isoformat()] for day in some})


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """About a month of days at a time: a commit costs the same for one day as for many."""
    every = list(items)
    yield from (every[start : start + _TOGETHER] for start in range(0, len(every), _TOGETHER))


def adopt(ledger: Ledger, lake: Lake, domain: Domain, days: Collection[date]) -> None:
    """Note what the lake holds of sealed days in a ledger that does not know of it: they cannot be built again."""
    known, found = ledger.targets.built(), {}
    for table, contract in tables(domain).items():
        stored = lake.builds(table)
        for day in sorted(days):
            part = day.isoformat()
            if part in stored and (table, part) not in known:
                rows = canonical(contract, lake.read(table, schema(contract), [day]))
                n, output = content_hashes(contract, rows)[part]
                found[table, part] = Built(stored[part].digest, output, n, stored[part].seen)
    ledger.targets.record_built(found, utc_now())
