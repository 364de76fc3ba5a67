"""What a rule says of each reading: it violates, it is clear, or neither.

A reading that cannot be judged (its metric or its baseline is absent, it is not complete enough) has no state: it
neither opens, keeps nor closes an alert. Flags are not looked at, save that an impossible value is one.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import reduce
from math import ceil
from operator import and_, ge, gt, le, lt

import polars as pl

from kaikai_assets.alerts.rules import Baseline, Between, Condition, OneOf, Rule, RuleSet
from kaikai_assets.quality.flags import FAIL, MISSING
from kaikai_assets.rule_files import RuleError

VIOLATING, BETWEEN, CLEAR = STATES = ("violating", "between", "clear")
MAX_GAP_INTERVALS = 3
_OPERATORS = {">": gt, ">=": ge, "<": lt, "<=": le}


def states(readings: pl.DataFrame, rule: Rule, rules: RuleSet, entity: str, days: Sequence[date]) -> pl.DataFrame:
    """States of readings of some ``days``, in the order of entity and time.

    ``readings``: sorted by entity and ``start``, one of each, with ``day, start, end`` (UTC; an instant ends at its
    start), ``interval_s`` (expected between two), metrics and their flags, attributes, ``completeness`` where a rule
    asks for it; also those of ``rule.days_before`` earlier. Returns ``day, <entity>, start, end, max_gap_s, state,
    value`` (that of the first condition where the reading violates), ``threshold, assumed``. Raises ``RuleError`` for a
    column that is absent.
    """
    needed = _columns(rule)
    if absent := sorted(set(needed) - set(readings.columns)):
        raise RuleError(f"{rules.rule_set}: rule {rule.id!r}: a {rule.of} has no {', '.join(absent)}")
    ready = readings.select("day", entity, "start", "end", "interval_s", *needed)
    wanted = pl.col("day").is_in(list(days)) & (pl.col("day") >= rule.valid_from)
    if rule.silent_for:
        # Nobody is silent while the next reading is not due.
        allowed = pl.max_horizontal(pl.lit(rule.silent_for.total_seconds()), pl.col("interval_s").cast(pl.Float64))
        return ready.filter(wanted).select(
            "day",
            entity,
            "start",
            "end",
            allowed.alias("max_gap_s"),
            pl.lit(CLEAR).alias("state"),
            pl.lit(None, pl.Float64).alias("value"),
            (allowed / 60).alias("threshold"),
            pl.lit(None, pl.String).alias("assumed"),
        )
    if rule.min_completeness:
        ready = ready.filter(complete(rule))
    for number, condition in enumerate(rule.all):
        ready = _with_value(ready, number, condition, rules, entity, _judged(rule, days))
    holds = reduce(and_, (_holds(number, condition) for number, condition in enumerate(rule.all)))
    ready = ready.with_columns(_holds=holds)
    known, violating, clear = pl.col("_holds").is_not_null(), pl.col("_holds"), _well(rule)
    if rule.repeats:
        ready = ready.filter(known).with_columns(
            _n=pl.col("_holds").cast(pl.Int64).rolling_sum_by("start", rule.repeats.within, closed="right").over(entity)
        )
        often = pl.col("_n") >= rule.repeats.n
        violating, clear = violating & often, clear & ~often
    return ready.filter(known & wanted).select(
        "day",
        entity,
        "start",
        "end",
        (pl.col("interval_s") * MAX_GAP_INTERVALS).cast(pl.Float64).alias("max_gap_s"),
        pl.when(violating)
        .then(pl.lit(VIOLATING))
        .when(clear)
        .then(pl.lit(CLEAR))
        .otherwise(pl.lit(BETWEEN))
        .alias("state"),
        pl.when(violating).then("_value0").alias("value"),
        pl.col("_threshold0").alias("threshold"),
        _marks(rule, rules).alias("assumed"),
    )


def complete(rule: Rule) -> pl.Expr:
    """Whether an interval is complete enough for a rule to judge it."""
    return pl.col("completeness") >= rule.min_completeness


def _columns(rule: Rule) -> list[str]:
    values = [f"{c.metric}_flag" if c.impossible else c.metric for c in rule.all]
    attributes = [name for condition in rule.all for name in condition.attributes]
    return list(dict.fromkeys([*values, *attributes, *(["completeness"] if rule.min_completeness else [])]))


def _judged(rule: Rule, days: Sequence[date]) -> list[date]:
    """Days whose readings are compared: a rule that counts them also compares those of the days before."""
    back = ceil(rule.repeats.within / timedelta(days=1)) if rule.repeats else 0
    return sorted({day - timedelta(days=n) for day in days for n in range(back + 1)})


def _with_value(
    ready: pl.DataFrame, number: int, condition: Condition, rules: RuleSet, entity: str, days: Sequence[date]
) -> pl.DataFrame:
    """Readings with what a condition compares: ``_value<number>``, ``_threshold<number>``."""
    threshold = _threshold(condition, rules)
    if condition.impossible:
        value = pl.lit(None, pl.Float64)
    else:
        value = pl.col(condition.metric).cast(pl.Float64)
        if condition.baseline:
            ready = ready.join(
                _baselines(ready, condition, condition.baseline, entity, days),
                on=[entity, "day"],
                how="left",
                maintain_order="left",
            )
            if condition.baseline.where == "known":
                value = value - pl.col("_baseline")
            else:
                threshold = pl.when(pl.col("_baseline").is_null()).then(threshold)
        elif condition.change_over:
            before = value.rolling_min_by if condition.above else value.rolling_max_by
            value = value - before("start", condition.change_over, closed="left").over(entity)
        value = value.round(condition.decimals)
    named = ready.with_columns(value.alias(f"_value{number}"), threshold.alias(f"_threshold{number}"))
    return named.drop("_baseline", strict=False)


def _baselines(
    ready: pl.DataFrame, condition: Condition, baseline: Baseline, entity: str, days: Sequence[date]
) -> pl.DataFrame:
    known = ready.select("day", entity, value=pl.col(condition.metric).cast(pl.Float64)).drop_nulls()
    found = [
        known.filter(pl.col("day").is_between(day - timedelta(days=baseline.days), day, closed="left"))
        .group_by(entity)
        .agg(pl.col("value").median().alias("_baseline"), pl.len().alias("_n"))
        .filter(pl.col("_n") >= baseline.at_least)
        .select(entity, "_baseline", pl.lit(day).alias("day"))
        for day in days
    ]
    nothing = pl.DataFrame(schema={entity: pl.String, "_baseline": pl.Float64, "day": pl.Date})
    return pl.concat([nothing, *found])


def _threshold(condition: Condition, rules: RuleSet) -> pl.Expr:
    if not condition.cases:
        return pl.lit(condition.threshold, pl.Float64)
    threshold = pl.lit(None, pl.Float64)
    for case in reversed(condition.cases):
        applies = reduce(and_, (_is(name, which, rules) for name, which in case.when.items()))
        threshold = pl.when(applies).then(pl.lit(case.threshold)).otherwise(threshold)
    return threshold


def _is(name: str, which: Between | OneOf, rules: RuleSet) -> pl.Expr:
    attribute = pl.col(name)
    if name in rules.assumed:
        attribute = attribute.fill_null(rules.assumed[name].value)
    if isinstance(which, OneOf):
        return attribute.is_in(list(which.one_of))
    low = attribute >= which.from_ if which.from_ is not None else pl.lit(True)
    return low & (attribute < which.to if which.to is not None else pl.lit(True))


def _holds(number: int, condition: Condition) -> pl.Expr:
    """Whether a condition holds; null where nobody can say."""
    if condition.impossible:
        flag = pl.col(f"{condition.metric}_flag")
        return pl.when(flag != MISSING).then(flag == FAIL)
    assert condition.operator is not None
    value = pl.col(f"_value{number}")
    compared = _OPERATORS[condition.operator](value, pl.col(f"_threshold{number}"))
    # A value to which no case applies violates nothing, unlike one that is absent.
    result: pl.Expr = pl.when(value.is_not_null()).then(compared.fill_null(False))
    return result


def _well(rule: Rule) -> pl.Expr:
    if rule.clear is None or rule.clear.operator is None:
        return ~pl.col("_holds")
    well = _OPERATORS[rule.clear.operator](pl.col("_value0"), pl.lit(rule.clear.threshold))
    result: pl.Expr = (~pl.col("_holds") & well) | pl.col("_threshold0").is_null()
    return result


def _marks(rule: Rule, rules: RuleSet) -> pl.Expr:
    """Marks of the assumptions that decide which case applies."""
    names = sorted({name for condition in rule.all for name in condition.attributes} & rules.assumed.keys())
    if not names:
        return pl.lit(None, pl.String)
    marks = [
        pl.when(
            pl.col(name).is_null(), pl.any_horizontal(_decides(name, condition, rules) for condition in rule.all)
        ).then(pl.lit(rules.assumed[name].mark))
        for name in names
    ]
    joined = pl.concat_str(marks, separator=", ", ignore_nulls=True)
    return pl.when(joined != "").then(joined)


def _decides(name: str, condition: Condition, rules: RuleSet) -> pl.Expr:
    """Whether the first case that the other attributes allow asks for this one."""
    decides: pl.Expr = pl.lit(False)
    for case in reversed(condition.cases):
        others = [_is(other, which, rules) for other, which in case.when.items() if other != name]
        allowed = reduce(and_, others, pl.lit(True)).fill_null(False)
        decides = pl.when(allowed).then(pl.lit(name in case.when)).otherwise(decides)
    return decides
