"""``silver/vitals_readings`` and its quarantine: bronze texts to one typed row for each patient, time and grain."""

from collections.abc import Mapping

import polars as pl

from kaikai_assets.build.steps import Context, Made
from kaikai_assets.domains.vitals.contracts import Readings
from kaikai_assets.quality.conform import Conformed, conform
from kaikai_assets.quality.flags import Span
from kaikai_assets.quality.readings import readings


def conformed(bronze: pl.DataFrame, context: Context) -> Conformed:
    """Bronze records as typed readings, and what was set aside."""
    return conform(bronze, Readings, "patient_id", context.sources, context.first_day)


def of_patients(bronze: pl.DataFrame, context: Context, plausible: Mapping[str, Span]) -> Made:
    """Bronze days to silver readings, their quarantine and accounts."""
    made = readings(bronze, conformed(bronze, context), Readings, "patient_id", plausible)
    return Made({"silver/vitals_readings": made.rows, "silver/vitals_quarantine": made.quarantine}, made.accounts)
