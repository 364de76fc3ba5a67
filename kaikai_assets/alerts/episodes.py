"""Episodes of a violated rule: runs of equal state within a day, folded over days.

A day's runs do not depend on what was open at midnight, so days are computed alone and in any order; the fold joins
them. A missing or incomplete interval is neither violating nor well: it never opens and never closes an episode.
"""

import hashlib

import polars as pl

from kaikai_assets.alerts.rules import Rule, RuleSet

_OF = ["rule", "entity"]


def known(rule: Rule) -> pl.Expr:
    """Whether an interval's value is there and complete enough for a rule to judge it."""
    return pl.col(rule.metric).is_not_null() & (pl.col("completeness") >= rule.min_completeness)


def runs(values: pl.DataFrame, rule: Rule, every: str) -> pl.DataFrame:
    """Runs of equal state for each day and entity.

    ``values``: ``day, entity, start`` (UTC, start of an interval of length ``every``), ``completeness`` and the rule's
    metric. Returns ``day, rule, entity, start, end, violating, n, peak`` with half-open [start, end); ``peak`` is the
    value furthest beyond the threshold, null in a well run: how well is no part of an alert.
    """
    value = pl.col(rule.metric).round(rule.decimals)
    above = rule.operator in (">", ">=")
    violating = {
        ">": value > rule.threshold,
        ">=": value >= rule.threshold,
        "<": value < rule.threshold,
        "<=": value <= rule.threshold,
    }[rule.operator]
    states = values.filter(known(rule)).sort("entity", "start").with_columns(violating=violating, rule=pl.lit(rule.id))
    by = ["day", *_OF]
    changed = (pl.col("violating") != pl.col("violating").shift(1)).fill_null(True)
    return (
        states.with_columns(_run=changed.cum_sum().over(by))
        .group_by([*by, "_run"], maintain_order=True)
        .agg(
            pl.col("start").first(),
            pl.col("start").last().dt.offset_by(every).alias("end"),
            pl.col("violating").first(),
            pl.len().cast(pl.Int64).alias("n"),
            pl.when(violating).then(value).otherwise(None).pipe(pl.Expr.max if above else pl.Expr.min).alias("peak"),
        )
        .drop("_run")
    )


def fold(of_days: pl.DataFrame, rules: RuleSet) -> pl.DataFrame:
    """Episodes from the runs of all days.

    Returns ``alert_id, rule_set, rule_version, rule, severity, entity, opened_at, last_violation_end, closed_at``
    (start of the first well interval after it; null while none is known), ``n, peak, threshold``.
    """
    severity = {rule.id: rule.severity for rule in rules.rules}
    threshold = {rule.id: rule.threshold for rule in rules.rules}
    above = {rule.id: rule.operator in (">", ">=") for rule in rules.rules}
    ordered = of_days.filter(pl.col("rule").is_in(list(severity))).sort(*_OF, "start")
    well_before = ~pl.col("violating").shift(1).over(_OF).fill_null(False)
    states = ordered.with_columns(_opens=pl.col("violating") & well_before).with_columns(
        _episode=pl.col("_opens").cum_sum().over(_OF)
    )
    bad = pl.col("violating")
    highest = pl.col("rule").first().replace_strict(above, return_dtype=pl.Boolean)
    episodes = (
        states.filter(pl.col("_episode") > 0)
        .group_by([*_OF, "_episode"], maintain_order=True)
        .agg(
            pl.col("start").filter(bad).first().alias("opened_at"),
            pl.col("end").filter(bad).last().alias("last_violation_end"),
            pl.col("start").filter(~bad).first().alias("closed_at"),
            pl.col("n").filter(bad).sum().alias("n"),
            pl.when(highest)
            .then(pl.col("peak").filter(bad).max())
            .otherwise(pl.col("peak").filter(bad).min())
            .alias("peak"),
        )
    )
    identity = pl.concat_str(
        pl.lit(f"{rules.rule_set}/{rules.version}"),
        "rule",
        "entity",
        pl.col("opened_at").dt.strftime("%+"),
        separator="|",
    )
    # Episodes are few: one hash each in Python keeps ids the same on every engine and version.
    ids = [hashlib.sha256(text.encode()).hexdigest()[:20] for text in episodes.select(identity).to_series()]
    return episodes.drop("_episode").with_columns(
        pl.Series("alert_id", ids, dtype=pl.String),
        rule_set=pl.lit(rules.rule_set),
        rule_version=pl.lit(rules.version),
        severity=pl.col("rule").replace_strict(severity, return_dtype=pl.String),
        threshold=pl.col("rule").replace_strict(threshold, return_dtype=pl.Float64),
    )
