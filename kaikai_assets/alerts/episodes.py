"""Episodes of a violated rule: runs of all days, folded in the order of event time.

Violating readings are pending until they are enough in number and time; then an alert is open from the first of them.
It is closed by readings that are clear, where the rule asks so enough of them. A gap of over ``max_gap_s`` cancels what
is pending, be it opening or closing, and leaves open what is open: missing data never resolves an alert.
"""

import hashlib
from datetime import timedelta

import polars as pl

from kaikai_assets.alerts.rules import RuleSet
from kaikai_assets.alerts.runs import INSTANT, gap
from kaikai_assets.alerts.states import CLEAR, VIOLATING

_START, _STATE = pl.col("start"), pl.col("state")


def fold(of_days: pl.DataFrame, rules: RuleSet, entity: str) -> pl.DataFrame:
    """Episodes of a rule set from the runs of all days.

    Returns ``alert_id, rule_set, rule_version, rule, <entity>, severity, opened_at`` (first violating reading, or the
    instant from which silence is too long), ``raised_at`` (when enough of them had violated), ``last_violation_end,
    closed_at`` (when enough of them were clear; null while open), ``n`` (violating readings; 1 for silence), ``peak``
    (value furthest beyond the threshold; of silence minutes), ``threshold`` (at opening), ``assumed``.
    """
    of_set = of_days.filter(pl.col("rule_set") == rules.rule_set).sort("rule", entity, "start")
    named = of_set.drop("rule_set").join(_parameters(rules), on="rule", maintain_order="left")
    of = ["rule", entity]
    found = pl.concat(
        [_violations(named.filter(~pl.col("silence")), of), _silences(named.filter("silence"), of)]
    ).with_columns(rule_set=pl.lit(rules.rule_set), rule_version=pl.lit(rules.version, pl.Int64))
    identity = pl.concat_str(
        pl.lit(f"{rules.rule_set}/{rules.version}"), *of, pl.col("opened_at").dt.strftime("%+"), separator="|"
    )
    # Episodes are few: one hash each in Python keeps ids the same on every engine and version.
    ids = [hashlib.sha256(text.encode()).hexdigest()[:20] for text in found.select(identity).to_series()]
    return found.select(
        pl.Series("alert_id", ids, dtype=pl.String),
        "rule_set",
        "rule_version",
        "rule",
        entity,
        *_OF_EPISODES,
    )


def _parameters(rules: RuleSet) -> pl.DataFrame:
    zero = timedelta()
    rows = [
        (
            rule.id,
            rule.severity,
            rule.above,
            rule.silent_for is not None,
            rule.lasting or zero,
            rule.readings,
            (rule.clear.lasting if rule.clear else None) or zero,
            rule.clear.readings if rule.clear else 1,
        )
        for rule in rules.rules
    ]
    schema = {
        "rule": pl.String(),
        "severity": pl.String(),
        "above": pl.Boolean(),
        "silence": pl.Boolean(),
        "lasting": pl.Duration("us"),
        "readings": pl.Int64(),
        "clear_lasting": pl.Duration("us"),
        "clear_readings": pl.Int64(),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _violations(rows: pl.DataFrame, of: list[str]) -> pl.DataFrame:
    streaks = _streaks(rows, of)
    enough = pl.col("reached_at").is_not_null()
    raises, clears = enough & (_STATE == VIOLATING), enough & (_STATE == CLEAR)
    open_before = pl.when(raises).then(True).when(clears).then(False).forward_fill().shift(1).over(of).fill_null(False)
    numbered = (
        streaks.with_columns(_opens=raises & ~open_before, _clears=clears)
        .with_columns(_episode=pl.col("_opens").cum_sum().over(of))
        .with_columns(_cleared=pl.col("_clears").cum_sum().over([*of, "_episode"]))
    )
    bad = (_STATE == VIOLATING) & (pl.col("_cleared") == 0)
    return (
        numbered.filter(pl.col("_episode") > 0)
        .group_by([*of, "_episode"], maintain_order=True)
        .agg(
            pl.col("severity", "threshold").first(),
            _START.first().alias("opened_at"),
            pl.col("reached_at").first().alias("raised_at"),
            pl.col("end").filter(bad).max().alias("last_violation_end"),
            pl.col("reached_at").filter("_clears").first().alias("closed_at"),
            pl.col("n").filter(bad).sum(),
            pl.when(pl.col("above").first())
            .then(pl.col("peak").filter(bad).max())
            .otherwise(pl.col("peak").filter(bad).min())
            .alias("peak"),
            pl.col("assumed").filter(bad).max(),
        )
        .select(*of, *_OF_EPISODES)
    )


_OF_EPISODES = (
    "severity",
    "opened_at",
    "raised_at",
    "last_violation_end",
    "closed_at",
    "n",
    "peak",
    "threshold",
    "assumed",
)


def _streaks(rows: pl.DataFrame, of: list[str]) -> pl.DataFrame:
    """Runs joined over midnight, with ``reached_at``: when enough readings had been of one state, null if never."""
    same = [pl.col(name) == pl.col(name).shift(1) for name in (*of, "state")]
    goes_on = pl.all_horizontal(*same, _START - pl.col("last").shift(1) <= gap("max_gap_s"))
    clear = _STATE == CLEAR
    numbered = rows.with_columns(
        _streak=(~goes_on).fill_null(True).cum_sum(),
        _lasting=pl.when(clear).then("clear_lasting").otherwise("lasting"),
        _readings=pl.when(clear).then("clear_readings").otherwise("readings"),
    ).with_columns(_counted=pl.col("n").cum_sum().over("_streak") >= pl.col("_readings"))
    joined = numbered.group_by("_streak", maintain_order=True).agg(
        pl.col(*of, "severity", "above", "state", "start", "threshold", "_lasting").first(),
        pl.col("end").max(),
        pl.col("n").sum(),
        pl.when(pl.col("above").first()).then(pl.col("peak").max()).otherwise(pl.col("peak").min()).alias("peak"),
        pl.col("assumed").max(),
        _START.filter("_counted").first().alias("_counted_at"),
    )
    # An interval that lasts into the next reading of another state lasts until that one only.
    capped = joined.with_columns(end=pl.min_horizontal("end", _START.shift(-1).over(of)))
    lasted_at = _START + pl.col("_lasting")
    reached = pl.col("_counted_at").is_not_null() & (pl.col("end") >= lasted_at)
    return capped.with_columns(reached_at=pl.when(reached).then(pl.max_horizontal("_counted_at", lasted_at)))


def _silences(rows: pl.DataFrame, of: list[str]) -> pl.DataFrame:
    """Silences between readings, and the one after the last, as long as any entity was heard."""
    allowed = gap("max_gap_s")
    # A day as delivered, or an hour that has begun, ends later than anybody was heard.
    newest = pl.col("last").max().over("rule")
    return (
        rows.with_columns(_heard=pl.col("end").cum_max().over(of), closed_at=_START.shift(-1).over(of), _newest=newest)
        .with_columns(opened_at=pl.col("_heard") + allowed, last_violation_end=pl.coalesce("closed_at", "_newest"))
        .filter(pl.col("last_violation_end") > pl.col("opened_at"))
        .with_columns(
            raised_at=pl.col("opened_at"),
            n=pl.lit(1, pl.Int64),
            peak=(pl.col("last_violation_end") - pl.col("_heard")).dt.total_microseconds() / 6e7,
            closed_at=pl.col("closed_at").cast(INSTANT),
        )
        .select(*of, *_OF_EPISODES)
    )
