"""Bronze texts to typed rows in contract units; records and cells that cannot be used are set aside with a rule.

A record is rejected only when it has no entity, no usable time or no metric. A cell that cannot be read or is
physically impossible becomes null and is listed; an implausible value stays, and is flagged later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from kaikai_assets.landing.sources import Source
from kaikai_assets.landing.times import INSTANT
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
    for name in bronze["source"].unique().sort():
        source = sources[name]
        filled = _filled(contract, source)
        typed = _typed(bronze.filter(pl.col("source") == name), entity, source, filled)
        rules = _rules(entity, source, filled, first_day)
        # A time past the last day is ahead of its arrival anyway: only the first day needs to be asked for.
        rejecting = rules | {"time_out_of_range": pl.col("time") < pl.lit(first_day).cast(INSTANT)}
        kept = typed.select(~pl.any_horizontal(rejecting.values()).fill_null(False)).to_series()
        cells = [column for metric in filled for column in (metric.name, f"{metric.name}_bad")]
        of_kept = typed.select(*POSITION, entity, "time", "ahead", *cells).filter(kept)
        rows.append(of_kept.with_columns(pl.lit(source.grain).alias("grain")))
        # Few by place: a filter goes through all rows of each column.
        aside.append(_rejected(typed[(~kept).arg_true()], rules, entity, source, filled))
        aside += [_bad_cells(typed[(kept & typed[f"{m.name}_bad"]).arg_true()], entity, m) for m in filled]
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
    """Records with their texts as ``time_text`` and ``<metric>_text``; the entity, and whether it is ``_unusable``; the
    metrics, and whether a cell is ``_filled``, ``_unread`` (filled, but no finite number) and ``_bad``."""
    stood = [pl.col("arrived_at", "defect", "text", "parameter"), pl.col("event_time").alias("time")]
    texts = [pl.col(name).alias(f"{name}_text") for name in ("time", entity, *(metric.name for metric in filled))]
    # In one piece: Polars would bring columns of other pieces in line with each other time and again.
    typed = records.select(*POSITION, *stood, *texts).rechunk()
    return typed.with_columns(
        *_entities(typed[f"{entity}_text"].alias(entity), source),
        *[column for metric in filled for column in _cells(typed, metric, source)],
        ahead=(pl.col("time") > pl.col("arrived_at")).fill_null(False),
    )


def _entities(texts: pl.Series, source: Source) -> list[pl.Series]:
    text = pl.col(texts.name)
    read = {
        texts.name: pl.lit(source.entity.prefix) + _present(text, source),
        "_unusable": text.str.strip_chars().str.contains(r"\p{C}"),
    }
    return _each_once(texts, read).get_columns()


def _cells(records: pl.DataFrame, metric: ContractColumn, source: Source) -> list[pl.Series]:
    """Values of a metric's texts in its unit, then which are filled, unread and bad.

    A cell that is filled but is no finite number in the contract's range is bad: it becomes null.
    """
    texts = records[f"{metric.name}_text"].alias(metric.name)
    if metric.dtype == pl.String:
        cells = _each_once(texts, {metric.name: _present(pl.col(texts.name), source)}).with_columns(
            pl.col(metric.name).is_not_null().alias(f"{metric.name}_filled"),
            pl.lit(False).alias(f"{metric.name}_unread"),
            broken(metric).alias(f"{metric.name}_bad"),
        )
        return cells.with_columns(pl.when(~pl.col(f"{metric.name}_bad")).then(pl.col(metric.name))).get_columns()
    read = _in_unit(records, _numbers(texts, source), metric, source)
    # All else needs a closer look: what is no number, the number of a code for what is missing, an impossible value.
    missing = _numbers(pl.Series(source.missing, dtype=pl.String), source)
    no_code = [pl.col("number") != code for code in missing.unique() if code is not None]
    plain = read.select(
        pl.all_horizontal(pl.col(metric.name).is_finite(), ~broken(metric), *no_code).fill_null(False)
    ).to_series()
    odd = (~plain).arg_true()
    looked = _looked_at(records.select("parameter", texts)[odd], metric, source)
    marks = [pl.repeat(usual, len(texts), dtype=pl.Boolean, eager=True) for usual in (True, False, False)]
    return [
        column.scatter(odd, looked[name]).alias(name)
        for column, name in zip([read[metric.name], *marks], looked.columns, strict=True)
    ]


def _looked_at(records: pl.DataFrame, metric: ContractColumn, source: Source) -> pl.DataFrame:
    """The same of cells that may be anything."""
    stripped = records[metric.name].str.strip_chars()
    filled = ~stripped.is_in(pl.Series([*source.missing, ""], dtype=pl.String).implode()).fill_null(True)
    read = _in_unit(records, _numbers(stripped, source).set(~filled, None), metric, source)
    finite = pl.col(metric.name).is_finite().fill_null(False)
    bad = pl.col(f"{metric.name}_unread") | broken(metric)
    return read.select(
        metric.name, filled.alias(f"{metric.name}_filled"), (pl.lit(filled) & ~finite).alias(f"{metric.name}_unread")
    ).select(
        pl.when(~bad).then(pl.col(metric.name)),
        f"{metric.name}_filled",
        f"{metric.name}_unread",
        bad.alias(f"{metric.name}_bad"),
    )


def _each_once(texts: pl.Series, read: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """What is read from a column of texts, each different one read once."""
    different = texts.unique().drop_nulls()
    places = texts.cast(pl.Enum(different)).to_physical()
    return different.to_frame().select(**read).select(pl.all().gather(places))


def _present(text: pl.Expr, source: Source) -> pl.Expr:
    stripped = text.str.strip_chars()
    return pl.when(~stripped.is_in([*source.missing, ""])).then(stripped)


def _numbers(texts: pl.Series, source: Source) -> pl.Series:
    if source.decimal == ",":
        if source.format == "csv":
            # A dot separates thousands there: as a decimal point it would be wrong by a factor of 1000.
            texts = texts.set(texts.str.contains(".", literal=True), None)
        texts = texts.str.replace(",", ".", literal=True)
    return texts.cast(pl.Float64, strict=False)


def _in_unit(records: pl.DataFrame, numbers: pl.Series, metric: ContractColumn, source: Source) -> pl.DataFrame:
    """``number`` as it stands, and the value of the metric."""
    number = pl.col("number")
    if source.long is None:
        value = _converted(number, source.columns[metric.name].unit, metric)
    else:
        value = pl.lit(None, pl.Float64)
        for parameter, filled in source.long.parameters.items():
            if filled.metric == metric.name:
                converted = _converted(number, filled.unit, metric)
                value = pl.when(pl.col("parameter") == parameter).then(converted).otherwise(value)
    return records.select("parameter", number=numbers).select("number", value.alias(metric.name))


def _converted(number: pl.Expr, unit: str | None, metric: ContractColumn) -> pl.Expr:
    if unit is None or metric.unit is None or unit == metric.unit:
        return number
    scale, offset = linear(unit, metric.unit)
    return number * scale + offset


def _rules(entity: str, source: Source, filled: list[ContractColumn], first_day: date) -> dict[str, pl.Expr]:
    """What rejects a record, the first that holds; one that is null does not."""
    time, arrival = pl.col("time"), pl.col("arrived_at")
    last_day = arrival.dt.date().dt.offset_by("1d")
    rules = {
        "damaged_record": pl.col("defect").is_not_null(),
        "no_entity": pl.col(entity).is_null(),
        "unusable_entity": pl.col("_unusable"),
        "no_time": time.is_null(),
        "time_out_of_range": ~time.dt.date().is_between(pl.lit(first_day), last_day),
        "time_ahead": time > arrival + AHEAD_KEPT,
        "time_off_grain": _off_grain(source),
        "unknown_parameter": pl.lit(False),
        "no_metric": ~pl.any_horizontal([pl.lit(False), *(f"{m.name}_filled" for m in filled if not m.ancillary)]),
    }
    if source.long is not None:
        rules["unknown_parameter"] = ~pl.col("parameter").is_in(list(source.long.parameters)).fill_null(False)
    return rules


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
    typed: pl.DataFrame, rules: Mapping[str, pl.Expr], entity: str, source: Source, filled: list[ContractColumn]
) -> pl.DataFrame:
    # A damaged record as it stands; else its cells as they stand.
    stood = [pl.col(f"{metric.name}_text").alias(metric.name) for metric in filled]
    cells = [pl.col("time_text").alias("time"), *(["parameter"] if source.long else []), *stood]
    return (
        typed.with_columns(rule=pl.coalesce(pl.when(holds).then(pl.lit(rule)) for rule, holds in rules.items()))
        .with_columns(
            kind=pl.lit("record"),
            column=pl.lit(None, pl.String),
            raw_value=pl.coalesce("text", pl.struct(cells).struct.json_encode()),
            reason=pl.coalesce("defect", pl.col("rule").replace_strict(REASONS, return_dtype=pl.String)),
        )
        .select(_aside(entity))
    )


def _bad_cells(kept: pl.DataFrame, entity: str, metric: ContractColumn) -> pl.DataFrame:
    """Entries for the records with a bad cell of a metric."""
    beyond = "unknown_code" if metric.dtype == pl.String else "impossible"
    rule = pl.when(f"{metric.name}_unread").then(pl.lit("not_a_number")).otherwise(pl.lit(beyond))
    return (
        kept.with_columns(
            kind=pl.lit("cell"),
            column=pl.lit(metric.name),
            raw_value=pl.col(f"{metric.name}_text").str.strip_chars(),
            rule=rule,
        )
        .with_columns(reason=pl.col("rule").replace_strict(REASONS, return_dtype=pl.String))
        .select(_aside(entity))
    )
