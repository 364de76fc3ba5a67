"""Contracts of the air tables: columns, types, units, ranges, decimals, descriptions. The one place for them."""

from kaikai_assets.domains.air.contracts.alerts import AlertDays, Alerts, RuleComparison
from kaikai_assets.domains.air.contracts.gold import Daily, Hourly, ZoneDaily
from kaikai_assets.domains.air.contracts.network import NetworkDaily, SensorHealth
from kaikai_assets.domains.air.contracts.registry import Sensors, SensorsQuarantine
from kaikai_assets.domains.air.contracts.silver import Flags, Measurements, Quarantine

__all__ = [
    "AlertDays",
    "Alerts",
    "Daily",
    "Flags",
    "Hourly",
    "Measurements",
    "NetworkDaily",
    "Quarantine",
    "RuleComparison",
    "SensorHealth",
    "Sensors",
    "SensorsQuarantine",
    "ZoneDaily",
]
