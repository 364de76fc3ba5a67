"""The vitals domain: its tables in the order in which they are built, what each reads, and what configures it."""

from datetime import date
from pathlib import Path

import polars as pl

from kaikai_assets.alerts.comparison import compare
from kaikai_assets.alerts.episodes import fold_all
from kaikai_assets.alerts.rules import days_before
from kaikai_assets.alerts.runs import runs
from kaikai_assets.build.steps import Context, Domain, Inputs, Made, Read, Step
from kaikai_assets.domains.vitals import configuration, contracts, registry
from kaikai_assets.domains.vitals.origins import spans
from kaikai_assets.domains.vitals.transforms import alerts, days, devices, readings, scores, windows


def _readings(inputs: Inputs, _days: list[date], context: Context) -> Made:
    return readings.of_patients(inputs["bronze/vitals_readings"], context, configuration.limits().spans)


def _windows(inputs: Inputs, of_days: list[date], _context: Context) -> Made:
    return Made({"gold/vitals_windows_5m": windows.windows(inputs["silver/vitals_readings"], of_days)})


def _daily(inputs: Inputs, _days: list[date], context: Context) -> Made:
    return Made({"gold/vitals_daily": days.daily(inputs["silver/vitals_readings"], context.dimension)})


def _device_health(inputs: Inputs, _days: list[date], context: Context) -> Made:
    found = devices.device_health(inputs["silver/vitals_readings"], context.dimension)
    return Made({"gold/vitals_device_health": found})


def _news2_partial(inputs: Inputs, _days: list[date], context: Context) -> Made:
    found = scores.partial_scores(inputs["gold/vitals_windows_5m"], context.dimension, configuration.news2())
    return Made({"gold/vitals_news2_partial": found})


def _alert_days(inputs: Inputs, of_days: list[date], context: Context) -> Made:
    judged = {
        "reading": alerts.readings(inputs["silver/vitals_readings"], context.dimension),
        "window": alerts.windows(inputs["gold/vitals_news2_partial"]),
    }
    return Made({"gold/vitals_alert_days": runs(configuration.rule_sets(), judged, "patient_id", of_days)})


def _alert_days_reads(_context: Context | None) -> tuple[Read, ...]:
    sets = configuration.rule_sets()
    return (
        Read("silver/vitals_readings", days_before(sets, "reading"), columns=alerts.OF_SILVER),
        Read("gold/vitals_news2_partial", days_before(sets, "window")),
    )


def _alerts(inputs: Inputs, _days: list[date], _context: Context) -> Made:
    of_days, sets = inputs["gold/vitals_alert_days"], configuration.rule_sets()
    of_sets = fold_all(of_days, sets, "patient_id")
    found = of_sets.filter(rule_set=configuration.ACTIVE_RULES)
    return Made(
        {
            "gold/vitals_alerts": found,
            "gold/vitals_critical_alerts": found.filter(pl.col("severity") == "critical"),
            "gold/vitals_rule_comparison": compare(of_sets, sets, configuration.ACTIVE_RULES, "patient_id"),
        }
    )


VITALS = Domain(
    name="vitals",
    entity="patient_id",
    sources=Path(__file__).parent / "sources",
    raw="raw/vitals_files",
    bronze="bronze/vitals_readings",
    readings=contracts.Readings,
    dimension={
        "silver/vitals_patients": contracts.Patients,
        "silver/vitals_patients_quarantine": contracts.PatientsQuarantine,
    },
    steps=(
        Step(
            outputs={
                "silver/vitals_readings": contracts.Readings,
                "silver/vitals_quarantine": contracts.Quarantine,
            },
            reads=lambda _context: (Read("bronze/vitals_readings"),),
            make=_readings,
            configuration=configuration.of_readings,
        ),
        Step(
            outputs={"gold/vitals_windows_5m": contracts.Windows},
            reads=lambda _context: (Read("silver/vitals_readings", 0, 1),),
            make=_windows,
            configuration=configuration.of_windows,
            same_day=True,
        ),
        Step(
            outputs={"gold/vitals_daily": contracts.Daily},
            reads=lambda _context: (Read("silver/vitals_readings"),),
            make=_daily,
            configuration=configuration.of_days,
            registered=True,
        ),
        Step(
            outputs={"gold/vitals_device_health": contracts.DeviceHealth},
            reads=lambda _context: (Read("silver/vitals_readings"),),
            make=_device_health,
            configuration=configuration.of_days,
            registered=True,
        ),
        Step(
            outputs={"gold/vitals_news2_partial": contracts.News2Partial},
            reads=lambda _context: (Read("gold/vitals_windows_5m"),),
            make=_news2_partial,
            configuration=configuration.of_scores,
            registered=True,
        ),
        Step(
            outputs={"gold/vitals_alert_days": contracts.AlertDays},
            reads=_alert_days_reads,
            make=_alert_days,
            configuration=configuration.of_alert_days,
            same_day=True,
            registered=True,
        ),
        Step(
            outputs={
                "gold/vitals_alerts": contracts.Alerts,
                "gold/vitals_critical_alerts": contracts.CriticalAlerts,
                "gold/vitals_rule_comparison": contracts.RuleComparison,
            },
            reads=lambda _context: (Read("gold/vitals_alert_days", whole=True),),
            make=_alerts,
            configuration=configuration.of_alerts,
            partitioned=False,
        ),
    ),
    warehouse="warehouse/vitals",
    published=(
        "gold/vitals_windows_5m",
        "gold/vitals_daily",
        "gold/vitals_device_health",
        "gold/vitals_news2_partial",
        "gold/vitals_alerts",
        "gold/vitals_critical_alerts",
        "gold/vitals_rule_comparison",
    ),
    due_by_h=1,
    stale_after_h=2,
    conform=readings.conformed,
    conform_dimension=registry.conformed,
    spans=spans(configuration.rule_sets),
    sensitive=True,
    rules=configuration.rules,
    judged=alerts.ROWS,
)
