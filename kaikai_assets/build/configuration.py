"""What configures a step besides the code, as digests: sources, registry columns, rule files.

Whatever a step's ``make`` uses of these must be in its configuration: a change of it re-opens the step's days.
"""

from bisect import bisect_right
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from typing import Any

import polars as pl

from kaikai_assets.build.pending import DESCRIPTIVE
from kaikai_assets.build.steps import Configuration, Context
from kaikai_assets.digests import digest_of
from kaikai_assets.rule_files import Rules


def of_sources(context: Context, *values: Any) -> Configuration:
    """The sources that landed for a day, the first day, and other values."""

    @cache
    def of(names: frozenset[str]) -> str:
        present = {name: context.sources[name] for name in sorted(names & context.sources.keys())}
        dumped = {name: s.model_dump(mode="json", exclude=DESCRIPTIVE) for name, s in present.items()}
        return digest_of(dumped, values, context.first_day)

    return lambda _day, names: of(names)


def of_registry(entity: str, *names: str, around: int = 0, whoever: bool = False) -> Callable[[Context], Configuration]:
    """Columns of the registry's rows that are valid on a day, or on one of the days around it.

    Rows without a value in them do not count, unless it counts ``whoever`` is registered.
    """

    def configuration(context: Context) -> Configuration:
        known = context.dimension.filter(pl.lit(whoever) | pl.any_horizontal(pl.col(names).is_not_null()))
        rows = known.select(entity, "valid_from", "valid_to", *names).rows()
        # Between two of these days the registry says the same.
        changes = sorted({day for row in rows for day in row[1:3] if day is not None})

        @cache
        def between(change: int) -> str:
            day = changes[change - 1] if change else date.min
            valid = [
                (who, *values)
                for who, start, end, *values in rows
                if (start or date.min) <= day and (end is None or day < end)
            ]
            return digest_of(valid)

        def of_day(day: date | None, _names: frozenset[str]) -> str:
            if day is None:
                return digest_of(rows)
            near = (bisect_right(changes, day + timedelta(days=n)) for n in range(-around, around + 1))
            return digest_of([between(change) for change in near])

        return of_day

    return configuration


def with_rules(configuration: Configuration, *files: Rules) -> Configuration:
    """A configuration and some rule files."""
    digest = digest_of([one.model_dump(mode="json") for one in files])
    return lambda day, names: digest_of(digest, configuration(day, names))


def of_rules(*files: Rules) -> Configuration:
    """Rule files alone."""
    digest = digest_of([one.model_dump(mode="json") for one in files])
    return lambda _day, _names: digest
