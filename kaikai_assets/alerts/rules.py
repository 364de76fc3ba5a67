"""Rule sets: versioned JSON files that a clinician or an officer can read."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from kaikai_assets.rule_files import RuleError, Rules, Sourced, Text, read_rule_file

SEVERITIES = ("info", "warn", "alert", "critical")
"""From the least to the gravest."""

Severity = Literal["info", "warn", "alert", "critical"]
Operator = Literal[">", ">=", "<", "<="]
_DURATION = r"^P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?$"


def _iso(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not re.match(_DURATION, value) or not re.search("[1-9]", value):
        raise ValueError("durations look like PT30M, PT10S or P1D, and are above zero")
    return value


Duration = Annotated[timedelta, BeforeValidator(_iso), WithJsonSchema({"type": "string", "pattern": _DURATION})]


class Between(Rules):
    """A number in [``from``, ``to``); an absent end is open."""

    from_: float | None = Field(None, alias="from")
    to: float | None = None


class OneOf(Rules):
    """A text out of some."""

    one_of: tuple[Text, ...] = Field(min_length=1)


class Case(Rules):
    """A threshold for those whose attributes are as said."""

    when: dict[Text, Between | OneOf] = Field(min_length=1)
    threshold: float

    @model_validator(mode="after")
    def _ranges_rise(self) -> Self:
        for name, which in self.when.items():
            low, high = (which.from_, which.to) if isinstance(which, Between) else (None, None)
            if low is not None and high is not None and low >= high:
                raise ValueError(f"when.{name}: from, {low:g}, is not below to, {high:g}")
        return self


class Baseline(Rules):
    """An entity's own level: the median of its readings of the UTC ``days`` before the reading's day.

    It is known from ``at_least`` readings on. Where ``known``, what is compared is the reading less the baseline; a
    condition for where it is ``unknown`` compares the reading itself, and does not hold where it is known.
    """

    days: int = Field(ge=1, le=31)
    at_least: int = Field(ge=1)
    where: Literal["known", "unknown"]


class Condition(Rules):
    """What is compared with what, in one reading.

    Either ``impossible``: the reading's value was physically impossible or no number; or a comparison of the metric
    with ``threshold``, or with that of the first of ``cases`` that applies (where none does, it does not hold).
    """

    metric: Text
    impossible: Literal[True] | None = None
    operator: Operator | None = None
    threshold: float | None = None
    cases: tuple[Case, ...] = ()
    unit: str | None = None
    decimals: int = Field(6, ge=0, description="What is compared is rounded to these before")
    change_over: Duration | None = Field(
        None,
        description="Compare the change since the least (operators > and >=) or greatest (< and <=) value of this time "
        "before the reading",
    )
    baseline: Baseline | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = self.model_fields_set - {"metric", "impossible", "decimals"}
        if self.impossible and given:
            raise ValueError(f"impossible goes without {', '.join(sorted(given))}")
        if not self.impossible:
            if self.operator is None or self.unit is None:
                raise ValueError("operator and unit are needed")
            if (self.threshold is None) == (not self.cases):
                raise ValueError("either threshold or cases is needed")
            if self.change_over and self.baseline:
                raise ValueError("change_over goes without baseline")
        return self

    @property
    def above(self) -> bool:
        """Whether greater values are worse."""
        return self.operator in (">", ">=")

    @property
    def attributes(self) -> list[str]:
        """Attributes that decide the threshold."""
        return sorted({name for case in self.cases for name in case.when})


class Repeats(Rules):
    """Readings that violate, ``n`` of them in the time ``within`` up to a reading, itself included."""

    n: int = Field(ge=2)
    within: Duration


class Clear(Rules):
    """When an alert is over, where that is more than one reading that does not violate.

    With ``operator`` and ``threshold`` a reading is well only where its value is that: in between it is neither.
    """

    operator: Operator | None = None
    threshold: float | None = None
    lasting: Duration | None = Field(None, alias="for")
    readings: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.operator is None) != (self.threshold is None):
            raise ValueError("operator and threshold go together")
        return self


class Rule(Sourced):
    """When an alert is raised: where ``all`` conditions hold in one reading, or an entity is ``silent_for`` longer
    (or its expected interval, if that is longer still).

    The conditions must hold in consecutive readings that span ``for`` and are ``readings`` in number, with no gap of
    over three expected intervals among them.
    """

    id: Text
    version: int = Field(ge=1, description="Version of the set in which this rule last changed")
    description: str = ""
    severity: Severity
    valid_from: date = Field(description="First UTC day whose readings it judges")
    of: Literal["reading", "window", "hour", "day"] = Field("reading", description="What it judges")
    all: tuple[Condition, ...] = ()
    silent_for: Duration | None = None
    lasting: Duration | None = Field(None, alias="for")
    readings: int = Field(1, ge=1)
    repeats: Repeats | None = None
    clear: Clear | None = None
    min_completeness: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if bool(self.all) == bool(self.silent_for):
            raise ValueError("either all or silent_for is needed")
        if self.silent_for:
            also = {"lasting", "readings", "repeats", "clear", "min_completeness"} & self.model_fields_set
            if also:
                raise ValueError(f"silent_for goes without {', '.join(sorted(also)).replace('lasting', 'for')}")
        return self

    @model_validator(mode="after")
    def _clears_on_the_well_side(self) -> Self:
        if self.clear is None or self.clear.threshold is None:
            return self
        first = self.all[0]
        if len(self.all) > 1 or first.operator is None:
            raise ValueError("clear.threshold needs a rule of one comparison")
        well, thresholds = self.clear.threshold, [case.threshold for case in first.cases]
        if first.threshold is not None:
            thresholds.append(first.threshold)
        beyond = any(well > one if first.above else well < one for one in thresholds)
        if (self.clear.operator in (">", ">=")) == first.above or beyond:
            raise ValueError("clear must lie on the other side of the threshold")
        return self

    @property
    def above(self) -> bool:
        """Whether greater values are worse."""
        return bool(self.silent_for) or self.all[0].above

    @property
    def days_before(self) -> int:
        """UTC days before a reading's own at which the rule looks."""
        window = max((c.change_over for c in self.all if c.change_over), default=timedelta())
        window += self.repeats.within if self.repeats else timedelta()
        return ceil(window / timedelta(days=1)) + max((c.baseline.days for c in self.all if c.baseline), default=0)


