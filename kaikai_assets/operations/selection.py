"""One row of a table, by what a person types: ``column=value`` texts."""

from collections.abc import Mapping
from datetime import date

import polars as pl

from kaikai_assets.landing.times import to_utc
from kaikai_assets.quality.contracts import Contract, columns, key

_LISTED = 10


class NoSuchRow(ValueError):
    """No table, column or row, or several rows; the message says what there is."""


def typed(table: str, contract: Contract, texts: Mapping[str, str]) -> dict[str, object]:
    """Values of some columns in the types of a contract; an empty text is null, an instant without offset UTC.

    Raises ``NoSuchRow`` for an unknown column and for a text that its type does not read.
    """
    types = {column.name: column.dtype for column in columns(contract)}
    found: dict[str, object] = {}
    for name, text in texts.items():
        if name not in types:
            raise NoSuchRow(
                f"{table} has no column {name!r}; its key is {', '.join(key_of(contract))}; "
                f"its columns are {', '.join(types)}"
            )
        try:
            found[name] = _value(text, types[name]) if text else None
        except ValueError as error:
            raise NoSuchRow(f"{table}: {name} is of type {types[name]}, which {text!r} is not") from error
    return found


def key_of(contract: Contract) -> list[str]:
    """Columns that tell a table's rows apart: ``day`` first, if it has one."""
    return [name for name in ("day", *key(contract)) if name in (column.name for column in columns(contract))]


def only_row(table: str, contract: Contract, rows: pl.DataFrame, values: Mapping[str, object]) -> pl.DataFrame:
    """The one row with some values. Raises ``NoSuchRow``; several rows are listed by what tells them apart."""
    matching = rows.filter(pl.all_horizontal(pl.col(name).eq_missing(pl.lit(v)) for name, v in values.items()))
    asked = " ".join(f"{name}={shown(value)}" for name, value in values.items())
    if not matching.height:
        raise NoSuchRow(f"{table} has no row with {asked}; its key is {', '.join(key_of(contract))}")
    if matching.height > 1:
        apart = [name for name in (key_of(contract) or matching.columns) if name not in values]
        listed = [" ".join(f"{n}={shown(row[n])}" for n in apart) for row in matching.head(_LISTED).to_dicts()]
        more = [f"... and {matching.height - _LISTED} more"] if matching.height > _LISTED else []
        raise NoSuchRow("\n  ".join([f"{table} has {matching.height} rows with {asked}:", *listed, *more]))
    return matching


def shown(value: object) -> str:
    """A value as it can be typed; instants in UTC."""
    if value is None:
        return ""
    return str(value).replace(" ", "T").replace("+00:00", "Z") if hasattr(value, "tzinfo") else str(value)


def _value(text: str, dtype: pl.DataType) -> object:
    if isinstance(dtype, pl.Datetime):
        instant = to_utc(pl.Series([text]), ("iso",), "UTC").item()
        if instant is None:
            raise ValueError(text)
        return instant
    if dtype == pl.Date:
        return date.fromisoformat(text)
    if dtype == pl.Boolean:
        return {"true": True, "false": False}[text.lower()] if text.lower() in ("true", "false") else _refuse(text)
    if dtype.is_integer():
        return int(text)
    return float(text) if dtype.is_float() else text


def _refuse(text: str) -> object:
    raise ValueError(text)
