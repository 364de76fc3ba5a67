"""A registry from its snapshot files: for each entity and period the cell first seen latest wins.

A registry's contract has the entity, ``valid_from``, ``valid_to`` and ``source``; its other columns are attributes,
and one named ``timezone`` holds IANA names.
"""

from collections.abc import Callable, Mapping, Sequence
from zoneinfo import available_timezones

import polars as pl

from kaikai_assets.landing.sources import Source
from kaikai_assets.quality.conform import REASONS, Conformed
from kaikai_assets.quality.contracts import Contract, ContractColumn, broken, columns, schema
from kaikai_assets.quality.merge import merge
from kaikai_assets.quality.order import with_each

_POSITION = ["source", "raw_file", "record", "arrival_seq"]


def attributes(contract: Contract) -> list[str]:
    """Columns of a registry that describe an entity."""
    own = {"valid_from", "valid_to", "source"}
    return [column.name for column in columns(contract) if not column.key and column.name not in own]


def conform_registry(
    files: Sequence[pl.DataFrame], sources: Mapping[str, Source], contract: Contract, entity: str
) -> Conformed:
    """Records of read snapshot files (``readers.read_records`` with their origin), at least one, as typed registry
    rows, and what was set aside."""
    names = [*attributes(contract), "valid_from"]
    texts = pl.concat(
        [_read(records, sources[records["source"][0]], names, entity) for records in files if records.height]
    )
    damaged = pl.when(pl.col("defect").is_not_null()).then(pl.lit("damaged_record"))
    rule = damaged.when(pl.col(entity).is_null()).then(pl.lit("no_entity"))
    judged = texts.with_columns(rule=rule)
    kept = judged.filter(pl.col("rule").is_null())
    typed = {column.name: column for column in columns(contract)}
    rows = kept.with_columns(_typed(typed[name]).alias(name) for name in names)
    bad = {
        name: (pl.col(f"{name}_text").is_not_null() & pl.col(name).is_null()) | broken(typed[name]) for name in names
    }
    rows = rows.with_columns(condition.alias(f"{name}_bad") for name, condition in bad.items())
    rows = rows.with_columns(pl.when(~pl.col(f"{name}_bad")).then(pl.col(name)) for name in names)
    cells = [_cells(rows, entity, name) for name in names]
    aside = pl.concat([_records(judged.filter(pl.col("rule").is_not_null()), entity), *cells])
    # A period whose first day cannot be read is set aside: as "since ever" it would rewrite the past.
    return Conformed(rows.filter(~pl.col("valid_from_bad")).with_columns(ahead=pl.lit(False)), aside)


def registry_tables(
    files: Sequence[pl.DataFrame],
    sources: Mapping[str, Source],
    conform: Callable[[Sequence[pl.DataFrame], Mapping[str, Source]], Conformed],
    contracts: Mapping[str, Contract],
    entity: str,
) -> dict[str, pl.DataFrame]:
    """The two tables in ``contracts`` from read snapshot files, which ``conform`` types: the rows of a registry, each
    valid in [valid_from, valid_to), and its quarantine, each content once."""
    if not any(records.height for records in files):
        return {table: pl.DataFrame(schema=schema(contract)) for table, contract in contracts.items()}
    registry, _ = contracts.values()
    return dict(zip(contracts, _periods(conform(files, sources), registry, entity), strict=True))


def _periods(typed: Conformed, contract: Contract, entity: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    content = ["kind", "source", entity, "column", "raw_value", "rule", "reason"]
    quarantine = typed.quarantine.sort("arrival_seq", "record").unique(content, keep="first", maintain_order=True)
    by = [entity, "valid_from"]
    merged = merge(typed.rows, by, attributes(contract)).rows.sort(by)
    return merged.with_columns(valid_to=pl.col("valid_from").shift(-1).over(entity)), quarantine


def valid_on(rows: pl.DataFrame, registry: pl.DataFrame, entity: str) -> pl.DataFrame:
    """Rows with the registry's columns valid on their ``day`` in [valid_from, valid_to); null where none is."""
    added = [name for name in registry.columns if name not in (entity, "valid_from", "valid_to")]
    if not registry.height:
        return rows.with_columns(pl.lit(None, registry.schema[name]).alias(name) for name in added)
    begun = pl.col("valid_from").is_null() | (pl.col("valid_from") <= pl.col("day"))
    open_still = pl.col("valid_to").is_null() | (pl.col("day") < pl.col("valid_to"))

    def valid(keys: pl.DataFrame) -> pl.DataFrame:
        pairs = keys.unique().join(registry, on=entity).filter(begun & open_still)
        known = pairs.select(entity, "day", *added)
        return keys.join(known, on=[entity, "day"], how="left", maintain_order="left", validate="m:1")

    return with_each(rows, [entity, "day"], valid)


def _read(records: pl.DataFrame, source: Source, names: Sequence[str], entity: str) -> pl.DataFrame:
    def present(column: str) -> pl.Expr:
        text = pl.col(column).str.strip_chars()
        return pl.when(~text.is_in([*source.missing, ""])).then(text)

    def described(name: str) -> pl.Expr:
        column = source.columns.get(name)
        if column is None:
            return pl.lit(None, pl.String)
        return pl.lit(column.value) if column.value else pl.coalesce(present(origin) for origin in column.origins)

    texts = {f"{name}_text": described(name) for name in names}
    found = pl.lit(source.entity.prefix) + present(source.entity.column or "")
    return records.select(*_POSITION, "defect", "text", found.alias(entity), **texts)


def _typed(column: ContractColumn) -> pl.Expr:
    text = pl.col(f"{column.name}_text")
    if column.name == "timezone":
        return pl.when(text.is_in(sorted(available_timezones()))).then(text)
    if column.dtype == pl.Date:
        return text.str.to_date("%Y-%m-%d", strict=False)
    return text.cast(column.dtype, strict=False)


def _cells(rows: pl.DataFrame, entity: str, name: str) -> pl.DataFrame:
    return rows.filter(f"{name}_bad").select(
        *_POSITION,
        pl.lit("cell").alias("kind"),
        entity,
        pl.lit(name).alias("column"),
        pl.col(f"{name}_text").alias("raw_value"),
        pl.lit("unreadable").alias("rule"),
        pl.lit("the cell is not a value of its column").alias("reason"),
    )


def _records(rejected: pl.DataFrame, entity: str) -> pl.DataFrame:
    texts = [name for name in rejected.columns if name.endswith("_text")]
    return rejected.select(
        *_POSITION,
        pl.lit("record").alias("kind"),
        entity,
        pl.lit(None, pl.String).alias("column"),
        pl.coalesce("text", pl.struct(texts).struct.json_encode()).alias("raw_value"),
        "rule",
        pl.coalesce("defect", pl.col("rule").replace_strict(REASONS, return_dtype=pl.String)).alias("reason"),
    )