class Assumed(Rules):
    """What is taken for an attribute that is not known, and the mark that says so on the alert."""

    value: float | Text
    mark: Text


class RuleSet(Rules):
    """A named, versioned set of rules."""

    schema_: str | None = Field(None, alias="$schema")
    rule_set: Text
    version: int = Field(ge=1)
    description: str
    assumed: dict[Text, Assumed] = Field({}, description="For attributes that are not known")
    rules: tuple[Rule, ...] = Field(min_length=1)

    @field_validator("rules")
    @classmethod
    def _distinct(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        ids = [rule.id for rule in rules]
        if repeated := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"several rules are called {', '.join(repeated)}")
        return rules

    @model_validator(mode="after")
    def _assumed_of_use(self) -> Self:
        used = {name for rule in self.rules for condition in rule.all for name in condition.attributes}
        if idle := sorted(self.assumed.keys() - used):
            raise ValueError(f"assumed.{idle[0]}: no case of any rule asks for it")
        return self

    @model_validator(mode="after")
    def _versions(self) -> Self:
        if ahead := [rule.id for rule in self.rules if rule.version > self.version]:
            raise ValueError(f"version of {', '.join(ahead)}: is above the set's, {self.version}")
        return self

    def of(self, what: str) -> tuple[Rule, ...]:
        """Rules that judge readings, or windows, hours, days."""
        return tuple(rule for rule in self.rules if rule.of == what)


def read_rules(path: Path) -> RuleSet:
    """Read a rule set, called as its file is. Raises ``RuleError``."""
    rules = read_rule_file(path, RuleSet)
    if rules.rule_set != path.stem:
        raise RuleError(f"{path}: rule_set: is {rules.rule_set!r}, but the file is called {path.name}")
    return rules


def days_before(sets: Sequence[RuleSet], what: str) -> int:
    """UTC days of readings (windows, hours, days) before a day that the rules need to judge it."""
    return max((rule.days_before for rules in sets for rule in rules.of(what)), default=0)


def json_schema() -> dict[str, Any]:
    """JSON Schema of rule sets."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **RuleSet.model_json_schema()}
