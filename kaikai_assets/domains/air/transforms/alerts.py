"""``gold/air_alert_days`` and ``gold/air_alerts``: hours to runs of violating hours, runs to episodes."""

import polars as pl

from kaikai_assets.alerts.episodes import fold, runs
from kaikai_assets.alerts.rules import RuleSet


def alert_days(hours: pl.DataFrame, rules: RuleSet) -> pl.DataFrame:
    """Hours to runs of violating and well hours for each rule (contract ``AlertDays``)."""
    values = hours.rename({"sensor_id": "entity", "hour": "start"})
    of_rules = [runs(values, rule, "1h") for rule in rules.rules]
    return pl.concat(of_rules).rename({"entity": "sensor_id"})


def alerts(of_days: pl.DataFrame, rules: RuleSet) -> pl.DataFrame:
    """Runs of all days to episodes (contract ``Alerts``)."""
    return fold(of_days.rename({"sensor_id": "entity"}), rules).rename({"entity": "sensor_id"})
