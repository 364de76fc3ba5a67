"""The registry of patients from its snapshot files. Of a date of birth only the month is kept."""

from collections.abc import Mapping, Sequence

import polars as pl

from kaikai_assets.domains.vitals.contracts import Patients
from kaikai_assets.landing.sources import Source
from kaikai_assets.quality.conform import Conformed
from kaikai_assets.quality.registry import conform_registry


def conformed(files: Sequence[pl.DataFrame], sources: Mapping[str, Source]) -> Conformed:
    """Records of read snapshot files, at least one, as typed registry rows, and what was set aside."""
    typed = conform_registry(files, sources, Patients, "patient_id")
    return Conformed(typed.rows.with_columns(pl.col("birth_month").dt.truncate("1mo")), typed.quarantine)
