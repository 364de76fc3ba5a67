"""Bronze texts to typed rows in contract units; records and cells that cannot be used are set aside with a rule.

A record is rejected only when it has no entity, no usable time or no metric. A cell that cannot be read or is
physically impossible becomes null and is listed; an implausible value stays, and is flagged later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from kaikai_assets.landing.sources import Source
from kaikai_assets.landing.units import linear
from kaikai_assets.quality.contracts import Contract, ContractColumn, broken, metrics

AHEAD_KEPT = timedelta(minutes=15)
"""A reading may be this far ahead of its arrival (a clock that runs fast); it is kept, with flag 3."""

REASONS = {
    "damaged_record": "the record is damaged",
    "no_entity": "no entity id",
    "unusable_entity": "the entity id holds control or invisible characters",
    "no_time": "no time, or one that cannot be read",
    "time_out_of_range": "the time is before the first day or more than a day after arrival",
    "time_ahead": "the time is more than 15 minutes after arrival",
    "time_off_grain": "the time is not the start of an interval of the source's grain",
    "unknown_parameter": "the source does not describe this parameter",
    "no_metric": "no metric is filled",
    "not_a_number": "the cell is not a number",
    "impossible": "the value is physically impossible",
    "unknown_code": "the cell is none of the codes of its column",
    "contradiction": "another value of the same file and time was kept",
}
"""Rules by which records and cells are set aside, as a person reads them."""

POSITION = ("day", "source", "raw_file", "record", "arrival_seq")
"""Columns that say where a row came from."""


@dataclass(frozen=True)
class Conformed:
    """Typed ``rows`` (position, entity, time, grain, ``ahead``, metrics, ``<metric>_bad``) and what was set aside."""

    rows: pl.DataFrame
    quarantine: pl.DataFrame


def conform(
    bronze: pl.DataFrame, contract: Contract, entity: str, sources: Mapping[str, Source], first_day: date
) -> Conformed:
    """Type the bronze rows of some days. Columns of metrics that no present source fills are absent."""
    rows, aside = [], []
    for (name,), records in bronze.partition_by("source", as_dict=True, maintain_order=True).items():
        source = sources[str(name)]
        filled = _filled(contract, source)
        typed = _typed(records, entity, source, filled).with_columns(rule=_rejection(entity, source, filled, first_day))
        kept = typed.filter(pl.col("rule").is_null())
        rows.append(
            kept.select(
                *POSITION,
                entity,
                "time",
                pl.lit(source.grain).alias("grain"),
                "ahead",
                *[column for metric in filled for column in (metric.name, f"{metric.name}_bad")],
            )
        )
        aside.append(_rejected(typed.filter(pl.col("rule").is_not_null()), records, entity, source, filled))
        aside += [_bad_cells(kept, entity, metric) for metric in filled]
    if not rows:
        return _nothing(bronze, entity)
    return Conformed(pl.concat(rows, how="diagonal"), pl.concat(aside))


def _nothing(bronze: pl.DataFrame, entity: str) -> Conformed:
    at = bronze.clear().select(*POSITION, entity, pl.col("event_time").alias("time"))
    texts = {name: pl.lit("") for name in ("kind", "column", "raw_value", "rule", "reason")}
    return Conformed(
        at.with_columns(grain=pl.lit(""), ahead=pl.lit(False)), at.with_columns(**texts).select(_aside(entity))
    )


def _filled(contract: Contract, source: Source) -> list[ContractColumn]:
    if source.long is None:
        names = set(source.columns)
    else:
        names = {metric.metric for metric in source.long.parameters.values()}
    return [metric for metric in metrics(contract) if metric.name in names]


def _typed(records: pl.DataFrame, entity: str, source: Source, filled: list[ContractColumn]) -> pl.DataFrame:
    texts = {metric.name: f"{metric.name}_text" for metric in filled}
    typed = records.rename({"time": "time_text", "event_time": "time", **texts}).with_columns(
        _present(pl.col(entity), source).alias(entity),
        (pl.col("time") > pl.col("arrived_at")).fill_null(False).alias("ahead"),
        *[_present(pl.col(text), source) for text in texts.values()],
    )
    if source.entity.prefix:
        typed = typed.with_columns((pl.lit(source.entity.prefix) + pl.col(entity)).alias(entity))
    typed = typed.with_columns(_value(metric, source).alias(metric.name) for metric in filled)
    # A cell that is filled but is no finite number in the contract's range is bad: it becomes null, and is listed.
    typed = typed.with_columns(
        (pl.col(texts[m.name]).is_not_null() & ~_is_read(m)).alias(f"{m.name}_unread") for m in filled
    ).with_columns((pl.col(f"{m.name}_unread") | broken(m)).alias(f"{m.name}_bad") for m in filled)
    return typed.with_columns(pl.when(~pl.col(f"{m.name}_bad")).then(pl.col(m.name)) for m in filled)


def _present(text: pl.Expr, source: Source) -> pl.Expr:
    stripped = text.str.strip_chars()
    return pl.when(~stripped.is_in([*source.missing, ""])).then(stripped)


def _is_read(metric: ContractColumn) -> pl.Expr:
    value = pl.col(metric.name)
    return (value.is_not_null() if metric.dtype == pl.String else value.is_finite()).fill_null(False)


def _value(metric: ContractColumn, source: Source) -> pl.Expr:
    text = pl.col(f"{metric.name}_text")
    if metric.dtype == pl.String:
        return text
    if source.decimal == ",":
        if source.format == "csv":
            # A dot separates thousands there: as a decimal point it would be wrong by a factor of 1000.
            text = pl.when(~text.str.contains(".", literal=True)).then(text)
        text = text.str.replace(",", ".", literal=True)
    number = text.cast(pl.Float64, strict=False)
    if source.long is None:
        return _converted(number, source.columns[metric.name].unit, metric)
    value = pl.lit(None, pl.Float64)
    for parameter, filled in source.long.parameters.items():
        if filled.metric == metric.name:
            value = (
                pl.when(pl.col("parameter") == parameter).then(_converted(number, filled.unit, metric)).otherwise(value)
            )
    return value


def _converted(number: pl.Expr, unit: str | None, metric: ContractColumn) -> pl.Expr:
    if unit is None or metric.unit is None or unit == metric.unit:
        return number
    scale, offset = linear(unit, metric.unit)
    return number * scale + offset


def _rejection(entity: str, source: Source, filled: list[ContractColumn], first_day: date) -> pl.Expr:
    """The first rule that rejects a record, null for none."""
    time, arrival = pl.col("time"), pl.col("arrived_at")
    last_day = arrival.dt.date().dt.offset_by("1d")
    values = [pl.col(f"{metric.name}_text") for metric in filled if not metric.ancillary]
    rules = {
        "damaged_record": pl.col("defect").is_not_null(),
        "no_entity": pl.col(entity).is_null(),
        "unusable_entity": pl.col(entity).str.contains(r"\p{C}"),
        "no_time": time.is_null(),
        "time_out_of_range": ~time.dt.date().is_between(pl.lit(first_day), last_day),
        "time_ahead": time > arrival + AHEAD_KEPT,
        "time_off_grain": _off_grain(source),
        "unknown_parameter": pl.lit(False),
        "no_metric": ~pl.any_horizontal([pl.lit(False), *(value.is_not_null() for value in values)]),
    }
    if source.long is not None:
        rules["unknown_parameter"] = ~pl.col("parameter").is_in(list(source.long.parameters)).fill_null(False)
    return pl.coalesce(pl.when(condition).then(pl.lit(rule)) for rule, condition in rules.items())


def _off_grain(source: Source) -> pl.Expr:
    if source.grain == "instant":
        return pl.lit(False)
    zone = source.time.timezone if source.time else "UTC"
    wall = pl.col("time").dt.convert_time_zone(zone).dt.replace_time_zone(None)
    return wall != wall.dt.truncate(polars_duration(source.grain))


def polars_duration(grain: str) -> str:
    """``PT5M`` → ``5m``, ``PT1H`` → ``1h``, ``P1D`` → ``1d``."""
    return grain.removeprefix("P").removeprefix("T").lower()


def _aside(entity: str) -> list[str]:
    return [*POSITION, "kind", entity, "time", "column", "raw_value", "rule", "reason"]


def _rejected(
    typed: pl.DataFrame, records: pl.DataFrame, entity: str, source: Source, filled: list[ContractColumn]
) -> pl.DataFrame:
    # A damaged record as it stands; else the cells as they stand, which typing has changed.
    cells = ["time", *(["parameter"] if source.long else []), *(metric.name for metric in filled)]
    stood = records.select("raw_file", "record", cells=pl.struct(cells))
    return (
        typed.join(stood, on=["raw_file", "record"], how="left", maintain_order="left")
        .with_columns(
            kind=pl.lit("record"),
            column=pl.lit(None, pl.String),
            raw_value=pl.coalesce("text", pl.col("cells").struct.json_encode()),
            reason=pl.coalesce("defect", pl.col("rule").replace_strict(REASONS, return_dtype=pl.String)),
        )
        .select(_aside(entity))
    )


def _bad_cells(kept: pl.DataFrame, entity: str, metric: ContractColumn) -> pl.DataFrame:
    beyond = "unknown_code" if metric.dtype == pl.String else "impossible"
    rule = pl.when(f"{metric.name}_unread").then(pl.lit("not_a_number")).otherwise(pl.lit(beyond))
    return (
        kept.filter(pl.col(f"{metric.name}_bad"))
        .with_columns(
            kind=pl.lit("cell"),
            column=pl.lit(metric.name),
            raw_value=pl.col(f"{metric.name}_text"),
            rule=rule,
        )
        .with_columns(reason=pl.col("rule").replace_strict(REASONS, return_dtype=pl.String))
        .select(_aside(entity))
    )
