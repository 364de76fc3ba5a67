"""Contracts of the vitals tables: columns, types, units, ranges, decimals, descriptions. The one place for them."""

from kaikai_assets.domains.vitals.contracts.alerts import AlertDays, Alerts, CriticalAlerts, RuleComparison
from kaikai_assets.domains.vitals.contracts.devices import DeviceHealth
from kaikai_assets.domains.vitals.contracts.gold import Daily, News2Partial, Windows
from kaikai_assets.domains.vitals.contracts.patients import Patients, PatientsQuarantine
from kaikai_assets.domains.vitals.contracts.silver import Quarantine, Readings

__all__ = [
    "AlertDays",
    "Alerts",
    "CriticalAlerts",
    "Daily",
    "DeviceHealth",
    "News2Partial",
    "Patients",
    "PatientsQuarantine",
    "Quarantine",
    "Readings",
    "RuleComparison",
    "Windows",
]
