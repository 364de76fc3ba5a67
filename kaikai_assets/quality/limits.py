"""Limits of the QARTOD tests of a metric, in the contract's unit. ``source`` says where the numbers come from."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from kaikai_assets.quality.flags import EVERYTHING, Span
from kaikai_assets.rule_files import Rules, Sourced


class GrossRange(Sourced):
    """Ranges outside which a value is suspect, or fails; ends included, open where null."""

    suspect: Span = EVERYTHING
    fail: Span = EVERYTHING

    @field_validator("suspect", "fail")
    @classmethod
    def _ordered(cls, span: Span) -> Span:
        low, high = span
        if low is not None and high is not None and low >= high:
            raise ValueError(f"the range starts at {low:g}, which is not below its end, {high:g}")
        return span

    @model_validator(mode="after")
    def _within(self) -> Self:
        (low, high), (least, most) = self.suspect, self.fail
        if (low is not None and least is not None and low < least) or (
            high is not None and most is not None and high > most
        ):
            raise ValueError(f"the suspect range {self.suspect} reaches beyond the fail range {self.fail}")
        return self


class Spike(Sourced):
    """Distance from both neighbours: to their mean, or (differential) to the nearer one if on the same side."""

    method: Literal["average", "differential"]
    suspect: float = Field(gt=0)
    fail: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _not_beyond(suspect=self.suspect, fail=self.fail)
        return self


class RateOfChange(Sourced):
    """Change since the reading before, in units a minute."""

    suspect_per_min: float = Field(gt=0)
    fail_per_min: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _not_beyond(suspect=self.suspect_per_min, fail=self.fail_per_min)
        return self


class FlatLine(Sourced):
    """Time over which values that stay within less than ``tolerance`` are suspect, or fail.

    An hour at least: two readings of the coarsest grain that is tested.
    """

    suspect_s: int = Field(ge=3600)
    fail_s: int = Field(ge=3600)
    tolerance: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _not_beyond(suspect=self.suspect_s, fail=self.fail_s)
        return self


class MetricLimits(Rules):
    """Limits of the tests of a metric."""

    gross_range: GrossRange | None = None
    spike: Spike | None = None
    rate_of_change: RateOfChange | None = None
    flat_line: FlatLine | None = None

    def replaced_by(self, other: "MetricLimits") -> "MetricLimits":
        """These, each test replaced as a whole where ``other`` has it."""
        return self.model_copy(update={name: test for name, test in other if test is not None})


def _not_beyond(suspect: float, fail: float) -> None:
    if suspect > fail:
        raise ValueError(f"suspect from {suspect:g} on is beyond fail, {fail:g}")
