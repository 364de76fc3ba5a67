"""Bronze records by hand, and sources to read them with."""

from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from kaikai_assets.build.bronze import contract
from kaikai_assets.domains.air.contracts import Measurements
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.landing.sources import Source
from kaikai_assets.quality.conform import Conformed, conform
from kaikai_assets.quality.contracts import schema

ENTITY = AIR.entity
ARRIVAL = datetime(2025, 1, 1, 12, tzinfo=UTC)
FIRST_DAY = date(2024, 12, 1)


def source(name: str = "wide", **described: Any) -> Source:
    """A source; by default wide, instants in UTC, with PM2.5, temperature and CO2."""
    columns = {"pm25": "pm25", "temperature": "temperature", "co2": "co2"}
    usual = {"source": name, "format": "csv", "entity": {"column": "id"}, "time": {"column": "time"}}
    layout = {} if "long" in described else {"columns": columns}
    return Source.model_validate(usual | layout | described)


LONG = source(
    "long",
    long={
        "parameter": "parameter",
        "value": "value",
        "parameters": {"pm25": "pm25", "temp_c": "temperature", "temp_f": {"metric": "temperature", "unit": "degF"}},
    },
)


def record(number: int = 1, *, at: datetime | None = ARRIVAL, **given: Any) -> dict[str, Any]:
    """A bronze record that nothing is wrong with but what is given; ``at`` is its time."""
    return {
        "day": at.date() if at else ARRIVAL.date(),
        "source": "wide",
        "raw_file": "air/wide/0/a.csv",
        "arrival_seq": 1,
        "record": number,
        "arrived_at": ARRIVAL,
        "event_time": at,
        "time": at.isoformat() if at else "soon",
        "sensor_id": "S1",
        "parse": "0123456789abcdef",
        **given,
    }


def bronze(*records: dict[str, Any]) -> pl.DataFrame:
    """Records as bronze holds them."""
    return pl.DataFrame(list(records), schema=schema(contract(AIR)))


def conformed(*records: dict[str, Any], by: Source | None = None) -> Conformed:
    """Records after ``conform`` by the air contract, all of one source unless none is given."""
    sources = {"wide": source(), "long": LONG} | ({by.source: by} if by else {})
    given = [entry | {"source": by.source} for entry in records] if by else records
    return conform(bronze(*given), Measurements, ENTITY, sources, FIRST_DAY)
