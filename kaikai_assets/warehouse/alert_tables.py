"""The journal of alerts beside gold: every change of an alert, and every alert that there ever was. As people and late
data made them: a rebuild cannot make them again."""

from functools import cache

import pandera.polars as pa
import polars as pl

from kaikai_assets.quality.contracts import Contract, schema
from kaikai_assets.quality.fields import KEY, Instant


class _StatusLog(pa.DataFrameModel):
    """One row a change of an alert: by the data, by a person, or by the platform."""

    day: pl.Date = pa.Field(description="UTC day of noting", metadata=KEY)
    noted_at: Instant = pa.Field(description="When the change became known, UTC", metadata=KEY)
    alert_id: str = pa.Field(description="Alert", metadata=KEY)
    change: str = pa.Field(
        description="opened, cleared, reopened, violated_again (after it was resolved), superseded, withdrawn, "
        "restored, acknowledged, resolved, silenced, unsilenced or escalated",
        metadata=KEY,
    )
    effective_at: Instant = pa.Field(description="Event time of a change of the data, else when it was made; UTC")
    rule_set: str = pa.Field(description="Rule set")
    rule: str = pa.Field(description="Rule")
    severity: str = pa.Field(description="Severity of the rule")
    author: str = pa.Field(description="Who acted; empty for the data and the platform")
    reason: str = pa.Field(description="Reason given")
    expires_at: Instant = pa.Field(nullable=True, description="End of a silence, UTC")
    superseded_by: str = pa.Field(nullable=True, description="Alert that takes the place of one that is gone")

    class Config:
        strict = True


class _History(pa.DataFrameModel):
    """One row an alert that was ever seen, as it last stood: those that late data moved, split or merged too."""

    day: pl.Date = pa.Field(description="UTC day of opening", metadata=KEY)
    alert_id: str = pa.Field(description="Alert", metadata=KEY)
    rule_set: str = pa.Field(description="Rule set")
    rule_version: int = pa.Field(description="Version of the rule set")
    rule: str = pa.Field(description="Rule")
    severity: str = pa.Field(description="Severity of the rule")
    opened_at: Instant = pa.Field(description="First violating reading, UTC")
    raised_at: Instant = pa.Field(description="When the rule's condition was fulfilled, UTC")
    last_violation_end: Instant = pa.Field(description="End of the last violation, UTC")
    closed_at: Instant = pa.Field(nullable=True, description="When it cleared, UTC; null while open")
    n: int = pa.Field(description="Violating readings")
    peak: float = pa.Field(nullable=True, description="Value furthest beyond the threshold, in the rule's unit")
    threshold: float = pa.Field(nullable=True, description="Threshold of the rule, in its unit")
    assumed: str = pa.Field(nullable=True, description="What was assumed to judge, such as age_unknown")
    first_seen_at: Instant = pa.Field(description="When it became known, UTC")
    gone: bool = pa.Field(description="The data gives it no more: late or corrected readings moved or removed it")
    superseded_by: str = pa.Field(
        nullable=True, description="Alert that overlaps one that is gone, the earliest of several; null if none does"
    )
    acknowledged: bool = pa.Field(description="Somebody acknowledged its violations")
    resolved: bool = pa.Field(description="Somebody resolved all of its violations")
    escalated: bool = pa.Field(description="It was escalated, since nobody acknowledged it")

    class Config:
        strict = True


@cache
def status_log(entity: str) -> Contract:
    """Contract of ``gold/<domain>_alert_status_log``."""
    return _of("AlertStatusLog", _StatusLog, entity)


@cache
def history(entity: str) -> Contract:
    """Contract of ``gold/<domain>_alert_history``."""
    return _of("AlertHistory", _History, entity)


def rows_of(contract: Contract, rows: pl.DataFrame, entity: str) -> pl.DataFrame:
    """Rows of the journal, whose entity is called so, as a table of a contract."""
    return rows.select(pl.col("entity" if name == entity else name).alias(name) for name in schema(contract))


def _of(name: str, base: Contract, entity: str) -> Contract:
    field = pa.Field(description="Sensor, patient … (a pseudonym where the domain is sensitive)")
    return type(name, (base,), {"__doc__": base.__doc__, "__annotations__": {entity: str}, entity: field})
