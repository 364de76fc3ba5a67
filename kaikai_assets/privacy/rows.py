"""Rows of sensitive files as bronze and the registry may hold them: a pseudonym for the id, and no text that may hold
one."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from kaikai_assets.landing.sources import Source
from kaikai_assets.privacy.owners import entity_text
from kaikai_assets.privacy.wording import WITHHELD, without_values

LONG_ENOUGH = 6
"""Ids from this length on are looked for within texts too; a shorter one might be a part of any text."""


@dataclass(frozen=True)
class Texts:
    """What the columns of rows hold: ``numbers``, the codes of ``coded`` ones, or in ``free`` ones any text, for which
    ``stand_in`` gives another. The ``kept`` ones were not read from the file."""

    numbers: Sequence[str] = ()
    coded: Mapping[str, Collection[str]] = field(default_factory=dict)
    free: Sequence[str] = ()
    stand_in: Callable[[str, str], str] = lambda _column, _text: WITHHELD
    kept: Sequence[str] = ()

    @property
    def names(self) -> set[str]:
        """Columns of which something is known."""
        return {*self.numbers, *self.coded, *self.free, *self.kept}


def pseudonymised(
    rows: pl.DataFrame, entity: str, source: Source, pseudonym: Callable[[str], str], texts: Texts | None = None
) -> pl.DataFrame:
    """Read rows (``defect``, ``text``, then texts) with a pseudonym as ``entity``.

    The text of damaged records is left out, and what a defect quotes. Withheld are cells that are no number or code
    where one should be, and texts of unknown columns that are or hold an id of these rows.
    """
    texts = texts or Texts()
    ids = rows.select(entity_text(pl.col(entity), source)).to_series()
    known = ids.drop_nulls().unique().sort().to_list()
    named = {patient: pseudonym(patient) for patient in known}
    others = [
        name
        for name, dtype in rows.schema.items()
        if dtype == pl.String and name not in {entity, "defect", "text"} | texts.names
    ]
    return rows.with_columns(
        ids.replace_strict(named, default=None, return_dtype=pl.String).alias(entity),
        pl.lit(None, pl.String).alias("text"),
        pl.col("defect").map_elements(lambda text: without_values(text, [source]), return_dtype=pl.String),
        *[_number(name, source) for name in texts.numbers],
        *[_code(name, codes, source) for name, codes in texts.coded.items()],
        *[_stood_in(rows[name], source, texts.stand_in) for name in texts.free],
        *[_without_ids(name, known) for name in others],
    )


def _code(name: str, codes: Collection[str], source: Source) -> pl.Expr:
    text = pl.col(name).str.strip_chars()
    is_fine = text.is_in([*codes, *source.missing, ""]) | text.is_null()
    return pl.when(is_fine).then(pl.col(name)).otherwise(pl.lit(WITHHELD)).alias(name)


def _stood_in(column: pl.Series, source: Source, stand_in: Callable[[str, str], str]) -> pl.Series:
    text = column.str.strip_chars()
    told = text.drop_nulls().unique().sort().to_list()
    known = {one: one if one in (*source.missing, "") else stand_in(column.name, one) for one in told}
    return text.replace_strict(known, default=None, return_dtype=pl.String)


def _number(name: str, source: Source) -> pl.Expr:
    text = pl.col(name).str.strip_chars()
    plain = text.str.replace(",", ".", literal=True) if source.decimal == "," else text
    is_fine = plain.cast(pl.Float64, strict=False).is_not_null() | text.is_in([*source.missing, ""]) | text.is_null()
    return pl.when(is_fine).then(pl.col(name)).otherwise(pl.lit(WITHHELD)).alias(name)


def _without_ids(name: str, ids: list[str]) -> pl.Expr:
    text = pl.col(name)
    long = [patient for patient in ids if len(patient) >= LONG_ENOUGH]
    found = text.str.to_lowercase().is_in([patient.lower() for patient in ids if not patient.isdecimal()])
    if long:
        found |= text.str.contains_any(long, ascii_case_insensitive=True)
    return pl.when(found.fill_null(False)).then(pl.lit(WITHHELD)).otherwise(text).alias(name)
