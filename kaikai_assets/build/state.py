"""What the ledger knows of a domain when a run begins."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from kaikai_assets.ledger.targets import Built, Target


@dataclass(frozen=True)
class File:
    """A landed file as the planner sees it; ``erased`` of its records cannot be read any more."""

    arrival_seq: int
    identity: str
    source: str
    kind: str
    sha256: str
    raw_file: str
    arrived_at: datetime
    erased: int = 0


@dataclass(frozen=True)
class State:
    """What the ledger knows of a domain: files by arrival, their records by day, built targets.

    Days of which raw files were removed are ``sealed``: they stay as they were built. What arrived for them afterwards
    is ``late``, and not in ``file_days``. Nor are the records of ``erased`` patients, counted by day and source.
    """

    files: Mapping[int, File]
    file_days: Mapping[date, Mapping[int, int]]
    built: Mapping[Target, Built]
    sealed: frozenset[date] = frozenset()
    late: Mapping[date, Mapping[int, int]] = field(default_factory=dict)
    erased: Mapping[date, Mapping[str, int]] = field(default_factory=dict)

    def readings(self, day: date) -> list[File]:
        """Files with readings of a day, in order of arrival."""
        files = [self.files[seq] for seq in sorted(self.file_days.get(day, {}))]
        return [file for file in files if file.kind == "readings"]

    def snapshots(self) -> list[File]:
        """Snapshot files, in order of arrival."""
        files = [file for _, file in sorted(self.files.items()) if file.kind == "snapshot"]
        return [file for file in files if not file.erased or self.days(file.arrival_seq)]

    def days(self, arrival_seq: int) -> dict[date, int]:
        """All days of a file with its records."""
        return self._by_file.get(arrival_seq, {})

    @cached_property
    def _by_file(self) -> dict[int, dict[date, int]]:
        found: dict[int, dict[date, int]] = {}
        for of in (self.file_days, self.late):
            for day, counts in of.items():
                for seq, records in counts.items():
                    found.setdefault(seq, {})[day] = records
        return found

    def is_sealed(self, targets: Iterable[Target]) -> bool:
        """Whether targets made together are kept as they are. Any that the lake lost can be made from those below."""
        return any(
            target in self.built and date.fromisoformat(target[1]) in self.sealed for target in targets if target[1]
        )

    def records(self, part: str) -> int:
        """Records that landed for a day."""
        return sum(self.file_days.get(date.fromisoformat(part), {}).values()) if part else 0

    def groups(self, parts: Iterable[str], most: int) -> list[list[str]]:
        """Parts in order, in groups of at most ``most`` records that landed (or of one part)."""
        found: list[list[str]] = []
        total = 0
        for part in parts:
            records = self.records(part)
            if not found or total + records > most:
                found.append([])
                total = 0
            found[-1].append(part)
            total += records
        return found

    def parts(self, table: str) -> set[str]:
        """Parts of a table that were ever built: one whose inputs are gone is still to be emptied."""
        return {part for name, part in self.built if name == table}
