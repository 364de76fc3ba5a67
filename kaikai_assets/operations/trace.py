"""From a row back to the raw records it was made of, table by table."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from kaikai_assets.build.bronze import contract as bronze_contract
from kaikai_assets.build.origins import narrow
from kaikai_assets.build.pending import plan
from kaikai_assets.build.state import State
from kaikai_assets.build.steps import WHOLE, Context, Domain, Read
from kaikai_assets.operations.raw_text import RawFile, raw_files
from kaikai_assets.operations.records import Records, nothing
from kaikai_assets.operations.selection import NoSuchRow, key_of, only_row, typed
from kaikai_assets.platform import Platform
from kaikai_assets.quality.contracts import Contract, columns, metrics, schema
from kaikai_assets.settings import utc_now


@dataclass(frozen=True)
class Layer:
    """Rows of a table that a row was made of; ``traced`` are the columns that its traced column was made of."""

    table: str
    contract: Contract
    rows: pl.DataFrame
    traced: tuple[str, ...]


@dataclass(frozen=True)
class Trace:
    """A row, the layers it was made of from above to below, and the raw files of their records.

    ``notes`` say what makes the explanation incomplete or out of date.
    """

    row: Layer
    layers: tuple[Layer, ...]
    files: tuple[RawFile, ...]
    notes: tuple[str, ...]

    @property
    def records(self) -> pl.DataFrame:
        """What became of each record, and how it stands in its file (``RawFile.records``)."""
        return pl.concat([file.records for file in self.files]) if self.files else nothing()


def trace(
    platform: Platform, table: str, key: Mapping[str, str], column: str | None = None, reason: str | None = None
) -> Trace:
    """Explain the one row of a table that has some texts as values.

    With ``column`` only rows and records whose values led to that column's. Sealed files are opened for a ``reason``
    only, which is noted. Raises ``NoSuchRow``.
    """
    domain = next((d for d in platform.domains.values() if table in (d.bronze, *d.contracts)), None)
    if domain is None:
        known = [name for d in platform.domains.values() for name in (d.bronze, *d.contracts)]
        raise NoSuchRow(f"no table {table!r}; there are: {', '.join(known)}")
    runner = platform.runner(domain)
    walk = _Walk(platform, domain, runner.context(), runner.state())
    row = walk.row(table, key, column)
    layers = walk.layers(row)
    records = Records(platform, domain, walk.context, walk.state)
    found = walk.records(row, layers, records)
    if reason is not None and domain.sensitive:
        scope = {"files": found["arrival_seq"].n_unique(), "records": found.height}
        platform.ledger.privacy.note(domain.name, "trace", reason, scope, utc_now())
    files = raw_files(
        platform.settings,
        platform.ledger,
        walk.state.files,
        walk.context.sources,
        found,
        decrypt=reason is not None,
    )
    return Trace(
        row, tuple(layer for layer in layers if layer.table != table), tuple(files), tuple(walk.notes(layers, records))
    )


@dataclass(frozen=True)
class _Walk:
    """Down a domain's tables, as they are built now."""

    platform: Platform
    domain: Domain
    context: Context
    state: State

    def row(self, table: str, key: Mapping[str, str], column: str | None) -> Layer:
        contract = self._contract(table)
        values = typed(table, contract, key)
        day = values.get("day")
        rows = self._read(table, [day] if isinstance(day, date) else None)
        found = only_row(table, contract, rows, values)
        if column is None:
            return Layer(table, contract, found, ())
        typed(table, contract, {column: ""})
        traced = Layer(table, contract, found, (column,))
        if not self._led(self.layers(traced)):
            raise NoSuchRow(f"{table}: {column} of this row is made of no measured value; trace it without a column")
        return traced

    def layers(self, row: Layer) -> list[Layer]:
        """A row and what it was made of, down to silver, and the registry's rows that it was made with."""
        found = {row.table: row}
        for step in reversed(self.domain.steps):
            for table in [name for name in step.outputs if name in found and name in self.domain.spans]:
                for read in step.reads(self.context):
                    if read.table != self.domain.bronze:
                        _add(found, self._made_of(found[table], read))
                if step.registered and not row.traced and self.domain.entity in found[table].rows.columns:
                    _add(found, self._registered(found[table]))
        # The registry says how, not what: it comes last.
        ordered = sorted(found.values(), key=lambda layer: layer.table == self.domain.registry)
        return [replace(o, rows=o.rows.sort(key_of(o.contract))) for o in ordered if o.rows.height]

    def _made_of(self, made: Layer, read: Read) -> Layer:
        contract, spans = self._contract(read.table), self.domain.spans
        window = range(-read.before, read.after + 1)
        days = None if read.whole else [day + timedelta(days=n) for day in made.rows["day"].unique() for n in window]
        start, registry = spans[read.table].start, self.context.dimension
        rows = narrow(made.rows, spans[made.table], read.table, self._read(read.table, days), start, registry)
        if not made.traced:
            return Layer(read.table, contract, rows, ())
        names = _made_of(made, set(rows.columns))
        return Layer(read.table, contract, rows.filter(pl.any_horizontal(pl.col(names).is_not_null())), names)

    def _registered(self, made: Layer) -> Layer:
        span, entity = self.domain.spans[made.table], self.domain.entity
        last = span.end.dt.offset_by("-1us").dt.date()
        periods = made.rows.select(entity, _first=span.start.dt.date(), _last=last)
        numbered = self.context.dimension.with_row_index("_row")
        begun = pl.col("valid_from").is_null() | (pl.col("valid_from") <= pl.col("_last"))
        open_still = pl.col("valid_to").is_null() | (pl.col("_first") < pl.col("valid_to"))
        valid = numbered.join(periods, on=entity).filter(begun & open_still)
        rows = numbered.join(valid.select("_row").unique(), on="_row", how="semi").drop("_row")
        return Layer(self.domain.registry, self._contract(self.domain.registry), rows, ())

    def records(self, row: Layer, layers: list[Layer], records: Records) -> pl.DataFrame:
        """What became of the records that layers were made of."""
        if {"raw_file", "record"} <= set(row.rows.columns):
            day = row.rows["day"].item() if self._by_day(row.table) else None
            return records.at(row.rows.select("raw_file", "record"), day)
        parts = [nothing()]
        for layer in layers:
            if layer.table == self.domain.silver:
                parts.append(records.of_readings(layer.rows, row.rows, self.domain.spans[row.table]))
            if layer.table == self.domain.registry:
                parts.append(records.of_registry(layer.rows))
        found = pl.concat(parts)
        led = pl.col("leads").list.set_intersection(self._led(layers)).list.len() > 0
        return found.filter(led) if row.traced else found

    def _led(self, layers: list[Layer]) -> list[str]:
        """What a record must lead to be part of the traced column."""
        names = {metric.name for metric in metrics(self.domain.readings)}
        found = [_made_of(layer, names) for layer in layers if layer.table == self.domain.silver]
        found += [layer.traced for layer in layers if layer.table == self.domain.registry]
        return sorted({name for names in found for name in names})

    def notes(self, layers: list[Layer], records: Records) -> list[str]:
        """What is not built from all that is known now, and registry files that cannot be read."""
        pending = plan(self.domain, self.context, self.state).pending
        found = []
        for layer in layers:
            days = layer.rows["day"].unique().sort() if self._by_day(layer.table) else [WHOLE]
            stale = [str(part) for part in days if (layer.table, str(part)) in pending]
            found += [f"{layer.table} {part} is pending: not built from all that is known now" for part in stale]
        if any(layer.table in self.domain.dimension for layer in layers):
            for seq, problem in records.damaged.items():
                found.append(
                    f"raw/{self.state.files[seq].raw_file}: {problem}; what it says of the registry is not known"
                )
        return found

    def _contract(self, table: str) -> Contract:
        return bronze_contract(self.domain) if table == self.domain.bronze else self.domain.contracts[table]

    def _by_day(self, table: str) -> bool:
        return "day" in schema(self._contract(table))

    def _read(self, table: str, days: list[date] | None) -> pl.DataFrame:
        return self.platform.lake.read(table, schema(self._contract(table)), days if self._by_day(table) else None)


def _made_of(layer: Layer, names: set[str]) -> tuple[str, ...]:
    """Those of some columns that the traced columns of a layer are made of."""
    origins = {column.name: column.made_of or (column.name,) for column in columns(layer.contract)}
    return tuple(dict.fromkeys(name for traced in layer.traced for name in origins[traced] if name in names))


def _add(found: dict[str, Layer], layer: Layer) -> None:
    """Add rows to those of a table that were found on another way."""
    if (before := found.get(layer.table)) is not None:
        rows = pl.concat([before.rows, layer.rows]).unique(maintain_order=True)
        layer = Layer(layer.table, layer.contract, rows, tuple(dict.fromkeys((*before.traced, *layer.traced))))
    found[layer.table] = layer
