"""Limits by which a sensor counts as offline, degraded or drifting (``rules/health.json``)."""

from typing import Annotated, Generic, TypeVar

from pydantic import Field

from kaikai_assets.rule_files import Rules, Sourced

Number = TypeVar("Number", float, int)
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, le=1)]
HoursOfAWeek = Annotated[int, Field(ge=1, le=168)]


class HealthLimit(Sourced, Generic[Number]):
    """One number and where it comes from."""

    value: Number


class HealthLimits(Rules):
    """Minutes of silence, share of expected readings, % of drift, hours of each week that drift is judged by."""

    offline_after_min: HealthLimit[Positive]
    degraded_below: HealthLimit[Share]
    drift_beyond_pct: HealthLimit[Positive]
    drift_hours: HealthLimit[HoursOfAWeek]
