"""``silver/air_measurements`` and its quarantine: bronze texts to one typed row for each sensor, time and grain."""

from collections.abc import Mapping

import polars as pl

from kaikai_assets.build.steps import Context, Made
from kaikai_assets.domains.air.contracts import Measurements
from kaikai_assets.quality.conform import Conformed, conform
from kaikai_assets.quality.conservation import account
from kaikai_assets.quality.contracts import metrics
from kaikai_assets.quality.flags import MISSING, Span, cell_flags
from kaikai_assets.quality.merge import merge
from kaikai_assets.quality.quarantine import from_contradictions, mark_repeated

_KEY = ["day", "grain", "sensor_id", "time"]


def conformed(bronze: pl.DataFrame, context: Context) -> Conformed:
    """Bronze records as typed readings, and what was set aside."""
    return conform(bronze, Measurements, "sensor_id", context.sources, context.first_day)


def measurements(bronze: pl.DataFrame, context: Context, plausible: Mapping[str, Span]) -> Made:
    """Bronze days to silver measurements, their quarantine and accounts."""
    typed = conformed(bronze, context)
    present = [m.name for m in metrics(Measurements) if m.name in typed.rows.columns]
    filled = [pl.col(f"{name}_bad").fill_null(False) for name in present]
    merged = merge(typed.rows.with_columns(filled), _KEY, present)
    flags = [pl.lit(MISSING, pl.UInt8).alias(f"{m.name}_flag") for m in metrics(Measurements) if m.name not in present]
    rows = merged.rows.with_columns([*cell_flags(present, plausible), *flags])
    aside = pl.concat(
        [typed.quarantine, from_contradictions(merged.contradictions, "sensor_id")], how="diagonal_relaxed"
    )
    marked = mark_repeated(aside, "sensor_id")
    accounts = account(bronze, typed.rows, rows, _KEY, marked.filter(pl.col("kind") == "record"))
    tables = {"silver/air_measurements": rows, "silver/air_quarantine": marked.filter(~pl.col("repeated"))}
    return Made(tables, accounts)
