"""Bronze texts to silver: one typed row for each entity, time and grain, what was set aside, and the accounts."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from kaikai_assets.quality.conform import Conformed
from kaikai_assets.quality.conservation import account
from kaikai_assets.quality.contracts import Contract, flagged, key, metrics
from kaikai_assets.quality.flags import MISSING, Span, cell_flags
from kaikai_assets.quality.merge import merge
from kaikai_assets.quality.quarantine import from_contradictions, mark_repeated


@dataclass(frozen=True)
class Readings:
    """Silver ``rows``, their ``quarantine`` and the ``accounts`` of the records they came from."""

    rows: pl.DataFrame
    quarantine: pl.DataFrame
    accounts: pl.DataFrame


def readings(
    bronze: pl.DataFrame, typed: Conformed, contract: Contract, entity: str, plausible: Mapping[str, Span]
) -> Readings:
    """Merge the ``typed`` records of some bronze days (``conform``) and flag the cells."""
    by = list(dict.fromkeys(["day", *key(contract)]))
    present = [m.name for m in metrics(contract) if m.name in typed.rows.columns]
    filled = [pl.col(f"{name}_bad").fill_null(False) for name in present]
    merged = merge(typed.rows.with_columns(filled), by, present)
    named = [m.name for m in flagged(contract)]
    flags = cell_flags([name for name in named if name in present], plausible)
    absent = [pl.lit(MISSING, pl.UInt8).alias(f"{name}_flag") for name in named if name not in present]
    rows = merged.rows.with_columns([*flags, *absent])
    aside = pl.concat([typed.quarantine, from_contradictions(merged.contradictions, entity)], how="diagonal_relaxed")
    marked = mark_repeated(aside, entity)
    accounts = account(bronze, typed.rows, rows, by, marked.filter(pl.col("kind") == "record"))
    return Readings(rows, marked.filter(~pl.col("repeated")), accounts)
