"""What rules may name: their metrics, units and attributes, checked before any day is judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kaikai_assets.alerts.rules import Between, Condition, OneOf, Rule, RuleSet, read_rules
from kaikai_assets.quality.contracts import Contract, columns
from kaikai_assets.rule_files import RuleError


@dataclass(frozen=True)
class Judged:
    """Rows that rules judge.

    ``units`` of their metrics (``1`` for a plain number), the ``flagged`` ones among these, whose impossible values are
    known, and the ``attributes`` that may decide a threshold: the texts that each can be, none for a number.
    """

    units: Mapping[str, str]
    flagged: frozenset[str] = frozenset()
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def judged(
    contract: Contract, metrics: Sequence[str] | None = None, attributes: Mapping[str, Sequence[str]] | None = None
) -> Judged:
    """Rows with some metrics of a contract (default: all numbers), and with their flags where it has them."""
    found = {column.name: column for column in columns(contract)}
    named = [name for name, column in found.items() if column.dtype.is_numeric()] if metrics is None else metrics
    units = {name: found[name].unit or "1" for name in named}
    return Judged(units, frozenset(name for name in named if f"{name}_flag" in found), attributes or {})


def read_sets(folder: Path, names: Sequence[str], rows: Mapping[str, Judged]) -> tuple[RuleSet, ...]:
    """Read rule sets of a folder, checked. ``rows``: by what rules are of. Raises ``RuleError``."""
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise RuleError(f"{folder}: rule set {repeated[0]!r} is listed more than once")
    return tuple(read_set(folder / f"{name}.json", rows) for name in names)


def read_set(path: Path, rows: Mapping[str, Judged]) -> RuleSet:
    """Read a rule set that judges these rows. Raises ``RuleError`` for what they do not have."""
    rules = read_rules(path)
    for rule in rules.rules:
        if wrong := _wrong(rule, rules, rows):
            raise RuleError(f"{path}: rule {rule.id!r}: {wrong}")
    return rules


def _wrong(rule: Rule, rules: RuleSet, rows: Mapping[str, Judged]) -> str | None:
    """The first thing in a rule that cannot be meant."""
    if rule.of not in rows:
        return f"no {rule.of} is judged here, only {', '.join(rows)}"
    row = rows[rule.of]
    if rule.min_completeness and "completeness" not in row.units:
        return f"a {rule.of} has no completeness"
    found = (_wrong_metric(condition, rule.of, row) or _wrong_case(condition, rules, row) for condition in rule.all)
    return next(filter(None, found), None)


def _wrong_metric(condition: Condition, of: str, row: Judged) -> str | None:
    metric = condition.metric
    if metric not in row.units:
        return f"a {of} has no metric {metric!r}; it has {', '.join(sorted(row.units))}"
    if condition.impossible and metric not in row.flagged:
        return f"of {metric!r} of a {of} nobody knows what is impossible"
    if not condition.impossible and condition.unit != row.units[metric]:
        return f"the unit of {metric!r} is {row.units[metric]!r}, not {condition.unit!r}"
    return None


def _wrong_case(condition: Condition, rules: RuleSet, row: Judged) -> str | None:
    for name, which in ((name, which) for case in condition.cases for name, which in case.when.items()):
        if name not in row.attributes:
            return f"no attribute {name!r} is known here, only {', '.join(row.attributes) or 'none at all'}"
        texts, assumed = row.attributes[name], rules.assumed.get(name)
        if isinstance(which, Between if texts else OneOf):
            return f"{name!r} is {'a text: one_of is needed' if texts else 'a number: from or to is needed'}"
        given: list[float | str] = [*which.one_of] if isinstance(which, OneOf) else []
        given += [assumed.value] if assumed else []
        if texts and (unknown := [value for value in given if value not in texts]):
            return f"{name!r} is never {unknown[0]!r}, only {', '.join(texts)}"
        if not texts and assumed and isinstance(assumed.value, str):
            return f"{name!r} is a number, and cannot be assumed as {assumed.value!r}"
    return None
