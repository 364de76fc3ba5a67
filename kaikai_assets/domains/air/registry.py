"""The registry of sensors from its snapshot files: for each sensor and period the cell first seen latest wins."""

from collections.abc import Mapping, Sequence
from zoneinfo import available_timezones

import polars as pl

from kaikai_assets.domains.air.contracts import Sensors, SensorsQuarantine
from kaikai_assets.landing.sources import Source
from kaikai_assets.quality.conform import REASONS, Conformed
from kaikai_assets.quality.contracts import broken, columns, schema
from kaikai_assets.quality.merge import merge

_KEY = ["sensor_id", "valid_from"]
_ATTRIBUTES = (
    "location_name",
    "location_type",
    "latitude",
    "longitude",
    "installation_date",
    "timezone",
    "expected_interval_s",
    "sensor_type",
    "status",
)
_POSITION = ["source", "raw_file", "record", "arrival_seq"]


def sensors(files: Sequence[pl.DataFrame], sources: Mapping[str, Source]) -> dict[str, pl.DataFrame]:
    """Registry rows and their quarantine from read snapshot files (``readers.read_records`` with their origin)."""
    if not any(records.height for records in files):
        tables = {"silver/air_sensors": Sensors, "silver/air_sensors_quarantine": SensorsQuarantine}
        return {table: pl.DataFrame(schema=schema(contract)) for table, contract in tables.items()}
    typed = conformed(files, sources)
    content = ["kind", "source", "sensor_id", "column", "raw_value", "rule", "reason"]
    quarantine = typed.quarantine.sort("arrival_seq", "record").unique(content, keep="first", maintain_order=True)
    merged = merge(typed.rows, _KEY, _ATTRIBUTES).rows.sort(_KEY)
    periods = merged.with_columns(valid_to=pl.col("valid_from").shift(-1).over("sensor_id"))
    return {"silver/air_sensors": periods, "silver/air_sensors_quarantine": quarantine}


def conformed(files: Sequence[pl.DataFrame], sources: Mapping[str, Source]) -> Conformed:
    """Records of read snapshot files, at least one, as typed registry rows, and what was set aside."""
    texts = pl.concat([_read(records, sources[records["source"][0]]) for records in files if records.height])
    damaged = pl.when(pl.col("defect").is_not_null()).then(pl.lit("damaged_record"))
    rule = damaged.when(pl.col("sensor_id").is_null()).then(pl.lit("no_entity"))
    judged = texts.with_columns(rule=rule)
    kept = judged.filter(pl.col("rule").is_null())
    typed = {column.name: column for column in columns(Sensors)}
    names = [*_ATTRIBUTES, "valid_from"]
    rows = kept.with_columns(_typed(name, typed[name].dtype).alias(name) for name in names)
    bad = {
        name: (pl.col(f"{name}_text").is_not_null() & pl.col(name).is_null()) | broken(typed[name]) for name in names
    }
    rows = rows.with_columns(condition.alias(f"{name}_bad") for name, condition in bad.items())
    rows = rows.with_columns(pl.when(~pl.col(f"{name}_bad")).then(pl.col(name)) for name in names)
    cells = [_cells(rows, name) for name in names]
    aside = pl.concat([_records(judged.filter(pl.col("rule").is_not_null())), *cells])
    # A period whose first day cannot be read is set aside: as "since ever" it would rewrite the past.
    return Conformed(rows.filter(~pl.col("valid_from_bad")).with_columns(ahead=pl.lit(False)), aside)


def _read(records: pl.DataFrame, source: Source) -> pl.DataFrame:
    def present(column: str) -> pl.Expr:
        text = pl.col(column).str.strip_chars()
        return pl.when(~text.is_in([*source.missing, ""])).then(text)

    def described(name: str) -> pl.Expr:
        column = source.columns.get(name)
        if column is None:
            return pl.lit(None, pl.String)
        return pl.lit(column.value) if column.origin is None else present(column.origin)

    texts = {f"{name}_text": described(name) for name in (*_ATTRIBUTES, "valid_from")}
    entity = pl.lit(source.entity.prefix) + present(source.entity.column or "")
    return records.select(*_POSITION, "defect", "text", entity.alias("sensor_id"), **texts)


def _typed(name: str, dtype: pl.DataType) -> pl.Expr:
    text = pl.col(f"{name}_text")
    if name == "timezone":
        return pl.when(text.is_in(sorted(available_timezones()))).then(text)
    if dtype == pl.Date:
        return text.str.to_date("%Y-%m-%d", strict=False)
    return text.cast(dtype, strict=False)


def _cells(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    return rows.filter(f"{name}_bad").select(
        *_POSITION,
        pl.lit("cell").alias("kind"),
        "sensor_id",
        pl.lit(name).alias("column"),
        pl.col(f"{name}_text").alias("raw_value"),
        pl.lit("unreadable").alias("rule"),
        pl.lit("the cell is not a value of its column").alias("reason"),
    )


def _records(rejected: pl.DataFrame) -> pl.DataFrame:
    texts = [name for name in rejected.columns if name.endswith("_text")]
    return rejected.select(
        *_POSITION,
        pl.lit("record").alias("kind"),
        "sensor_id",
        pl.lit(None, pl.String).alias("column"),
        pl.coalesce("text", pl.struct(texts).struct.json_encode()).alias("raw_value"),
        "rule",
        pl.coalesce("defect", pl.col("rule").replace_strict(REASONS, return_dtype=pl.String)).alias("reason"),
    )
