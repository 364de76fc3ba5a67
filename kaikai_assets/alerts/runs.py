"""Runs of equal state within a day: a day's share of what alerts are folded from, whatever was open before it."""

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from kaikai_assets.alerts.rules import Rule, RuleSet
from kaikai_assets.alerts.states import CLEAR, VIOLATING, states
from kaikai_assets.quality.order import ordered, stretch
from kaikai_assets.rule_files import RuleError

INSTANT = pl.Datetime("us", "UTC")


def runs(
    sets: Sequence[RuleSet], frames: Mapping[str, pl.DataFrame], entity: str, days: Sequence[date]
) -> pl.DataFrame:
    """Runs of some days for all rules of some sets, from what they judge.

    ``frames``: by what rules are of (``reading``, ``window``, ``hour``, ``day``), the rows that ``states`` reads.
    Returns ``day, rule_set, rule, <entity>, start, last`` (start of the last reading), ``end, max_gap_s`` (of the first
    reading to the one before), ``state, n, peak`` (value furthest beyond the threshold; null where not violating),
    ``threshold, assumed``, in UTC. The first readings of a run stand alone where a rule counts them.
    Raises ``RuleError`` for a rule of what is not there.
    """
    for rules in sets:
        if unknown := sorted({rule.of for rule in rules.rules} - frames.keys()):
            id = rules.of(unknown[0])[0].id
            raise RuleError(f"{rules.rule_set}: rule {id!r}: no {unknown[0]} is judged here, only {', '.join(frames)}")
    in_time = {of: ordered(frame, [entity], "start") for of, frame in frames.items()}
    found = [_empty(entity)]
    for rules in sets:
        for rule in rules.rules:
            of_rule = _runs(states(in_time[rule.of], rule, rules, entity, days), rule, entity)
            named = of_rule.with_columns(rule_set=pl.lit(rules.rule_set), rule=pl.lit(rule.id))
            found.append(named.select(found[0].columns))
    return pl.concat(found)


def _runs(judged: pl.DataFrame, rule: Rule, entity: str) -> pl.DataFrame:
    same = [pl.col(name) == pl.col(name).shift(1) for name in ("day", entity, "state")]
    if rule.silent_for:
        # How long a silence may be, the reading before it says. A longer interval may end after those that follow.
        heard, allowed = pl.col("end").cum_max().over(stretch("day", entity)).shift(1), gap("max_gap_s").shift(1)
        same.append(pl.col("max_gap_s") == pl.col("max_gap_s").shift(1))
    else:
        heard, allowed = pl.col("start").shift(1), gap("max_gap_s")
    goes_on = pl.all_horizontal(*same, pl.col("start") - heard <= allowed)
    numbered = judged.with_columns(_run=(~goes_on).fill_null(True).cum_sum().set_sorted())
    counted = {VIOLATING: rule.readings, CLEAR: rule.clear.readings if rule.clear else 1}
    if max(counted.values()) > 1:
        alone = _begun(1)
        for state, readings in counted.items():
            alone = pl.when(pl.col("state") == state).then(_begun(readings)).otherwise(alone)
        numbered = numbered.with_columns(_run=alone.cum_sum().set_sorted())
    return numbered.group_by("_run", maintain_order=True).agg(
        pl.col("day", entity, "start", "max_gap_s", "state", "threshold").first(),
        pl.col("start").last().alias("last"),
        pl.col("end").max(),
        pl.len().cast(pl.Int64).alias("n"),
        (pl.col("value").max() if rule.above else pl.col("value").min()).alias("peak"),
        pl.col("assumed").max(),
    )


def _begun(readings: int) -> pl.Expr:
    """Whether a reading is one of the first so many of its run."""
    return pl.col("_run") != pl.col("_run").shift(readings, fill_value=0)


def gap(seconds: str) -> pl.Expr:
    """A column of seconds as a duration."""
    return pl.duration(microseconds=(pl.col(seconds) * 1e6).round().cast(pl.Int64), time_unit="us")


def _empty(entity: str) -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "day": pl.Date,
            "rule_set": pl.String,
            "rule": pl.String,
            entity: pl.String,
            "start": INSTANT,
            "last": INSTANT,
            "end": INSTANT,
            "max_gap_s": pl.Float64,
            "state": pl.String,
            "n": pl.Int64,
            "peak": pl.Float64,
            "threshold": pl.Float64,
            "assumed": pl.String,
        }
    )
