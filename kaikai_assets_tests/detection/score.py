"""Precision and recall of what was told, against what was injected."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl


class Share(NamedTuple):
    """Some of all."""

    some: int
    all: int

    def __str__(self) -> str:
        # Never rounded up to 100 %.
        percent = f"{int(1000 * self.some / self.all) / 10:g} %" if self.all else "–"
        return f"{percent} ({self.some} of {self.all})"


@dataclass(frozen=True)
class Score:
    """One kind of what was injected: where the product tells it, and how well.

    `recall`: injected ones that were told; `precision`: told ones that were injected. `certain` kinds need no
    statistics and must be told without fail.
    """

    kind: str
    told_by: str
    certain: bool
    recall: Share
    precision: Share


def exactly(injected: pl.DataFrame, told: pl.DataFrame) -> tuple[Share, Share]:
    """Recall and precision of rows with the columns of `injected`, each counted once."""
    injected, told = injected.unique(), told.select(injected.columns).unique()
    both = injected.join(told, on=injected.columns, how="semi").height
    return Share(both, injected.height), Share(both, told.height)


def by_episode(episodes: pl.DataFrame, told: pl.DataFrame, on: Sequence[str] = ("sensor_id",)) -> tuple[Share, Share]:
    """Recall by episode (`start`, `end`), found if anything within was told; precision by what was told (`time`)."""
    numbered = episodes.with_row_index("episode")
    placed = told.with_row_index("one").join(numbered, on=on, how="inner")
    hits = placed.filter(pl.col("time").is_between("start", "end", closed="left"))
    return Share(hits["episode"].n_unique(), episodes.height), Share(hits["one"].n_unique(), told.height)
