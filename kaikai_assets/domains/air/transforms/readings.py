"""``silver/air_measurements`` and its quarantine: bronze texts to one typed row for each sensor, time and grain."""

from collections.abc import Mapping

import polars as pl

from kaikai_assets.build.steps import Context, Made
from kaikai_assets.domains.air.contracts import Measurements
from kaikai_assets.quality.conform import Conformed, conform
from kaikai_assets.quality.flags import Span
from kaikai_assets.quality.readings import readings


def conformed(bronze: pl.DataFrame, context: Context) -> Conformed:
    """Bronze records as typed readings, and what was set aside."""
    return conform(bronze, Measurements, "sensor_id", context.sources, context.first_day)


def measurements(bronze: pl.DataFrame, context: Context, plausible: Mapping[str, Span]) -> Made:
    """Bronze days to silver measurements, their quarantine and accounts."""
    made = readings(bronze, conformed(bronze, context), Measurements, "sensor_id", plausible)
    return Made({"silver/air_measurements": made.rows, "silver/air_quarantine": made.quarantine}, made.accounts)
