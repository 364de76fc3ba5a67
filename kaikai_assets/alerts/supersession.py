"""What became of the alerts that were seen before, now that the data gives these episodes."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from kaikai_assets.alerts.lifecycle import (
    EPISODE,
    MATTER,
    UNTIL,
    Action,
    Episode,
    Matter,
    as_episodes,
    of_matters,
    state,
)


@dataclass(frozen=True)
class Seen:
    """An episode as it last stood. ``gone``: the data gives it no more; the one that overlaps it is ``superseded_by``,
    null where there is none."""

    episode: Episode
    gone: bool = False
    superseded_by: str | None = None


SEEN: dict[str, pl.DataType] = {**EPISODE, "gone": pl.Boolean(), "superseded_by": pl.String()}
"""Columns of alerts as they last stood: as ``Seen`` has them."""

CHANGES: dict[str, pl.DataType] = {
    "alert_id": pl.String(),
    "change": pl.String(),
    "at": pl.Datetime("us", "UTC"),
    "superseded_by": pl.String(),
}
"""Columns of what happened to alerts; ``at`` is the event time of that."""


def compare(
    seen: pl.DataFrame,
    episodes: pl.DataFrame,
    actions: Mapping[Matter, Sequence[Action]],
    missing: AbstractSet[date],
    now: datetime,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Alerts whose row changes (``SEEN``), and the changes (``CHANGES``) by time.

    ``seen`` are all alerts as they last stood (``SEEN``), ``episodes`` all that the data gives (``EPISODE``). An alert
    that was seen and is not among them is gone, unless one of its days is ``missing``: while a lake is made anew nobody
    knows.
    """
    there = episodes.with_columns(gone=pl.lit(False), superseded_by=pl.lit(None, pl.String)).select(list(SEEN))
    present = there.join(seen, on=list(SEEN), how="anti", nulls_equal=True)
    gone = _gone(seen, episodes, missing)
    both = present.join(seen, on="alert_id", how="left", suffix="_before")
    before, closed, closed_before = pl.col("gone_before"), pl.col("closed_at"), pl.col("closed_at_before")
    changes = [
        _changes(both.filter(before.is_null()), "opened", "opened_at"),
        _changes(both.filter(before), "restored", "opened_at"),
        _changes(both.filter(closed.is_not_null() & closed.ne_missing(closed_before)), "cleared", "closed_at"),
        _changes(both.filter(closed.is_null() & closed_before.is_not_null()), "reopened", "closed_at_before"),
        _violated_again(seen, present, actions, now),
        _changes(gone.filter(pl.col("superseded_by").is_null()), "withdrawn", "opened_at"),
        _changes(gone.drop_nulls("superseded_by"), "superseded", "opened_at", pl.col("superseded_by")),
    ]
    return pl.concat([present, gone]), pl.concat(changes).sort("at", "alert_id", "change")


def _gone(seen: pl.DataFrame, episodes: pl.DataFrame, missing: AbstractSet[date]) -> pl.DataFrame:
    absent = seen.join(episodes, on="alert_id", how="anti").sort("opened_at")
    days = pl.Series(sorted(missing), dtype=pl.Date)
    first = days.search_sorted(absent["opened_at"].dt.date(), "left")
    known = absent.filter(first == days.search_sorted(absent["last_violation_end"].dt.date(), "right"))
    # The first that ends after it began. Of one matter they do not overlap.
    ends = episodes.select(*MATTER, UNTIL.alias("ends"), began="opened_at", successor="alert_id").sort("ends")
    later = known.join_asof(
        ends,
        left_on="opened_at",
        right_on="ends",
        by=list(MATTER),
        strategy="forward",
        allow_exact_matches=False,
        check_sortedness=False,
    )
    successor = pl.when(pl.col("began") < UNTIL).then("successor")
    changed = later.filter(~pl.col("gone") | pl.col("superseded_by").ne_missing(successor))
    return changed.with_columns(gone=pl.lit(True), superseded_by=successor).select(list(SEEN))


def _violated_again(
    seen: pl.DataFrame, present: pl.DataFrame, actions: Mapping[Matter, Sequence[Action]], now: datetime
) -> pl.DataFrame:
    """Alerts that were resolved and are not any more."""
    resolved = [matter for matter, made in actions.items() if any(a.kind == "resolve" for a in made)]
    after = of_matters(present, resolved)
    before = {old.alert_id: old for old in as_episodes(seen.join(after, on="alert_id", how="semi"))}
    found = []
    for new in as_episodes(after):
        made = actions[new.matter]
        if new.alert_id in before and state(before[new.alert_id], made, now).resolved:
            stands = state(new, made, now)
            if not stands.resolved:
                found.append((new.alert_id, "violated_again", stands.since, None))
    return pl.DataFrame(found, schema=CHANGES, orient="row")


def _changes(rows: pl.DataFrame, change: str, at: str, superseded_by: pl.Expr | None = None) -> pl.DataFrame:
    by = pl.lit(None, pl.String) if superseded_by is None else superseded_by
    return rows.select("alert_id", change=pl.lit(change), at=at, superseded_by=by)
