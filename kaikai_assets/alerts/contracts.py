"""Contracts of the tables of alerts, which a domain completes with the column of its entity."""

import pandera.polars as pa
import polars as pl

from kaikai_assets.alerts.rules import SEVERITIES
from kaikai_assets.alerts.states import STATES
from kaikai_assets.quality.fields import KEY, Instant


class RunsOfDays(pa.DataFrameModel):
    """What each day does to a rule, whether or not an alert was open at its start: runs of equal state."""

    day: pl.Date = pa.Field(description="Day of the readings: UTC, or local where days are judged")
    rule_set: str = pa.Field(description="Rule set, active or shadow", metadata=KEY)
    rule: str = pa.Field(description="Rule", metadata=KEY)
    start: Instant = pa.Field(description="Start of the first reading, UTC", metadata=KEY)
    last: Instant = pa.Field(description="Start of the last reading, UTC")
    end: Instant = pa.Field(description="End of the last interval, UTC, not included; an instant ends at its start")
    max_gap_s: float = pa.Field(
        gt=0, description="Longest gap to the run before that joins them", metadata={"unit": "s", "decimals": 6}
    )
    state: str = pa.Field(isin=list(STATES), description="Whether the rule is violated, clear, or neither")
    n: int = pa.Field(ge=1, description="Readings of the run (hours, days where these are judged)")
    peak: float = pa.Field(
        nullable=True,
        description="Value furthest beyond the threshold, in the rule's unit; null where not violated",
        metadata={"decimals": 6},
    )
    threshold: float = pa.Field(nullable=True, description="Threshold of the first reading, in the rule's unit")
    assumed: str = pa.Field(nullable=True, description="What was assumed of an attribute that is not known")

    class Config:
        strict = True


class Episodes(pa.DataFrameModel):
    """Alerts: from the first violating reading until enough are clear. One alert may cross midnight."""

    alert_id: str = pa.Field(description="Hash of rule set, its version, rule, entity and opening")
    rule_set: str = pa.Field(description="Rule set")
    rule_version: int = pa.Field(description="Version of the rule set")
    rule: str = pa.Field(description="Rule", metadata=KEY)
    severity: str = pa.Field(isin=list(SEVERITIES), description="Severity of the rule")
    opened_at: Instant = pa.Field(description="Start of the first violating reading, UTC", metadata=KEY)
    raised_at: Instant = pa.Field(description="When it had lasted as long as the rule asks, UTC")
    last_violation_end: Instant = pa.Field(
        description="End of the last violating interval, UTC; of instants the time of the last"
    )
    closed_at: Instant = pa.Field(
        nullable=True, description="When enough readings were clear, UTC; null while that is not known"
    )
    n: int = pa.Field(ge=1, description="Violating readings (hours, days where these are judged); 1 for a silence")
    peak: float = pa.Field(
        nullable=True,
        description="Value furthest beyond the threshold, in the rule's unit; minutes of a silence",
        metadata={"decimals": 6},
    )
    threshold: float = pa.Field(nullable=True, description="Threshold at opening, in the rule's unit")
    assumed: str = pa.Field(nullable=True, description="What was assumed of an attribute that is not known")

    class Config:
        strict = True


class RuleComparison(pa.DataFrameModel):
    """What each rule set would have raised on a day, beside the active one."""

    opened_on: pl.Date = pa.Field(description="UTC day on which the alerts opened", metadata=KEY)
    rule_set: str = pa.Field(description="Rule set", metadata=KEY)
    is_active: bool = pa.Field(description="Whether it is the active set")
    alerts: int = pa.Field(ge=0, description="Alerts of the set that opened")
    info: int = pa.Field(ge=0, description="Alerts of severity info")
    warn: int = pa.Field(ge=0, description="Alerts of severity warn")
    alert: int = pa.Field(ge=0, description="Alerts of severity alert")
    critical: int = pa.Field(ge=0, description="Alerts of severity critical")
    entities: int = pa.Field(ge=0, description="Entities with an alert")
    overlapping: int = pa.Field(ge=0, description="Alerts that overlap one of the active set for the same entity")
    alone: int = pa.Field(ge=0, description="Alerts that overlap none of the active set")
    missed: int = pa.Field(ge=0, description="Alerts of the active set that opened and overlap none of this set")

    class Config:
        strict = True
