"""Episodes of a violated rule: runs of all days, folded in the order of event time.

Violating readings are pending until they are enough in number and time; then an alert is open from the first of them.
It is closed by readings that are clear, where the rule asks so enough of them. A gap of over ``max_gap_s`` cancels what
is pending, be it opening or closing, and leaves open what is open: missing data never resolves an alert.
"""

import hashlib
from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from kaikai_assets.alerts.rules import Clear, Rule, RuleSet
from kaikai_assets.alerts.runs import INSTANT, gap
from kaikai_assets.alerts.states import CLEAR, VIOLATING
from kaikai_assets.quality.codes import in_order

_START, _STATE = pl.col("start"), pl.col("state")


def fold(of_days: pl.DataFrame, rules: RuleSet, entity: str) -> pl.DataFrame:
    """Episodes of a rule set from the runs of all days.

    Returns ``alert_id, rule_set, rule_version, rule, <entity>, severity, opened_at`` (first violating reading, or the
    instant from which silence is too long), ``raised_at`` (when enough of them had violated), ``last_violation_end,
    closed_at`` (when enough of them were clear; null while open), ``n`` (violating readings; 1 for silence), ``peak``
    (value furthest beyond the threshold; of silence minutes), ``threshold`` (at opening), ``assumed``.
    """
    found = pl.concat(
        _of_rule(of_days.filter(rule_set=rules.rule_set, rule=rule.id).select(entity, *_OF_RUNS), rule, entity)
        for rule in sorted(rules.rules, key=lambda rule: rule.id)
    ).with_columns(rule_set=pl.lit(rules.rule_set), rule_version=pl.lit(rules.version, pl.Int64))
    identity = pl.concat_str(
        pl.lit(f"{rules.rule_set}/{rules.version}"),
        "rule",
        entity,
        pl.col("opened_at").dt.strftime("%+"),
        separator="|",
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


def fold_all(of_days: pl.DataFrame, sets: Sequence[RuleSet], entity: str) -> pl.DataFrame:
    """Episodes of several rule sets from the runs of all days, as ``fold`` tells those of one."""
    return pl.concat([fold(of_days, rules, entity) for rules in sets])


def _of_rule(rows: pl.DataFrame, rule: Rule, entity: str) -> pl.DataFrame:
    """Episodes of a rule from its runs."""
    in_time = in_order(rows, [entity, "start"])
    found = _silences(in_time, entity) if rule.silent_for else _violations(in_time, rule, entity)
    return found.with_columns(rule=pl.lit(rule.id), severity=pl.lit(rule.severity)).select(
        "rule", entity, *_OF_EPISODES
    )


def _violations(rows: pl.DataFrame, rule: Rule, entity: str) -> pl.DataFrame:
    enough, first = pl.col("reached_at").is_not_null(), pl.col(entity).ne_missing(pl.col(entity).shift(1))
    raises, clears = enough & (_STATE == VIOLATING), enough & (_STATE == CLEAR)
    is_open = pl.when(raises).then(True).when(clears | first).then(False).forward_fill()
    opens = raises & (first | ~is_open.shift(1))
    # The row at which an episode opened, until the next does; none before an entity's first.
    episode = pl.when(opens).then(pl.int_range(pl.len())).when(first).then(-1).forward_fill()
    number, streaks = _streaks(rows, rule, entity)
    numbered = (
        streaks.with_columns(_episode=episode, _clears=clears)
        .filter(pl.col("_episode") >= 0)
        .with_columns(pl.col("_episode").set_sorted())
        .with_columns(_cleared=pl.col("_clears").cum_sum().over("_episode"))
    )
    bad = numbered.filter(_STATE == VIOLATING, pl.col("_cleared") == 0)
    of_streaks = numbered.group_by("_episode", maintain_order=True).agg(
        pl.col(entity, "threshold").first(),
        _START.first().alias("opened_at"),
        pl.col("reached_at").first().alias("raised_at"),
        pl.col("reached_at").filter("_clears").first().alias("closed_at"),
    )
    ends = bad.group_by("_episode", maintain_order=True).agg(pl.col("end").max().alias("last_violation_end"))
    # Each episode has a violating streak, its first.
    of_runs = (
        rows.select("n", "peak", "assumed", _episode=_spread(bad["_streak"], bad["_episode"], streaks.height)[number])
        .drop_nulls("_episode")
        .group_by(pl.col("_episode").set_sorted(), maintain_order=True)
        .agg(pl.col("n").sum(), _furthest(pl.col("peak"), rule), pl.col("assumed").max())
    )
    return pl.concat([of_streaks, ends.drop("_episode"), of_runs.drop("_episode")], how="horizontal")


def _spread(places: pl.Series, values: pl.Series, length: int) -> pl.Series:
    """Values at their places in a series of some length; null elsewhere."""
    return pl.repeat(None, length, dtype=values.dtype, eager=True).scatter(places, values)


_OF_RUNS = ("start", "last", "end", "max_gap_s", "state", "n", "peak", "threshold", "assumed")
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


def _furthest(values: pl.Expr, rule: Rule) -> pl.Expr:
    return values.max() if rule.above else values.min()


def _streaks(rows: pl.DataFrame, rule: Rule, entity: str) -> tuple[pl.Series, pl.DataFrame]:
    """The number of each run's streak, and the streaks: runs joined over midnight, with ``reached_at``: when enough
    readings had been of one state, null if never."""
    same = [pl.col(name) == pl.col(name).shift(1) for name in (entity, "state")]
    goes_on = pl.all_horizontal(*same, _START - pl.col("last").shift(1) <= gap("max_gap_s"))
    clear = rule.clear or Clear()
    lasting = pl.when(_STATE == CLEAR).then(clear.lasting or timedelta()).otherwise(rule.lasting or timedelta())
    readings = pl.when(_STATE == CLEAR).then(clear.readings).otherwise(rule.readings)
    in_all = pl.col("n").cum_sum()
    counted = in_all - pl.when("_begins").then(in_all - pl.col("n")).forward_fill() >= readings
    numbered = rows.with_columns(_begins=(~goes_on).fill_null(True)).with_columns(
        _streak=(pl.col("_begins").cum_sum() - 1).set_sorted(), _counts=counted
    )
    number = numbered["_streak"]
    reaches = pl.col("_counts") & (pl.col("_begins") | ~pl.col("_counts").shift(1))
    reached = numbered.select("_streak", "start", _reaches=reaches).filter("_reaches")
    streaks = numbered.select("_begins", "_streak", entity, "state", "start", "threshold").filter("_begins")
    joined = streaks.with_columns(
        numbered.group_by("_streak", maintain_order=True).agg(pl.col("end").max())["end"],
        _spread(reached["_streak"], reached["start"], streaks.height).alias("_counted_at"),
    )
    # An interval that lasts into the next reading of another state lasts until that one only.
    following = pl.when(pl.col(entity) == pl.col(entity).shift(-1)).then(_START.shift(-1))
    capped = joined.with_columns(end=pl.min_horizontal("end", following))
    lasted_at = _START + lasting
    enough = pl.col("_counted_at").is_not_null() & (pl.col("end") >= lasted_at)
    return number, capped.with_columns(reached_at=pl.when(enough).then(pl.max_horizontal("_counted_at", lasted_at)))


def _silences(rows: pl.DataFrame, entity: str) -> pl.DataFrame:
    """Silences between readings, and the one after the last, as long as any entity was heard."""
    allowed = gap("max_gap_s")
    return (
        rows.with_columns(
            _heard=pl.col("end").cum_max().over(entity),
            closed_at=_START.shift(-1).over(entity),
            # A day as delivered, or an hour that has begun, ends later than anybody was heard.
            _newest=pl.col("last").max(),
        )
        .with_columns(opened_at=pl.col("_heard") + allowed, last_violation_end=pl.coalesce("closed_at", "_newest"))
        .filter(pl.col("last_violation_end") > pl.col("opened_at"))
        .with_columns(
            raised_at=pl.col("opened_at"),
            n=pl.lit(1, pl.Int64),
            peak=(pl.col("last_violation_end") - pl.col("_heard")).dt.total_microseconds() / 6e7,
            closed_at=pl.col("closed_at").cast(INSTANT),
        )
    )
