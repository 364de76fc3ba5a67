"""Rule sets: versioned JSON files that a clinician or an officer can read."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from kaikai_assets.rule_files import Rules, Sourced, Text, read_rule_file


class Rule(Sourced):
    """A threshold on one column of a table."""

    id: Text
    metric: Text
    operator: Literal[">", ">=", "<", "<="]
    threshold: float
    unit: str
    decimals: int = Field(6, ge=0, description="The metric is rounded to these before it is compared")
    min_completeness: float = Field(0.0, ge=0, le=1)
    severity: Literal["info", "warn", "alert", "critical"]


class RuleSet(Rules):
    """A named, versioned set of rules."""

    rule_set: Text
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


def read_rules(path: Path) -> RuleSet:
    """Read a rule set. Raises ``RuleError``."""
    return read_rule_file(path, RuleSet)
