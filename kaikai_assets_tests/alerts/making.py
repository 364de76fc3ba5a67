"""Rules, readings and the engine over them, day by day."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from kaikai_assets.alerts.episodes import fold
from kaikai_assets.alerts.rules import RuleSet, days_before
from kaikai_assets.alerts.runs import runs
from kaikai_assets_tests.alerts.reference import Reading

START = datetime(2025, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
COLUMNS = {
    "day": pl.Date(),
    "entity": pl.String(),
    "start": pl.Datetime("us", "UTC"),
    "end": pl.Datetime("us", "UTC"),
    "interval_s": pl.Float64(),
    "x": pl.Float64(),
    "y": pl.Float64(),
    "x_flag": pl.UInt8(),
    "age": pl.Float64(),
    "kind": pl.String(),
}


def condition(operator: str = ">", threshold: float = 2.0, metric: str = "x", **more: Any) -> dict[str, Any]:
    return {"metric": metric, "operator": operator, "threshold": threshold, "unit": "1", **more}


def a_rule(*conditions: dict[str, Any], id: str = "high", **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"id": id, "version": 1, "severity": "alert", "valid_from": "2025-01-01", "source": "test"}
    if "silent_for" not in more:
        given["all"] = list(conditions) or [condition()]
    return {**given, **more}


def rule_set(*rules: dict[str, Any], name: str = "test", version: int = 1, **more: Any) -> RuleSet:
    content = {"rule_set": name, "version": version, "description": "", "rules": list(rules) or [a_rule()], **more}
    return RuleSet.model_validate_json(json.dumps(content))


def frame(readings: Iterable[Reading]) -> pl.DataFrame:
    rows = [
        (
            r.day, r.entity, r.start, r.start, r.interval_s, r.values.get("x"), r.values.get("y"), r.flags.get("x", 1),
            r.attributes.get("age"), r.attributes.get("kind"),
        )
        for r in readings
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def of_days(readings: Sequence[Reading], rules: RuleSet, *groups: Sequence[date]) -> pl.DataFrame:
    """Runs of each group of days (default: each day alone), of these days and those that the rules look back at."""
    back = days_before([rules], "reading")
    batches = groups or [[day] for day in sorted({reading.day for reading in readings})]
    parts = [runs([rules], {"reading": frame([])}, "entity", [])]
    for days in batches:
        seen = {day - timedelta(days=n) for day in days for n in range(back + 1)}
        parts.append(runs([rules], {"reading": frame([r for r in readings if r.day in seen])}, "entity", days))
    return pl.concat(parts)


SHOWN = [
    "rule", "entity", "opened_at", "raised_at", "last_violation_end", "closed_at", "n", "peak", "threshold", "assumed",
]  # fmt: skip


def shown(readings: Sequence[Reading], rules: RuleSet) -> list[tuple[Any, ...]]:
    """What the engine says of some readings, day by day."""
    return fold(of_days(readings, rules), rules, "entity").select(SHOWN).sort(SHOWN[:3]).rows()


def minutes(
    text: str, entity: str = "S1", first: float = 0, levels: dict[str, float | None] | None = None
) -> list[Reading]:
    """Readings a minute apart: ``x`` is above 2, ``o`` at 0, ``~`` at 1.5, ``-`` has no value; blanks are missing."""
    level = {"x": 3.0, "o": 0.0, "~": 1.5, "-": None, **(levels or {})}
    return [
        Reading(entity, START + (first + n) * MINUTE, {"x": level[c], "y": None})
        for n, c in enumerate(text)
        if c != " "
    ]
