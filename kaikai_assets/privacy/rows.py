"""Rows of sensitive files as bronze and the registry may hold them: a pseudonym for the id, and no text that may hold
one."""

from collections.abc import Callable, Sequence

import polars as pl

from kaikai_assets.landing.sources import Source
from kaikai_assets.privacy.owners import entity_text
from kaikai_assets.privacy.wording import WITHHELD, without_values

LONG_ENOUGH = 6
"""Ids from this length on are looked for within texts too; a shorter one might be a part of any text."""


def pseudonymised(
    rows: pl.DataFrame,
    entity: str,
    source: Source,
    pseudonym: Callable[[str], str],
    *,
    numbers: Sequence[str] = (),
    kept: Sequence[str] = (),
) -> pl.DataFrame:
    """Read rows (``defect``, ``text``, then texts) with a pseudonym as ``entity``.

    The text of damaged records is left out, and what a defect quotes. Withheld are cells of ``numbers`` that are none,
    and texts (but those of ``kept`` columns) that are or hold an id of these rows.
    """
    ids = rows.select(entity_text(pl.col(entity), source)).to_series()
    known = ids.drop_nulls().unique().sort().to_list()
    named = {patient: pseudonym(patient) for patient in known}
    texts = [
        name
        for name, dtype in rows.schema.items()
        if dtype == pl.String and name not in (entity, "defect", "text", *numbers, *kept)
    ]
    return rows.with_columns(
        ids.replace_strict(named, default=None, return_dtype=pl.String).alias(entity),
        pl.lit(None, pl.String).alias("text"),
        pl.col("defect").map_elements(lambda text: without_values(text, [source]), return_dtype=pl.String),
        *[_number(name, source) for name in numbers],
        *[_without_ids(name, known) for name in texts],
    )


def _number(name: str, source: Source) -> pl.Expr:
    text = pl.col(name).str.strip_chars()
    plain = text.str.replace(",", ".", literal=True) if source.decimal == "," else text
    is_fine = plain.cast(pl.Float64, strict=False).is_not_null() | text.is_in([*source.missing, ""]) | text.is_null()
    return pl.when(is_fine).then(pl.col(name)).otherwise(pl.lit(WITHHELD)).alias(name)


def _without_ids(name: str, ids: list[str]) -> pl.Expr:
    text = pl.col(name)
    long = [patient for patient in ids if len(patient) >= LONG_ENOUGH]
    found = text.str.strip_chars().is_in([patient for patient in ids if not patient.isdecimal()])
    if long:
        found |= text.str.contains_any(long)
    return pl.when(found.fill_null(False)).then(pl.lit(WITHHELD)).otherwise(text).alias(name)
