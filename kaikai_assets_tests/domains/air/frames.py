"""Tables of the air domain, made by hand."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from kaikai_assets.build.steps import Context
from kaikai_assets.domains.air import contracts
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.lake.content import canonical
from kaikai_assets.quality.contracts import validate
from kaikai_assets.quality.flags import FAIL, GOOD, MISSING

DAY = date(2025, 3, 10)
START = datetime(2025, 3, 10, tzinfo=UTC)
INSTANT = pl.Datetime("us", "UTC")


def readings(
    values: Iterable[float | None], start: datetime = START, minutes: int = 5, sensor: str = "S1", **columns: Any
) -> list[dict[str, Any]]:
    """Readings of PM2.5 at equal distances, as rows of silver; other columns as given."""
    found = []
    for n, value in enumerate(values):
        time = start + timedelta(minutes=n * minutes)
        flag = MISSING if value is None else GOOD
        row = {"sensor_id": sensor, "time": time, "day": time.date(), "grain": "instant", "pm25": value}
        found.append(row | {"pm25_flag": flag} | columns)
    return found


def failed(time: datetime, sensor: str = "S1") -> dict[str, Any]:
    """A reading whose PM2.5 was set aside."""
    return readings([None], time, sensor=sensor, pm25_flag=FAIL)[0]


def silver(*rows: dict[str, Any]) -> pl.DataFrame:
    known = set(contracts.Measurements.to_schema().columns)
    types: dict[str, Any] = {"time": INSTANT, "day": pl.Date, "pm25": pl.Float64}
    frame = pl.DataFrame(list(rows), schema_overrides=types, infer_schema_length=None)
    return canonical(contracts.Measurements, frame.select(name for name in frame.columns if name in known))


def flags(of: pl.DataFrame, qc: Mapping[datetime, int] | None = None) -> pl.DataFrame:
    """Flags that are silver's own, but for some instants."""
    found = of.select("day", "grain", "sensor_id", "time", pm25_qc="pm25_flag")
    other = pl.col("time").replace_strict(qc or {START: GOOD}, default=None, return_dtype=pl.UInt8)
    return found if qc is None else found.with_columns(pm25_qc=pl.coalesce(other, "pm25_qc"))


def registry(*rows: dict[str, Any]) -> pl.DataFrame:
    types: dict[str, Any] = {"valid_from": pl.Date, "valid_to": pl.Date}
    frame = pl.DataFrame(list(rows), schema_overrides=types) if rows else pl.DataFrame()
    return canonical(contracts.Sensors, frame)


def hourly(
    of: pl.DataFrame, known: pl.DataFrame, of_days: Iterable[date] = (DAY,), marks: pl.DataFrame | None = None
) -> pl.DataFrame:
    tables = {"silver/air_measurements": of, "silver/air_flags": flags(of) if marks is None else marks}
    return made("gold/air_hourly", tables, known, of_days)


def daily(
    of: pl.DataFrame, known: pl.DataFrame, of_days: Iterable[date] = (DAY,), marks: pl.DataFrame | None = None
) -> pl.DataFrame:
    around = sorted({day + timedelta(days=n) for day in of_days for n in (-1, 0, 1)})
    tables = {"silver/air_measurements": of, "gold/air_hourly": hourly(of, known, around, marks)}
    return made("gold/air_daily", tables, known, of_days)


def zone_daily(of: pl.DataFrame, known: pl.DataFrame, of_days: Iterable[date] = (DAY,)) -> pl.DataFrame:
    return made("gold/air_zone_daily", {"gold/air_daily": daily(of, known, of_days)}, known, of_days)


def made(table: str, inputs: Mapping[str, pl.DataFrame], known: pl.DataFrame, of_days: Iterable[date]) -> pl.DataFrame:
    """What the domain's own step makes of some tables, which satisfies its contract."""
    (step,) = [step for step in AIR.steps if step.name == table]
    rows = step.make(inputs, list(of_days), Context({}, date(2015, 1, 1), known)).tables[table]
    found = canonical(step.outputs[table], rows)
    validate(table, step.outputs[table], found)
    return found
