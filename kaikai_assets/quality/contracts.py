"""pandera models as the one source of columns: read them, compile their checks, validate frames eagerly.

Column metadata that the platform reads: ``unit``; ``decimals`` (stored rounded); ``key`` (part of the row's key, in
order); ``made_of`` (upstream columns it is computed from, if not of its own name); ``metric`` (a value that a reading
brings, with a flag column ``<name>_flag`` unless it is text); ``ancillary`` (a metric that tells of the others: a
record needs one that does not); ``arrival_dependent`` (not part of a table's identity: it tells which of several equal
deliveries came first).
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import pandera.errors
import pandera.polars as pa
import polars as pl

Contract = type[pa.DataFrameModel]


class ContractViolation(ValueError):
    """Rows that break a contract; the message names table, columns, rules and how many rows."""


@dataclass(frozen=True)
class ContractColumn:
    """One column of a contract."""

    name: str
    dtype: pl.DataType
    nullable: bool
    description: str
    unit: str | None
    decimals: int | None
    key: bool
    metric: bool
    ancillary: bool
    arrival_dependent: bool
    made_of: tuple[str, ...]
    checks: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]


@cache
def columns(contract: Contract) -> tuple[ContractColumn, ...]:
    """Columns of a contract in order. Raises ``TypeError`` for metadata that nobody reads."""
    found = []
    for name, column in contract.to_schema().columns.items():
        metadata = dict(column.metadata or {})
        spec = ContractColumn(
            name=name,
            dtype=column.dtype.type,
            nullable=column.nullable,
            description=column.description or "",
            unit=metadata.pop("unit", None),
            decimals=metadata.pop("decimals", None),
            key=metadata.pop("key", False),
            metric=metadata.pop("metric", False),
            ancillary=metadata.pop("ancillary", False),
            arrival_dependent=metadata.pop("arrival_dependent", False),
            made_of=tuple(metadata.pop("made_of", ())),
            checks=tuple((check.name, tuple(sorted((check.statistics or {}).items()))) for check in column.checks),
        )
        if metadata:
            raise TypeError(f"{contract.__name__}.{name}: unknown metadata {sorted(metadata)}")
        found.append(spec)
    return tuple(found)


def key(contract: Contract) -> list[str]:
    """Key columns of a contract, in order."""
    return [column.name for column in columns(contract) if column.key]


def metrics(contract: Contract) -> list[ContractColumn]:
    """Measured columns of a contract."""
    return [column for column in columns(contract) if column.metric]


def flagged(contract: Contract) -> list[ContractColumn]:
    """Measured columns that have a flag: all but texts."""
    return [metric for metric in metrics(contract) if metric.dtype != pl.String]


def codes(column: ContractColumn) -> list[str] | None:
    """The only texts that a column may hold; None where any may."""
    allowed = [dict(statistics)["allowed_values"] for name, statistics in column.checks if name == "isin"]
    return sorted(allowed[0]) if allowed else None


def schema(contract: Contract) -> dict[str, pl.DataType]:
    """Polars schema of a contract."""
    return {column.name: column.dtype for column in columns(contract)}


def describe(contract: Contract) -> list[str]:
    """What of a contract can change a table's rows, as text: one line a column."""
    return [
        f"{c.name}: {c.dtype} nullable={c.nullable} unit={c.unit} decimals={c.decimals} key={c.key} "
        f"metric={c.metric} ancillary={c.ancillary} arrival_dependent={c.arrival_dependent} checks={c.checks}"
        for c in columns(contract)
    ]


def broken(column: ContractColumn) -> pl.Expr:
    """True where a value that is not null breaks a check of its column.

    Raises ``TypeError`` for a check that has no expression here: a check that splits nothing would pass in silence.
    """
    value = pl.col(column.name)
    rules: list[pl.Expr] = []
    for name, statistics in column.checks:
        match name, dict(statistics):
            case "greater_than_or_equal_to", {"min_value": low}:
                rules.append(value < low)
            case "greater_than", {"min_value": low}:
                rules.append(value <= low)
            case "less_than_or_equal_to", {"max_value": high}:
                rules.append(value > high)
            case "less_than", {"max_value": high}:
                rules.append(value >= high)
            case "isin", {"allowed_values": allowed}:
                rules.append(~value.is_in(list(allowed)))
            case _:
                raise TypeError(f"{column.name}: check {name!r} cannot be compiled")
    return (pl.any_horizontal(rules) if rules else pl.lit(False)).fill_null(False)


def validate(table: str, contract: Contract, frame: pl.DataFrame) -> None:
    """Validate values eagerly, and that the key is unique. Raises ``ContractViolation``. Expects sorted rows."""
    any_broken = _any_broken(contract)
    if frame.schema != schema(contract):
        _explain(table, contract, frame)
    elif frame.select(any_broken).item():
        _explain(table, contract, frame)
        raise ContractViolation(f"{table}: breaks its contract, and pandera does not say where")
    keys = [name for name in ("day", *key(contract)) if name in frame.columns]
    if not keys or not frame.height:
        return
    repeated = frame.select(pl.all_horizontal(pl.col(k).eq_missing(pl.col(k).shift(1)) for k in keys)).to_series()
    if count := int(repeated[1:].sum()):
        raise ContractViolation(f"{table}: key ({', '.join(keys)}) is not unique: {count} rows")


@cache
def _any_broken(contract: Contract) -> pl.Expr:
    """Whether any value breaks the contract: all checks at once, where pandera takes them one by one.

    Raises ``TypeError`` for what a contract says beyond types, nulls and checks that ``broken`` compiles.
    """
    rules = [broken(column) for column in columns(contract)]
    model = contract.to_schema()
    known = {
        name: pa.Column(c.dtype, c.checks, nullable=c.nullable, description=c.description, metadata=c.metadata)
        for name, c in model.columns.items()
    }
    about = {name: getattr(model, name) for name in ("strict", "name", "title", "description", "metadata")}
    nulls_break = any(not check.ignore_na for column in model.columns.values() for check in column.checks)
    if model != pa.DataFrameSchema(known, **about) or nulls_break:
        raise TypeError(f"{contract.__name__}: says more than types, nulls and checks of single columns")
    for column in columns(contract):
        if not column.nullable:
            rules.append(pl.col(column.name).is_null())
            if column.dtype.is_float():
                rules.append(pl.col(column.name).is_nan())
    return pl.any_horizontal(rule.any() for rule in rules)


def _explain(table: str, contract: Contract, frame: pl.DataFrame) -> None:
    try:
        contract.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        # pandera names the model, not the column, where a column is absent or unknown.
        structural = pl.col("check").is_in(["column_in_dataframe", "column_in_schema"])
        column = pl.when(structural).then("failure_case").otherwise("column").alias("column")
        counts = error.failure_cases.group_by(column, "check", maintain_order=True).len()
        worst = counts.sort("len", descending=True, maintain_order=True).head(5)
        listed = "; ".join(f"{column}: {check}: {n} rows" for column, check, n in worst.iter_rows())
        raise ContractViolation(f"{table}: {listed}") from error
