"""What rows of the vitals tables were made of: the span of event time that each stands for."""

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from kaikai_assets.alerts.origins import judged, violating
from kaikai_assets.alerts.rules import RuleSet
from kaikai_assets.build.origins import Span

_READING = ("patient_id", "grain")
_RULE = ("rule_set", "rule", "patient_id")


def spans(rule_sets: Callable[[], Sequence[RuleSet]]) -> Mapping[str, Span]:
    """Spans of silver and gold. ``rule_sets`` gives the active one and those in shadow."""
    time, start = pl.col("time"), pl.col("window_start")
    midnight = pl.col("day").cast(pl.Datetime("us", "UTC"))
    opened, last = pl.col("opened_at"), pl.col("last_violation_end").dt.offset_by("1us")
    opened_on = pl.col("opened_on").cast(pl.Datetime("us", "UTC"))
    of_runs = {"gold/vitals_alert_days": violating}
    return {
        "silver/vitals_readings": Span(_READING, time, time.dt.offset_by("1us")),
        "gold/vitals_windows_5m": Span(_READING, start, start.dt.offset_by("5m")),
        "gold/vitals_daily": Span(_READING, midnight, midnight.dt.offset_by("1d")),
        "gold/vitals_device_health": Span(("device_id",), midnight, midnight.dt.offset_by("1d")),
        "gold/vitals_news2_partial": Span(_READING, start, start.dt.offset_by("5m")),
        "gold/vitals_alert_days": Span(
            _RULE,
            pl.col("start"),
            pl.col("end").dt.offset_by("1us"),
            {
                "silver/vitals_readings": judged(rule_sets, "reading", "time"),
                "gold/vitals_news2_partial": judged(rule_sets, "window", "window_start"),
            },
        ),
        "gold/vitals_alerts": Span(_RULE, opened, last, of_runs),
        "gold/vitals_critical_alerts": Span(_RULE, opened, last, of_runs),
        "gold/vitals_rule_comparison": Span(("rule_set",), opened_on, opened_on.dt.offset_by("1d"), of_runs),
    }
