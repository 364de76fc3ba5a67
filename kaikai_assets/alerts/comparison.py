"""Rule sets side by side: what each would have raised, and where it differs from the active one."""

from collections.abc import Sequence

import polars as pl

from kaikai_assets.alerts.rules import SEVERITIES, RuleSet
from kaikai_assets.alerts.runs import INSTANT

_NEVER = pl.lit(2**62).cast(INSTANT)


def compare(episodes: pl.DataFrame, sets: Sequence[RuleSet], active: str, entity: str) -> pl.DataFrame:
    """Alerts of each rule set by the UTC day of their opening, from the episodes of all sets.

    Returns for each day on which any set opens an alert, and each set: ``opened_on, rule_set, is_active, alerts``, one
    count for each severity, ``entities``, ``overlapping`` (an alert of the active set for the same entity), ``alone``
    (the others) and ``missed`` (alerts of the active set that overlap none of this one).
    """
    found = episodes.with_columns(opened_on=pl.col("opened_at").dt.date())
    of_active = found.filter(pl.col("rule_set") == active)
    met = _overlapping(found, of_active, entity)
    names = [rules.rule_set for rules in sets]
    missed = pl.concat(
        [
            _overlapping(of_active, found.filter(pl.col("rule_set") == name), entity)
            .group_by("opened_on")
            .agg((~pl.col("_overlaps")).sum().alias("missed"))
            .with_columns(rule_set=pl.lit(name))
            for name in names
        ]
    )
    counted = met.group_by("opened_on", "rule_set").agg(
        pl.len().alias("alerts"),
        *((pl.col("severity") == severity).sum().alias(severity) for severity in SEVERITIES),
        pl.col(entity).n_unique().alias("entities"),
        pl.col("_overlaps").sum().alias("overlapping"),
        (~pl.col("_overlaps")).sum().alias("alone"),
    )
    each = found.select("opened_on").unique().join(pl.DataFrame({"rule_set": names}), how="cross")
    counts = ["alerts", *SEVERITIES, "entities", "overlapping", "alone", "missed"]
    return (
        each.join(counted, on=["opened_on", "rule_set"], how="left")
        .join(missed, on=["opened_on", "rule_set"], how="left")
        .with_columns(pl.col(counts).fill_null(0).cast(pl.Int64), is_active=pl.col("rule_set") == active)
        .select("opened_on", "rule_set", "is_active", *counts)
        .sort("opened_on", "rule_set")
    )


def _overlapping(episodes: pl.DataFrame, others: pl.DataFrame, entity: str) -> pl.DataFrame:
    """Episodes with ``_overlaps``: whether [opened, closed) meets one of others for the same entity."""
    until = pl.col("closed_at").fill_null(_NEVER)
    latest = (
        others.sort("opened_at")
        .with_columns(_until=until.cum_max().over(entity))
        # The last opening before an episode's end; any of those before it may last longer.
        .select(entity, "_until", _opened="opened_at")
    )
    return (
        episodes.with_columns(_end=until)
        .sort("_end")
        .join_asof(
            latest,
            left_on="_end",
            right_on="_opened",
            by=entity,
            strategy="backward",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .with_columns(_overlaps=(pl.col("_until") > pl.col("opened_at")).fill_null(False))
        .drop("_end", "_until", "_opened")
    )
