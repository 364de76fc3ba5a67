"""What is shown of air beyond its tables: pictures of a run, and the report of a day."""

from collections.abc import Callable, Mapping
from datetime import date

import polars as pl

from kaikai_assets.alerts.rules import RuleSet
from kaikai_assets.build.steps import Inputs, Picture, Report
from kaikai_assets.domains.air.correction import Corrections
from kaikai_assets.domains.air.health import HealthLimits
from kaikai_assets.domains.air.indices import Indices
from kaikai_assets.domains.air.report.content import READS
from kaikai_assets.domains.air.transforms.hours import COMPLETE

_DAYS = 30

# Matplotlib is slow to import: only what draws pays for it.


def pictures(indices: Callable[[], Indices]) -> Mapping[str, Picture]:
    """Pictures of gold, by table. ``indices`` gives the rules of indices."""

    def hours(rows: pl.DataFrame, _newest: date) -> bytes:
        from kaikai_assets.domains.air.pictures.figures import png
        from kaikai_assets.domains.air.pictures.profile import profile

        of_utc_day = rows.with_columns(elapsed=pl.col("hour").dt.hour())
        return png(profile(of_utc_day, indices().aqi.segments, COMPLETE))

    return {
        "gold/air_hourly": Picture(hours),
        "gold/air_daily": Picture(_calendar, before=_DAYS - 1),
        "gold/air_sensor_health": Picture(_received, before=_DAYS - 1),
    }


def _calendar(rows: pl.DataFrame, newest: date) -> bytes:
    from kaikai_assets.domains.air.pictures.figures import png
    from kaikai_assets.domains.air.pictures.grids import calendar

    return png(calendar(rows, newest, _DAYS))


def _received(rows: pl.DataFrame, newest: date) -> bytes:
    from kaikai_assets.domains.air.pictures.figures import png
    from kaikai_assets.domains.air.pictures.grids import coverage

    return png(coverage(rows.with_columns(share="share_received"), newest, _DAYS, COMPLETE))


def report(
    indices: Callable[[], Indices],
    corrections: Callable[[], Corrections],
    rules: Callable[[], RuleSet],
    limits: Callable[[], HealthLimits],
) -> Report:
    """The report of a day: what gives the rules that it judges by or cites, ``limits`` being those of health."""

    def page(inputs: Inputs, day: date) -> str:
        from kaikai_assets.domains.air.report.page import page

        return page(inputs, day, indices(), corrections(), rules(), limits())

    return Report(READS, page)
