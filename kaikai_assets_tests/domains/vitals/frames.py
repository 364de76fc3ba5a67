"""Tables of the vitals domain, made by hand."""

from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from kaikai_assets.domains.vitals import contracts
from kaikai_assets.lake.content import canonical
from kaikai_assets.quality.contracts import Contract, flagged, schema, validate
from kaikai_assets.quality.flags import GOOD, MISSING

DAY = date(2025, 8, 24)
START = datetime(2025, 8, 24, tzinfo=UTC)


def reading(time: datetime, patient: str = "P1", arrival_seq: int = 1, **columns: Any) -> dict[str, Any]:
    """A row of silver; flags are good where there is a value, unless they are given."""
    flags = {f"{m.name}_flag": MISSING if columns.get(m.name) is None else GOOD for m in flagged(contracts.Readings)}
    row = {"day": time.date(), "grain": "instant", "patient_id": patient, "time": time, "source": "made"}
    return {**flags, **row, "arrival_seq": arrival_seq, **columns}


def silver(*rows: dict[str, Any]) -> pl.DataFrame:
    return _frame(contracts.Readings, *rows)


def registry(*rows: dict[str, Any]) -> pl.DataFrame:
    return _frame(contracts.Patients, *({"source": "made", **row} for row in rows))


def windows(*rows: dict[str, Any]) -> pl.DataFrame:
    """Windows of which only some medians matter."""
    counts = {name: 0 for name in schema(contracts.Windows) if name.endswith("_n")}
    rest = {"day": DAY, "grain": "instant", "window_start": START, "n": 1, "n_late": 0, "is_final": True}
    return _frame(contracts.Windows, *({**counts, **rest, **row} for row in rows))


def stored(contract: Contract, made: pl.DataFrame) -> pl.DataFrame:
    """Rows as the lake holds them, valid by their contract."""
    rows = canonical(contract, made)
    validate("made", contract, rows)
    return rows


def _frame(contract: Contract, *rows: dict[str, Any]) -> pl.DataFrame:
    return stored(contract, pl.DataFrame(list(rows), schema=schema(contract)))
