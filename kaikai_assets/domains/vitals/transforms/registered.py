"""What the registry says of a patient on a day."""

import polars as pl

from kaikai_assets.quality.intervals import with_interval
from kaikai_assets.quality.registry import valid_on

DEFAULT_INTERVAL_S = 60.0


def with_expected_interval(rows: pl.DataFrame, registry: pl.DataFrame) -> pl.DataFrame:
    """Readings with ``interval_s``: of their grain, or for instants as the registry expects them."""
    known = registry.select("patient_id", "valid_from", "valid_to", "expected_interval_s")
    return with_interval(valid_on(rows, known, "patient_id"), DEFAULT_INTERVAL_S)


def age_years(birth_month: pl.Expr, day: pl.Expr) -> pl.Expr:
    """Whole years since the first day of the month of birth: up to a month ahead of the true age; null before it."""
    before = day.dt.month() < birth_month.dt.month()
    years = (day.dt.year() - birth_month.dt.year() - before.cast(pl.Int32)).cast(pl.Int64)
    return pl.when(years >= 0).then(years)


def certain_age_years(birth_month: pl.Expr, day: pl.Expr) -> pl.Expr:
    """Whole years since the end of the month of birth: up to a month behind the true age; null before it."""
    return age_years(birth_month.dt.offset_by("1mo"), day)
