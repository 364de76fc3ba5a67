"""Alerts and the days they are folded from."""

import pandera.polars as pa
import polars as pl

from kaikai_assets.quality.fields import KEY, Instant

# The metric of the active rules.
_JUDGED = {"made_of": ("pm25_mean",)}


class AlertDays(pa.DataFrameModel):
    """What each day does to a rule, whether or not an alert was open at its start: runs of equal state."""

    day: pl.Date = pa.Field(description="UTC day")
    rule: str = pa.Field(description="Rule", metadata=KEY)
    sensor_id: str = pa.Field(description="Sensor", metadata=KEY)
    start: Instant = pa.Field(description="Start of the run, UTC", metadata=KEY)
    end: Instant = pa.Field(description="End of the run, UTC, not included")
    violating: bool = pa.Field(description="Whether the rule was violated", metadata=_JUDGED)
    n: int = pa.Field(ge=1, description="Hours of the run", metadata=_JUDGED)
    peak: float = pa.Field(
        nullable=True,
        description="Value furthest beyond the threshold; null where not violated",
        metadata={"decimals": 6, **_JUDGED},
    )

    class Config:
        strict = True


class Alerts(pa.DataFrameModel):
    """Episodes: from the first violating hour to the first well one after the last. One alert may cross midnight."""

    alert_id: str = pa.Field(description="Hash of rule set, version, rule, sensor and opening")
    rule_set: str = pa.Field(description="Rule set")
    rule_version: int = pa.Field(description="Version of the rule set")
    rule: str = pa.Field(description="Rule", metadata=KEY)
    severity: str = pa.Field(isin=["info", "warn", "alert", "critical"], description="Severity of the rule")
    sensor_id: str = pa.Field(description="Sensor", metadata=KEY)
    opened_at: Instant = pa.Field(description="Start of the first violating hour, UTC", metadata=KEY)
    last_violation_end: Instant = pa.Field(description="End of the last violating hour, UTC")
    closed_at: Instant = pa.Field(
        nullable=True, description="Start of the next well hour, UTC; null while none is known"
    )
    n: int = pa.Field(ge=1, description="Violating hours")
    peak: float = pa.Field(description="Highest hourly mean", metadata={"unit": "µg/m³", "decimals": 6})
    threshold: float = pa.Field(description="Threshold of the rule", metadata={"unit": "µg/m³"})

    class Config:
        strict = True
