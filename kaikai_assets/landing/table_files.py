"""Parquet and XLSX to a frame of texts."""

import io
from pathlib import Path

import fastexcel
import polars as pl

from kaikai_assets.landing.unpack import UnreadableFile, unpacked_bytes


def read_parquet(path: Path, max_bytes: int) -> pl.DataFrame:
    """All columns as texts, ``record`` the 1-based row. Raises ``UnreadableFile``."""
    try:
        frame = pl.read_parquet(io.BytesIO(unpacked_bytes(path, max_bytes)))
    except pl.exceptions.PolarsError as error:
        raise UnreadableFile(f"not Parquet: {error}") from error
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested() or dtype == pl.Binary]
    texts = frame.drop(nested).select(_as_text(name, dtype) for name, dtype in frame.drop(nested).schema.items())
    return _positioned(texts, first=1)


def _positioned(frame: pl.DataFrame, first: int) -> pl.DataFrame:
    position = pl.int_range(first, first + pl.len(), dtype=pl.Int64).alias("record")
    return frame.select(
        position, pl.lit(None, pl.String).alias("defect"), pl.lit(None, pl.String).alias("text"), pl.all()
    )


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Datetime):
        return pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S%.6f" + ("%:z" if dtype.time_zone else ""))
    return pl.col(name).cast(pl.String)


def read_xlsx(path: Path, sheet: str | None, max_bytes: int) -> pl.DataFrame:
    """All columns of a sheet (the first without ``sheet``) as texts, ``record`` the row of the sheet.

    Wholly empty rows are no records. Raises ``UnreadableFile``.
    """
    try:
        book = fastexcel.read_excel(unpacked_bytes(path, max_bytes))
        loaded = book.load_sheet(sheet if sheet is not None else 0, dtypes="string")
        frame = pl.DataFrame(loaded)
    except fastexcel.FastExcelError as error:
        raise UnreadableFile(f"not a readable workbook: {error}") from error
    frame = frame.rename({name: name.strip() for name in frame.columns})
    filled = pl.any_horizontal(pl.col(frame.columns).fill_null("").str.strip_chars() != "")
    return _positioned(frame, first=2).filter(filled)
