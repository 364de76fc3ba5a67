"""What air readings are tested with, by metric and make of sensor (``rules/limits.json``)."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field, model_validator

from kaikai_assets.domains.air.contracts import Measurements
from kaikai_assets.quality.contracts import metrics
from kaikai_assets.quality.flags import EVERYTHING, Span
from kaikai_assets.quality.limits import MetricLimits
from kaikai_assets.rule_files import Rules, Sourced

FLAGGED = ("pm25", "temperature", "humidity", "co2")
"""Metrics that are tested against their neighbours in time."""

ANY = "*"
DAY_S = 86_400


class Saturated(Sourced):
    """Relative humidity of ``at_least`` % for ``for_s`` seconds: the sensor is wet."""

    at_least: float = Field(gt=0, le=100)
    for_s: int = Field(ge=3600)


class CrossChecks(Rules):
    """Checks that need more than a metric's own limits."""

    humidity_saturated: Saturated


class Limits(Rules):
    """Tests of metrics by make of sensor: those of ``*``, each replaced by that of the make where it has one.

    The suspect range of a make lies within that of ``*``: silver's cell flags, which know no make, are by the latter.
    Metrics outside ``FLAGGED`` have that range only. Readings further apart than ``max_gap_intervals`` expected
    intervals are no neighbours.
    """

    description: str
    max_gap_intervals: float = Field(ge=1)
    metrics: Mapping[str, Mapping[str, MetricLimits]]
    cross_checks: CrossChecks

    def of(self, metric: str, sensor_type: str | None) -> MetricLimits:
        """Limits of a metric for readings of a make, ``None`` where it is not known."""
        by_type = self.metrics[metric]
        return by_type[ANY].replaced_by(by_type.get(sensor_type or ANY, by_type[ANY]))

    @property
    def plausible(self) -> dict[str, Span]:
        """Ranges of metrics outside which a reading of any make is suspect."""
        ranges = {metric: by_type[ANY].gross_range for metric, by_type in self.metrics.items()}
        return {metric: limit.suspect for metric, limit in ranges.items() if limit is not None}

    @model_validator(mode="after")
    def _known(self) -> Self:
        if unknown := sorted(self.metrics.keys() - {metric.name for metric in metrics(Measurements)}):
            raise ValueError(f"metrics.{unknown[0]}: no metric of the readings")
        for metric, by_type in self.metrics.items():
            if ANY not in by_type:
                raise ValueError(f'metrics.{metric}: tests of any sensor, "{ANY}", are absent')
        for metric in FLAGGED:
            tests = self.metrics[metric][ANY] if metric in self.metrics else MetricLimits()
            if absent := [name for name, test in tests if test is None]:
                raise ValueError(f"metrics.{metric}.{ANY}.{absent[0]}: is absent")
        return self

    @model_validator(mode="after")
    def _used(self) -> Self:
        for metric, by_type in self.metrics.items():
            if metric in FLAGGED:
                continue
            tests = (f"{ANY}.{name}" for name, test in by_type[ANY] if test is not None and name != "gross_range")
            if unused := [*tests, *(make for make in by_type if make != ANY)]:
                raise ValueError(
                    f"metrics.{metric}.{unused[0]}: would not be used: beyond {ANY}.gross_range only "
                    f"{', '.join(FLAGGED)} are tested"
                )
        return self

    @model_validator(mode="after")
    def _narrower(self) -> Self:
        plausible = self.plausible
        for metric, by_type in self.metrics.items():
            widest = plausible.get(metric, EVERYTHING)
            for make, tests in by_type.items():
                if tests.gross_range is not None and _reaches_beyond(tests.gross_range.suspect, widest):
                    raise ValueError(
                        f"metrics.{metric}.{make}.gross_range.suspect: is wider than that of {ANY}, outside which "
                        "readings of every make are suspect: widen that one too"
                    )
        return self

    @model_validator(mode="after")
    def _within_a_day(self) -> Self:
        """Flags read one day before theirs: no test may look back further, however many gaps there are."""
        times = {
            f"metrics.{metric}.{make}.flat_line.fail_s": tests.flat_line.fail_s
            for metric, by_type in self.metrics.items()
            for make, tests in by_type.items()
            if tests.flat_line is not None
        }
        times["cross_checks.humidity_saturated.for_s"] = self.cross_checks.humidity_saturated.for_s
        for field, seconds in times.items():
            if seconds * self.max_gap_intervals > DAY_S:
                raise ValueError(f"{field}: {seconds} s with gaps of {self.max_gap_intervals:g} intervals is over 24 h")
        return self


def _reaches_beyond(span: Span, other: Span) -> bool:
    """Whether a range reaches beyond another one; an open end does, unless that one is open too."""
    (low, high), (least, most) = span, other
    return (least is not None and (low is None or low < least)) or (most is not None and (high is None or high > most))
