"""Whose the records of a text file are, and how those stand that say of nobody."""

import re
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from kaikai_assets.landing.choose import captured
from kaikai_assets.landing.readers import read_records
from kaikai_assets.landing.sources import Source
from kaikai_assets.landing.unpack import text_lines
from kaikai_assets.privacy.keys import SIMULATED


def records_of(path: Path, source: Source, name: str, max_bytes: int) -> pl.DataFrame:
    """``record`` (its first line) and ``patient`` (whose it is; null where that cannot be read) of a file that landed
    under a name, in order. Raises ``UnreadableFile``."""
    column = source.entity.column
    records = read_records(path, source, max_bytes, [] if column is None else [column]).sort("record")
    patient = pl.lit(captured(source, name).strip()) if column is None else entity_text(pl.col(column), source)
    return records.select("record", patient.alias("patient"))


def ownerless(path: Path, source: Source, records: pl.DataFrame, max_bytes: int) -> dict[int, str]:
    """Lines of each record that is nobody's, one after the other, by its first line. Raises ``UnreadableFile``."""
    wanted = set(records.filter(pl.col("patient").is_null())["record"])
    if not wanted:
        return {}
    starts = set(records["record"])
    found: dict[int, list[str]] = {}
    of_record: list[str] = []
    for number, line in enumerate(text_lines(path, source.encoding, max_bytes), start=1):
        if number in starts:
            of_record = []
            if number in wanted:
                found[number] = of_record
        of_record.append(line)
    return {number: "".join(lines) for number, lines in found.items()}


def is_simulated(text: str, source: Source, among_simulated: bool) -> bool:
    """Whether a record without an id may be of a simulated patient: none of another stands where its id should, and it
    is of a file of such, or names one."""
    member = (source.entity.column or "").rpartition(".")[2]
    ids = [patient.strip() for patient in re.findall(rf'"{re.escape(member)}"\s*:\s*"([^"]*)', text)]
    # The text may break off within the id.
    is_own = all(patient.startswith(SIMULATED) or SIMULATED.startswith(patient) for patient in ids)
    return is_own and (among_simulated or SIMULATED in text)


def lines_of(texts: dict[int, str], numbers: Iterable[int]) -> set[int]:
    """Lines on which some of the records of ``ownerless`` stand."""
    return {n + i for n in numbers for i in range(texts[n].count("\n") + (not texts[n].endswith("\n")))}


def entity_text(text: pl.Expr, source: Source) -> pl.Expr:
    """An id as it is taken from a file, null where it is missing or holds control characters."""
    stripped = text.str.strip_chars()
    return pl.when(~stripped.is_in([*source.missing, ""]) & ~stripped.str.contains(r"\p{C}")).then(stripped)
