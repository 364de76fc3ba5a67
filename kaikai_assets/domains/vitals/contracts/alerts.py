"""Alerts and the days they are folded from."""

import pandera.polars as pa

from kaikai_assets.alerts.contracts import Episodes, RuleComparison, RunsOfDays
from kaikai_assets.alerts.states import STATES
from kaikai_assets.domains.vitals.vital_signs import JUDGED
from kaikai_assets.quality.fields import KEY

_JUDGED = {"made_of": (*JUDGED, "partial_score", "any_three")}


class AlertDays(RunsOfDays):
    """What each day does to a rule, whether or not an alert was open at its start: runs of equal state."""

    patient_id: str = pa.Field(description="Patient, by a pseudonym", metadata=KEY)
    state: str = pa.Field(
        isin=list(STATES), description="Whether the rule is violated, clear, or neither", metadata=_JUDGED
    )
    n: int = pa.Field(ge=1, description="Readings of the run (windows where these are judged)", metadata=_JUDGED)
    peak: float = pa.Field(
        nullable=True,
        description="Value furthest beyond the threshold, in the rule's unit; null where not violated",
        metadata={"decimals": 6, **_JUDGED},
    )


class Alerts(Episodes):
    """Alerts of the active rule set: from the first violating reading until a clear one. No medical device."""

    patient_id: str = pa.Field(description="Patient, by a pseudonym", metadata=KEY)


class CriticalAlerts(Alerts):
    """The critical ones of the alerts."""


__all__ = ["AlertDays", "Alerts", "CriticalAlerts", "RuleComparison"]
