"""Rule sets: versioned JSON files that a clinician or an officer can read."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Rule(BaseModel):
    """A threshold on one column of a table. ``source`` says who set it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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
    rules: tuple[Rule, ...]


class RuleError(ValueError):
    """A rule set cannot be used; the message names its file and field."""


def read_rules(path: Path) -> RuleSet:
    """Read a rule set. Raises ``RuleError``."""
    try:
        return RuleSet.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        raise RuleError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
