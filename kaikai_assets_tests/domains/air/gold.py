"""Rows of published tables, written by hand."""

from typing import Any

import polars as pl

from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.quality.contracts import schema


def frame(table: str, *rows: dict[str, Any]) -> pl.DataFrame:
    """Rows of a table as its contract has them; what a row does not name is null."""
    columns = schema(AIR.contracts[table])
    assert not {name for row in rows for name in row} - columns.keys()
    return pl.DataFrame([{**dict.fromkeys(columns), **row} for row in rows], schema=columns)
