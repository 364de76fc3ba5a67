"""What is held of one patient, table by table, and whether anything still names somebody."""

from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from kaikai_assets.build.bronze import all_contracts
from kaikai_assets.build.sealed import batches
from kaikai_assets.build.steps import Domain
from kaikai_assets.landing.raw import Landed
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.container import SEALED
from kaikai_assets.privacy.erased import sealed_files
from kaikai_assets.privacy.vault import Vault
from kaikai_assets.quality.contracts import Contract, schema

_CHUNK = 1 << 24


def rows_of(platform: Platform, domain: Domain, patient: str) -> Iterator[tuple[str, pl.DataFrame]]:
    """Rows of the lake about a patient, given as pseudonym, of each table that has such rows."""
    for table, contract in all_contracts(domain).items():
        if domain.entity not in schema(contract):
            continue
        found = [rows.filter(pl.col(domain.entity) == patient) for rows in _parts(platform, table, contract)]
        rows = pl.concat(found) if found else pl.DataFrame()
        if rows.height:
            yield table, rows


def alerts_of(platform: Platform, domain: Domain, patient: str) -> set[str]:
    """Ids of a patient's alerts, in lake and journal."""
    found = {
        one for _, rows in rows_of(platform, domain, patient) if "alert_id" in rows.columns for one in rows["alert_id"]
    }
    noted = platform.ledger.privacy.rows_of(patient).values()
    return found | {row["alert_id"] for rows in noted for row in rows if row.get("alert_id")}


def mentions(platform: Platform, domain: Domain, texts: Collection[str], elsewhere: Collection[Path]) -> Iterator[str]:
    """Where any of some texts is still held: columns of lake, warehouse and ledger, names and bytes of files.

    Of the data root all files count but those that wait in the inbox; of folders ``elsewhere`` all.
    """
    wanted = list(texts)
    for table, contract in all_contracts(domain).items():
        holding = {name for rows in _parts(platform, table, contract) for name in _holding(rows, wanted)}
        yield from (f"{table}.{name}" for name in sorted(holding))
    if platform.settings.warehouse.exists():
        yield from _in_warehouse(platform, wanted)
    yield from (f"ledger {place}" for text in wanted for place in platform.ledger.privacy.mentions(text))
    needles = [text.encode() for text in wanted]
    for folder in (platform.settings.data, *elsewhere):
        for path in sorted(folder.rglob("*")):
            if path.is_relative_to(platform.settings.inbox) or not path.is_file():
                continue
            if any(text in str(path.relative_to(folder)) for text in wanted):
                yield f"the name of a file in {path.parent}"
            elif not path.name.endswith(SEALED) and _holds(path, needles):
                yield str(path)


def common_lines(platform: Platform, domain: Domain, vault: Vault) -> Iterator[tuple[Landed, int, str]]:
    """Lines of raw that are no one patient's (headers, damaged records), each with its file and number."""
    opener = vault.opener()
    for landed in sealed_files(platform.settings, domain.name):
        for content in opener.common(platform.settings.raw / landed.raw_file):
            for number, line in zip(content.numbers, content.lines, strict=True):
                yield landed, number, line.decode()


def _parts(platform: Platform, table: str, contract: Contract) -> Iterator[pl.DataFrame]:
    """Rows of a table, about a month at a time."""
    names = schema(contract)
    if "day" not in names:
        yield platform.lake.read(table, names)
        return
    for some in batches(sorted(platform.lake.builds(table))):
        yield platform.lake.read(table, names, [date.fromisoformat(part) for part in some])


def _holding(rows: pl.DataFrame, texts: list[str]) -> list[str]:
    return [
        column.name
        for column in rows.iter_columns()
        if column.dtype == pl.String and column.str.contains_any(texts).any()
    ]


def _in_warehouse(platform: Platform, texts: list[str]) -> Iterator[str]:
    with duckdb.connect(str(platform.settings.warehouse), read_only=True) as connection:
        names = "SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL"
        for of_schema, table in connection.execute(names).fetchall():
            rows: pl.DataFrame = connection.sql(f'FROM "{of_schema}"."{table}"').pl()
            yield from (f"warehouse {of_schema}.{table}.{name}" for name in _holding(rows, texts))


def _holds(path: Path, needles: list[bytes]) -> bool:
    longest = max(map(len, needles))
    tail = b""
    try:
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                seen = tail + piece
                if any(needle in seen for needle in needles):
                    return True
                tail = seen[-longest:]
    except FileNotFoundError:
        pass  # gone since it was listed
    return False
