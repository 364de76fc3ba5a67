"""Live tables against rebuilt ones, part by part: the rows of lake and warehouse, and what is claimed of them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from kaikai_assets.build.steps import WHOLE, Domain
from kaikai_assets.lake.data_files import BUILD
from kaikai_assets.lake.tables import Lake
from kaikai_assets.landing.raw import Landed
from kaikai_assets.ledger.targets import Built, Target
from kaikai_assets.operations.contents import NOTHING, Content, contents, days_in, first_difference
from kaikai_assets.operations.scratch import Rebuilt
from kaikai_assets.operations.verification import Verification
from kaikai_assets.platform import Platform
from kaikai_assets.quality.contracts import Contract, schema

Contents = Mapping[str, Mapping[str, Content | str]]
"""By table and part: what a stored table holds, or why it cannot be read."""


@dataclass(frozen=True)
class Comparison:
    """Live tables against rebuilt ones."""

    platform: Platform
    domain: Domain
    scratch: Rebuilt
    verification: Verification
    contracts: Mapping[str, Contract]
    pending: set[Target]
    chosen: set[date] | None
    files: list[Landed]
    sealed: frozenset[date]

    def tables(self) -> Contents:
        """Compare all tables; what the live lake holds."""
        # The warehouse first: what was published anew from later files by then, the lake holds already.
        published = {}
        if (self.domain.warehouse, WHOLE) in self.pending:
            self.verification.pending.add((self.domain.warehouse, WHOLE))
        else:
            tables = [table for table in self.domain.published if table in self.contracts]
            published = {table: self._published(table) for table in tables}
        claimed = self.platform.warehouse.published() if published else {}
        lake = {table: self._stored(table) for table in self.contracts}
        built = self.platform.ledger.targets.built()
        for table, parts in lake.items():
            for part, content in sorted(parts.items()):
                noted = built.get((table, part))
                if self._comparable((table, part), content, noted):
                    self.verification.note(table, part, self._compare((table, part), content, noted))
        for table, of_table in published.items():
            for part, content in sorted(of_table.items()):
                target = (table, part)
                if target not in self.verification.pending | self.verification.meanwhile:
                    wrong = self._compare_published(target, content, claimed.get(target))
                    self.verification.note(f"warehouse {table.replace('/', '.')}", part, wrong)
        return lake

    @property
    def _last(self) -> int:
        return max((landed.arrival_seq for landed in self.files), default=0)

    def _chosen(self, parts: Iterable[str]) -> set[str]:
        return {p for p in parts if not p or self.chosen is None or date.fromisoformat(p) in self.chosen}

    def _parts(self, table: str) -> set[str]:
        return {part for name, part in self.scratch.built.keys() | self.scratch.missing.keys() if name == table}

    def _records(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for landed in self.files:
            for day, n in landed.days.items():
                found[day.isoformat()] = found.get(day.isoformat(), 0) + n
        return found

    def _stored(self, table: str) -> dict[str, Content | str]:
        """The live lake's content of a table by part."""
        noted = {part for name, part in self.platform.ledger.targets.built() if name == table}
        parts = self._parts(table) | noted | self.platform.lake.builds(table).keys()
        contract = self.contracts[table]
        read = _reader(self.platform.lake, table, contract)
        most = self.platform.settings.group_records
        return dict(contents(read, contract, self._chosen(parts), self._records(), most))

    def _published(self, table: str) -> dict[str, Content | str]:
        """The warehouse's content of a table by part."""
        warehouse, contract = self.platform.warehouse, self.contracts[table]
        parts = self._parts(table)
        try:
            if "day" in schema(contract):
                parts |= {day.isoformat() for day in warehouse.days(table)}
        except Exception as error:  # noqa: BLE001 - a file that cannot be read is a finding, whatever is wrong with it
            return dict.fromkeys(self._chosen(parts), f"cannot be read: {type(error).__name__}: {error}")
        most = self.platform.settings.group_records
        return dict(
            contents(lambda days: warehouse.read(table, days), contract, self._chosen(parts), self._records(), most)
        )

    def _comparable(self, target: Target, content: Content | str, noted: Built | None) -> bool:
        if target[1] and date.fromisoformat(target[1]) in self.sealed:
            self.verification.sealed.add(target)
            return False
        if target in self.pending:
            self.verification.pending.add(target)
            return False
        # A part without rows says nothing itself: the ledger tells what it knew.
        seen = [noted.seen] if noted else []
        if isinstance(content, Content):
            seen += [build.seen for build in content.builds]
        if any(arrival > self._last for arrival in seen):
            self.verification.meanwhile.add(target)
            return False
        return True

    def _compare(self, target: Target, content: Content | str, noted: Built | None) -> list[str]:
        if isinstance(content, str):
            return [content]
        if target in self.scratch.missing:
            return [f"cannot be rebuilt: {self.scratch.missing[target] or 'an input cannot'}"]
        made = self.scratch.built.get(target)
        expected = Content(made.rows, made.output) if made else NOTHING
        if not _same(content, expected):
            return [f"lake has {content}; rebuilt {expected}; {self._first(target)}"]
        wrong = []
        digests = {build.digest for build in content.builds}
        if made and digests - {made.digest}:
            wrong.append(
                f"its rows are right, but say they were built from {'/'.join(sorted(digests))}, not {made.digest}"
            )
        if made and noted and (noted.digest, noted.output, noted.rows) != (made.digest, made.output, made.rows):
            wrong.append(f"the ledger remembers {noted.rows} rows, hash {noted.output}, digest {noted.digest}")
        return wrong

    def _compare_published(self, target: Target, content: Content | str, claimed: str | None) -> list[str]:
        if isinstance(content, str):
            return [content]
        made = self.scratch.built.get(target)
        expected = Content(made.rows, made.output) if made else NOTHING
        if not _same(content, expected):
            return [f"the warehouse has {content}; rebuilt {expected}"]
        return [f"is published as hash {claimed}"] if made and made.rows and claimed != made.output else []

    def _first(self, target: Target) -> str:
        table, part = target
        contract = self.contracts[table]
        stored, made = (
            _reader(lake, table, contract)(days_in([part])) for lake in (self.platform.lake, self.scratch.lake)
        )
        return first_difference(contract, stored, made)


def _same(content: Content, expected: Content) -> bool:
    # No rows are the same however they are written.
    return content.rows == expected.rows and (not content.rows or content.output == expected.output)


def _reader(lake: Lake, table: str, contract: Contract) -> Callable[[Iterable[date] | None], pl.DataFrame]:
    columns = {BUILD: pl.String(), **schema(contract)}
    return lambda days: lake.read(table, columns, days)
