"""What is plausible of vital signs (``rules/limits.json``)."""

from collections.abc import Mapping
from typing import Self

from pydantic import model_validator

from kaikai_assets.domains.vitals.contracts import Readings
from kaikai_assets.quality.contracts import flagged
from kaikai_assets.quality.flags import Span
from kaikai_assets.rule_files import Rules, Sourced


class Plausible(Sourced):
    """A range outside which a value is suspect; ends included, open where null."""

    range: Span

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.range
        if low is not None and high is not None and low >= high:
            raise ValueError(f"the range starts at {low:g}, which is not below its end, {high:g}")
        return self


class Limits(Rules):
    """Plausible ranges of metrics, in the contract's units."""

    description: str
    plausible: Mapping[str, Plausible]

    @property
    def spans(self) -> dict[str, Span]:
        """Plausible ranges by metric."""
        return {metric: limit.range for metric, limit in self.plausible.items()}

    @model_validator(mode="after")
    def _known(self) -> Self:
        if unknown := sorted(self.plausible.keys() - {metric.name for metric in flagged(Readings)}):
            raise ValueError(f"plausible.{unknown[0]}: no metric of the readings")
        return self
