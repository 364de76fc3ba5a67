"""Parquet and XLSX to a frame of texts."""

import io
import zipfile
from pathlib import Path

import fastexcel
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from kaikai_assets.landing.sources import POSITION
from kaikai_assets.landing.unpack import TooLarge, UnreadableFile, unpacked_bytes

_BATCH = 8192
_CHUNK = 1 << 20
# Workbooks with a password, and those of before 2007, are compound files.
_COMPOUND = b"\xd0\xcf\x11\xe0"
# As a sheet shows them.
_ERRORS = {
    "Div0": "#DIV/0!",
    "NA": "#N/A",
    "Name": "#NAME?",
    "Null": "#NULL!",
    "Num": "#NUM!",
    "Ref": "#REF!",
    "Value": "#VALUE!",
    "GettingData": "#GETTING_DATA",
}


def read_parquet(path: Path, max_bytes: int) -> pl.DataFrame:
    """All columns that hold single values, as texts; ``record`` the 1-based row. Raises ``UnreadableFile``."""
    try:
        # Arrow refuses what is damaged; Polars can abort the whole process.
        table = _bounded(pq.ParquetFile(pa.BufferReader(unpacked_bytes(path, max_bytes))), max_bytes)
        table.validate(full=True)
        frame = pl.DataFrame(table)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"not Parquet: {error}") from error
    named = frame.drop(POSITION, strict=False)
    kept = {name: dtype for name, dtype in named.schema.items() if not dtype.is_nested() and dtype != pl.Binary}
    texts = named.select(_as_text(name, dtype) for name, dtype in kept.items())
    return _positioned(texts, pl.Series(range(1, frame.height + 1), dtype=pl.Int64))


def _bounded(file: pq.ParquetFile, max_bytes: int) -> pa.Table:
    """All rows of a file. Raises ``TooLarge``: a few bytes can stand for any number of rows."""
    if file.metadata.num_rows * 8 > max_bytes:
        raise TooLarge(max_bytes)
    batches, total = [], 0
    for batch in file.iter_batches(batch_size=_BATCH):
        total += batch.nbytes
        if total > max_bytes:
            raise TooLarge(max_bytes)
        batches.append(batch)
    return pa.Table.from_batches(batches, schema=file.schema_arrow)


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f" + ("%:z" if dtype.time_zone else ""))
    return column.dt.to_string("iso") if dtype == pl.Duration else column.cast(pl.String)


def _positioned(texts: pl.DataFrame, record: pl.Series) -> pl.DataFrame:
    nothing = pl.lit(None, pl.String)
    return texts.select(record.alias("record"), nothing.alias("defect"), nothing.alias("text"), pl.all())


def read_xlsx(path: Path, sheet: str | None, max_bytes: int) -> pl.DataFrame:
    """All named columns of a sheet (the first without ``sheet``) as texts, ``record`` the row of the sheet.

    The first row that holds something is the header; empty rows are no records. A number has the text of its first
    nine decimals, a date its ISO form, a formula its last result, an error its name (``#N/A``). Raises
    ``UnreadableFile``.
    """
    content = unpacked_bytes(path, max_bytes)
    if content.startswith(_COMPOUND):
        raise UnreadableFile("not a readable workbook: it has a password or is a .xls; save it as .xlsx without one")
    try:
        _check_size(content, max_bytes)
        book = fastexcel.read_excel(content)
        loaded = book.load_sheet(0 if sheet is None else sheet, header_row=None, skip_rows=0, dtypes="string")
        cells = _with_errors(*loaded.to_arrow_with_errors())
    except (fastexcel.FastExcelError, zipfile.BadZipFile) as error:
        raise UnreadableFile(f"not a readable workbook: {str(error).splitlines()[0]}") from error
    filled = cells.select(pl.any_horizontal(pl.all().fill_null("").str.strip_chars() != "")).to_series()
    rows = filled.arg_true()
    if rows.is_empty():
        raise UnreadableFile("empty sheet")
    names = [(name or "").strip() for name in cells.row(rows[0])]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise UnreadableFile(f"header repeats column {', '.join(map(repr, twice))}")
    columns = zip(cells.columns, names, strict=True)
    named = cells.select(pl.col(old).alias(new) for old, new in columns if new and new not in POSITION)
    return _positioned(named[rows[1:]], rows[1:].cast(pl.Int64) + 1)


def _check_size(content: bytes, max_bytes: int) -> None:
    """Raises ``TooLarge`` for a workbook whose parts unpack to more: what it says of their sizes may be false."""
    total = 0
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        for part in parts.infolist():
            with parts.open(part) as stream:
                while piece := stream.read(_CHUNK):
                    total += len(piece)
                    if total > max_bytes:
                        raise TooLarge(max_bytes)


def _with_errors(cells: pa.RecordBatch, errors: fastexcel.CellErrors | None) -> pl.DataFrame:
    """Texts of cells; one that holds an error has its name, for it is not empty."""
    frame = pl.DataFrame(cells)
    for error in errors.errors if errors else ():
        row, column = error.offset_position
        kind = error.detail.rpartition("Error(")[2].rstrip("')")
        frame[row, column] = _ERRORS.get(kind, "#ERROR!")
    return frame
