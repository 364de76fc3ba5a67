"""The engine a second time: reading by reading in plain Python, with the whole history at hand."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from operator import ge, gt, le, lt
from statistics import median
from typing import Any

from kaikai_assets.alerts.rules import Between, Condition, OneOf, Rule, RuleSet

OPERATORS = {">": gt, ">=": ge, "<": lt, "<=": le}


@dataclass(frozen=True)
class Reading:
    """A reading of an instant."""

    entity: str
    start: datetime
    values: dict[str, float | None]
    flags: dict[str, int] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    interval_s: float = 60.0

    @property
    def day(self) -> date:
        return self.start.date()


@dataclass
class Episode:
    """What one alert says."""

    rule: str
    entity: str
    opened_at: datetime
    raised_at: datetime
    last_violation_end: datetime
    n: int
    peak: float | None
    threshold: float | None
    assumed: str | None
    closed_at: datetime | None = None

    def row(self) -> tuple[Any, ...]:
        return (self.rule, self.entity, self.opened_at, self.raised_at, self.last_violation_end, self.closed_at, self.n,
                self.peak, self.threshold, self.assumed)  # fmt: skip


def episodes(readings: Iterable[Reading], rules: RuleSet) -> list[tuple[Any, ...]]:
    """Rows of all episodes, sorted."""
    every = list(readings)
    found = []
    for rule in rules.rules:
        for entity in {reading.entity for reading in every}:
            of_entity = sorted((r for r in every if r.entity == entity), key=lambda r: r.start)
            if rule.silent_for:
                heard = [r for r in of_entity if r.day >= rule.valid_from]
                newest = max((r.start for r in every if r.day >= rule.valid_from), default=None)
                found += _silences(heard, rule, newest)
            else:
                found += _violations(of_entity, rule, rules)
    return sorted((episode.row() for episode in found), key=lambda row: row[:3])


def _silences(heard: list[Reading], rule: Rule, newest: datetime | None) -> list[Episode]:
    assert rule.silent_for
    found = []
    for number, reading in enumerate(heard):
        allowed = max(rule.silent_for, timedelta(seconds=reading.interval_s))
        after = heard[number + 1].start if number + 1 < len(heard) else None
        until = after or newest
        assert until is not None
        since = reading.start + allowed
        if until > since:
            minutes = (until - reading.start) / timedelta(minutes=1)
            found.append(
                Episode(
                    rule.id,
                    reading.entity,
                    since,
                    since,
                    until,
                    1,
                    minutes,
                    allowed / timedelta(minutes=1),
                    None,
                    after,
                )
            )
    return found


@dataclass
class _Streak:
    """Readings of one state without a gap."""

    state: str
    start: datetime
    n: int = 0
    values: list[float | None] = field(default_factory=list)
    marks: list[str | None] = field(default_factory=list)
    threshold: float | None = None


def _violations(readings: list[Reading], rule: Rule, rules: RuleSet) -> list[Episode]:
    found: list[Episode] = []
    current: Episode | None = None
    streak: _Streak | None = None
    last: datetime | None = None
    worst = max if rule.above else min
    for reading in readings:
        judged = _judge(reading, readings, rule, rules) if reading.day >= rule.valid_from else None
        if judged is None:
            continue
        state, value, threshold, mark = judged
        gap = last is not None and reading.start - last > timedelta(seconds=3 * reading.interval_s)
        if streak is None or state != streak.state or gap:
            streak = _Streak(state, reading.start, threshold=threshold)
        streak.n += 1
        last = reading.start
        if state == "violating":
            streak.values.append(value)
            streak.marks.append(mark)
            if current:
                current.n += 1
                current.last_violation_end = reading.start
                current.peak = worst((v for v in (current.peak, value) if v is not None), default=None)
                current.assumed = max((m for m in (current.assumed, mark) if m), default=None)
            elif (reached := _reached(streak, reading.start, rule.lasting, rule.readings)) is not None:
                peak = worst((v for v in streak.values if v is not None), default=None)
                assumed = max((m for m in streak.marks if m), default=None)
                current = Episode(rule.id, reading.entity, streak.start, reached, reading.start, streak.n, peak,
                                  streak.threshold, assumed)  # fmt: skip
                found.append(current)
        elif state == "clear" and current:
            lasting = rule.clear.lasting if rule.clear else None
            reached = _reached(streak, reading.start, lasting, rule.clear.readings if rule.clear else 1)
            if reached is not None:
                current.closed_at = reached
                current = None
    return found


def _reached(streak: _Streak, now: datetime, lasting: timedelta | None, readings: int) -> datetime | None:
    """When the streak had lasted long enough, seen from the first reading at which it has."""
    lasted = streak.start + (lasting or timedelta())
    if streak.n < readings or now < lasted:
        return None
    # The reading that fills the number, or the end of the time between two readings, whichever came later.
    return now if streak.n == readings else lasted


def _judge(reading: Reading, history: list[Reading], rule: Rule, rules: RuleSet) -> tuple[str, Any, Any, Any] | None:
    compared = [_compared(reading, history, condition, rules) for condition in rule.all]
    holds = _both([answer for _, _, answer in compared])
    if holds is None:
        return None
    value, threshold, _ = compared[0]
    often = True
    if rule.repeats:
        near = [r for r in history if reading.start - rule.repeats.within < r.start <= reading.start]
        answers = [_both([_compared(r, history, c, rules)[2] for c in rule.all]) for r in near]
        often = sum(answer is True for answer in answers) >= rule.repeats.n
    if rule.clear and rule.clear.operator:
        assert value is not None
        assert rule.clear.threshold is not None
        well = not holds and (threshold is None or OPERATORS[rule.clear.operator](value, rule.clear.threshold))
    else:
        well = not holds
    unknown = [n for n in sorted(rules.assumed) if any(_depends(reading, n, c, rules) for c in rule.all)]
    mark = ", ".join(rules.assumed[name].mark for name in unknown) or None
    if holds and often:
        return "violating", value, threshold, mark
    return ("clear" if well and not (rule.repeats and often) else "between"), None, threshold, mark


def _both(answers: list[bool | None]) -> bool | None:
    if any(answer is False for answer in answers):
        return False
    return None if any(answer is None for answer in answers) else True


def _compared(
    reading: Reading, history: list[Reading], condition: Condition, rules: RuleSet
) -> tuple[float | None, float | None, bool | None]:
    if condition.impossible:
        flag = reading.flags.get(condition.metric, 1)
        return None, None, None if flag == 9 else flag == 4
    threshold = threshold_of(reading, condition, rules)
    value = reading.values.get(condition.metric)
    if condition.change_over and value is not None:
        before = [
            v
            for r in history
            if reading.start - condition.change_over <= r.start < reading.start
            and (v := r.values.get(condition.metric)) is not None
        ]
        value = (value - (min if condition.above else max)(before)) if before else None
    if condition.baseline:
        days = condition.baseline.days
        before = [
            v
            for r in history
            if reading.day - timedelta(days=days) <= r.day < reading.day
            and (v := r.values.get(condition.metric)) is not None
        ]
        known = len(before) >= condition.baseline.at_least
        if condition.baseline.where == "unknown":
            threshold = None if known else threshold
        else:
            value = value - median(before) if known and value is not None else None
    if value is None:
        return None, threshold, None
    assert condition.operator
    value = round(value, condition.decimals)
    return value, threshold, threshold is not None and OPERATORS[condition.operator](value, threshold)


def threshold_of(reading: Reading, condition: Condition, rules: RuleSet) -> float | None:
    number = _case(reading.attributes, condition, rules)
    return condition.threshold if number is None else condition.cases[number].threshold


def _depends(reading: Reading, name: str, condition: Condition, rules: RuleSet) -> bool:
    """Whether another value of an attribute that is not known would choose another case."""
    if reading.attributes.get(name) is not None:
        return False
    texts = isinstance(rules.assumed[name].value, str)
    values: Iterable[Any] = ("SS", "SC", "AS", "other") if texts else range(100)
    return len({_case(reading.attributes | {name: value}, condition, rules) for value in values}) > 1


def _case(attributes: dict[str, Any], condition: Condition, rules: RuleSet) -> int | None:
    for number, case in enumerate(condition.cases):
        if all(_is(attributes.get(name), name, which, rules) for name, which in case.when.items()):
            return number
    return None


def _is(value: Any, name: str, which: Between | OneOf, rules: RuleSet) -> bool:
    if value is None and name in rules.assumed:
        value = rules.assumed[name].value
    if value is None:
        return False
    if isinstance(which, OneOf):
        return value in which.one_of
    return (which.from_ is None or value >= which.from_) and (which.to is None or value < which.to)
