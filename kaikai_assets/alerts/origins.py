"""What runs of days and alerts were made of, for tracing them."""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import and_

import polars as pl

from kaikai_assets.alerts.rules import Condition, Rule, RuleSet
from kaikai_assets.alerts.states import VIOLATING, complete
from kaikai_assets.build.origins import Holds
from kaikai_assets.quality.flags import MISSING


def judged(rule_sets: Callable[[], Sequence[RuleSet]], what: str, start: str) -> Holds:
    """Pairs of a run and what its rule judges (a reading, window, hour, day) that starts at ``start``."""

    def of_what(pairs: pl.DataFrame, _registry: pl.DataFrame) -> pl.DataFrame:
        by_rule = [
            _judged(rule) & (pl.col("made.rule") == rule.id) & (pl.col("made.rule_set") == rules.rule_set)
            for rules in rule_sets()
            for rule in rules.of(what)
        ]
        # An instant ends at its start: the last of a run is part of it.
        begun = (pl.col(start) < pl.col("made.end")) | (pl.col(start) == pl.col("made.last"))
        return pairs.filter(begun, pl.any_horizontal(pl.lit(False), *by_rule))

    return of_what


def violating(pairs: pl.DataFrame, _registry: pl.DataFrame) -> pl.DataFrame:
    """Pairs with a run that violates."""
    return pairs.filter(pl.col("state") == VIOLATING)


def _judged(rule: Rule) -> pl.Expr:
    if rule.silent_for:
        return pl.lit(True)
    known = reduce(and_, map(_known, rule.all))
    return known & complete(rule) if rule.min_completeness else known


def _known(condition: Condition) -> pl.Expr:
    if condition.impossible:
        return pl.col(f"{condition.metric}_flag") != MISSING
    return pl.col(condition.metric).is_not_null()
