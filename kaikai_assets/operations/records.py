"""The records that rows of silver and of the registry were made of, and what became of each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import polars as pl

from kaikai_assets.build.bronze import contract as bronze_contract
from kaikai_assets.build.derive import read_snapshot
from kaikai_assets.build.origins import Span, narrow
from kaikai_assets.build.state import State
from kaikai_assets.build.steps import Context, Domain
from kaikai_assets.landing.sources import SourceError, undescribed
from kaikai_assets.operations.raw_text import damage
from kaikai_assets.platform import Platform
from kaikai_assets.quality.conform import Conformed
from kaikai_assets.quality.contracts import key, schema
from kaikai_assets.quality.provenance import provenance
from kaikai_assets.quality.quarantine import mark_repeated

_RECORD = ["arrival_seq", "record"]
_PLACE = ["raw_file", "record"]


@dataclass(frozen=True)
class Records:
    """Records of a domain as bronze and the snapshot files hold them."""

    platform: Platform
    domain: Domain
    context: Context
    state: State

    def of_readings(self, silver: pl.DataFrame, row: pl.DataFrame, span: Span) -> pl.DataFrame:
        """``provenance`` of the records of some rows of silver, and of those rejected within the span of a row."""
        entity, merged_over = self.domain.entity, self._key
        start, end = row.select(span.start.alias("start"), span.end.dt.offset_by("-1us").alias("end")).row(0)
        days = pl.date_range(start.date(), end.date(), eager=True).to_list()
        conformed = self._readings({*silver["day"], *days})
        grains = {name: source.grain for name, source in self.context.sources.items()}
        refused = conformed.quarantine.filter(pl.col("kind") == "record").with_columns(
            grain=pl.col("source").replace_strict(grains, return_dtype=pl.String)
        )
        placed = refused.select(*_RECORD, entity, "time", "grain")
        near = narrow(row, span, "", placed.drop_nulls("time"), pl.col("time"), self.context.dimension)
        near = near.join(silver.select(entity, "grain").unique(), on=[entity, "grain"], how="semi")
        return _provenance(conformed, silver.select(merged_over), merged_over, near)

    def of_registry(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``provenance`` of the records of some rows of the registry."""
        merged_over = key(self.domain.dimension[self.domain.registry])
        conformed = self._snapshots
        return _provenance(conformed, rows.select(merged_over), merged_over, None) if conformed else nothing()

    def at(self, places: pl.DataFrame, day: date | None) -> pl.DataFrame:
        """``provenance`` of the records at some places (``raw_file, record``): of a day's readings, or the registry."""
        if day is not None:
            conformed, merged_over = self._readings({day}), self._key
        elif self._snapshots is not None:
            conformed, merged_over = self._snapshots, key(self.domain.dimension[self.domain.registry])
        else:
            return nothing()
        keys = conformed.rows.join(places, on=_PLACE, how="semi").select(merged_over)
        refused = conformed.quarantine.join(places, on=_PLACE, how="semi")
        return _provenance(conformed, keys, merged_over, refused).join(places, on=_PLACE, how="semi")

    @property
    def _key(self) -> list[str]:
        return ["day", *key(self.domain.readings)]

    def _readings(self, days: Iterable[date]) -> Conformed:
        bronze = self.platform.lake.read(self.domain.bronze, schema(bronze_contract(self.domain)), days)
        for name in bronze["source"].unique().sort():
            if name not in self.context.sources:
                raise SourceError(undescribed(name))
        typed = self.domain.conform(bronze, self.context)
        return Conformed(typed.rows, mark_repeated(typed.quarantine, self.domain.entity))

    @cached_property
    def damaged(self) -> dict[int, str]:
        """What is wrong with snapshot files, by arrival number: what they say of the registry is not known here."""
        found = ((file.arrival_seq, damage(self.platform.settings, file)) for file in self.state.snapshots())
        return {seq: problem for seq, problem in found if problem}

    @cached_property
    def _snapshots(self) -> Conformed | None:
        whole = [file for file in self.state.snapshots() if file.arrival_seq not in self.damaged]
        frames = [read_snapshot(self.platform.settings, self.context, file) for file in whole]
        filled = [frame for frame in frames if frame.height]
        return self.domain.conform_dimension(filled, self.context.sources) if filled else None


def nothing() -> pl.DataFrame:
    """Provenance of no records."""
    lists = dict.fromkeys(("leads", "again", "outdone", "cells"), pl.List(pl.String))
    texts = dict.fromkeys(("source", "raw_file", "role", "reason"), pl.String)
    order = ["source", "raw_file", *_RECORD, "role", "leads", "again", "outdone", "cells", "reason"]
    return pl.DataFrame(schema={**texts, **dict.fromkeys(_RECORD, pl.Int64), **lists}).select(order)


def _provenance(
    conformed: Conformed, keys: pl.DataFrame, merged_over: list[str], refused: pl.DataFrame | None
) -> pl.DataFrame:
    rows = conformed.rows.join(keys, on=merged_over, how="semi", nulls_equal=True)
    places = rows.select(_RECORD) if refused is None else pl.concat([rows.select(_RECORD), refused.select(_RECORD)])
    aside = conformed.quarantine.join(places, on=_RECORD, how="semi", maintain_order="left")
    return provenance(rows, aside, merged_over)
