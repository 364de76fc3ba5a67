"""What rows of the vitals tables were made of: the span of event time that each stands for."""

from collections.abc import Mapping

import polars as pl

from kaikai_assets.build.origins import Span

_READING = ("patient_id", "grain")


def spans() -> Mapping[str, Span]:
    """Spans of silver and gold."""
    time, start = pl.col("time"), pl.col("window_start")
    midnight = pl.col("day").cast(pl.Datetime("us", "UTC"))
    return {
        "silver/vitals_readings": Span(_READING, time, time.dt.offset_by("1us")),
        "gold/vitals_windows_5m": Span(_READING, start, start.dt.offset_by("5m")),
        "gold/vitals_daily": Span(_READING, midnight, midnight.dt.offset_by("1d")),
        "gold/vitals_device_health": Span(("device_id",), midnight, midnight.dt.offset_by("1d")),
        "gold/vitals_news2_partial": Span(_READING, start, start.dt.offset_by("5m")),
    }
