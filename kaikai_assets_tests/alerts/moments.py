"""Episodes and actions for tests: minutes after an instant."""

from collections.abc import Iterable
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from kaikai_assets.alerts.lifecycle import EPISODE, Action, Episode, Kind

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
MATTER = ("set", "low", "P1")


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def after(minutes: float) -> datetime:
    """Just after."""
    return at(minutes) + timedelta(microseconds=1)


def episode(opened: float, end: float, closed: float | None = None, **changes: Any) -> Episode:
    """An episode of critical severity that violates in [opened, end); ``closed`` is null while open."""
    rule_set, rule, entity = MATTER
    values: dict[str, Any] = {
        "rule_set": rule_set,
        "rule_version": 1,
        "rule": rule,
        "severity": "critical",
        "entity": entity,
        "opened_at": at(opened),
        "raised_at": at(opened),
        "last_violation_end": at(end),
        "closed_at": None if closed is None else at(closed),
        "n": 1,
        "peak": 85.0,
        "threshold": 88.0,
        "assumed": None,
        **changes,
    }
    identity = [str(values[name]) for name in ("rule_set", "rule_version", "rule", "entity", "opened_at")]
    return Episode(**{"alert_id": "|".join(identity), **values})


def action(kind: Kind, since: float, until: float, when: float, expires: float | None = None) -> Action:
    return Action(
        kind, *MATTER, at(since), at(until), at(when), "somebody", "why", None if expires is None else at(expires)
    )


def frame(episodes: Iterable[Episode]) -> pl.DataFrame:
    return pl.DataFrame([astuple(one) for one in episodes], schema=EPISODE, orient="row")
