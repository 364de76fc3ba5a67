"""Rule sets: versioned JSON files that a clinician or an officer can read."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator


class Rule(BaseModel):
    """A threshold on one column of a table. ``source`` says who set it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    id: str
    metric: str
    operator: Literal[">", ">=", "<", "<="]
    threshold: float
    unit: str
    decimals: int = Field(6, ge=0, description="The metric is rounded to these before it is compared")
    min_completeness: float = Field(0.0, ge=0, le=1)
    severity: Literal["info", "warn", "alert", "critical"]
    source: str


class RuleSet(BaseModel):
    """A named, versioned set of rules."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule_set: str
    version: int
    description: str
    rules: tuple[Rule, ...] = Field(min_length=1)

    @field_validator("rules")
    @classmethod
    def _distinct(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        ids = [rule.id for rule in rules]
        if repeated := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"several rules are called {', '.join(repeated)}")
        return rules


class RuleError(ValueError):
    """A rule set cannot be used; the message names its file and field."""


def read_rules(path: Path) -> RuleSet:
    """Read a rule set. Raises ``RuleError``."""
    try:
        return RuleSet.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "(whole file)"
        raise RuleError(f"{path}: {field}: {first['msg']}") from error
