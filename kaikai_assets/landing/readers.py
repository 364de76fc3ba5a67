"""Any described file to a frame of texts: its position columns, then the mapped columns under the file's names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from kaikai_assets.landing.csv_files import csv_header, read_csv
from kaikai_assets.landing.json_files import has_sound_record, json_frame, json_header, read_json
from kaikai_assets.landing.sources import POSITION, Source
from kaikai_assets.landing.table_files import read_parquet, read_xlsx
from kaikai_assets.landing.unpack import UnreadableFile


def read_header(path: Path, source: Source, max_bytes: int) -> list[str]:
    """Column names of a file, read as ``source`` says. Raises ``UnreadableFile``."""
    with refusing():
        if source.format == "csv":
            return csv_header(path, source, max_bytes).names
        if source.format in ("json", "ndjson"):
            return json_header(read_json(path, source.encoding, source.format == "ndjson", max_bytes))
        return [name for name in read_table(path, source, max_bytes).columns if name not in POSITION]


def read_records(path: Path, source: Source, max_bytes: int, columns: list[str] | None = None) -> pl.DataFrame:
    """All records of a file: position and mapped columns, or ``record`` and some columns; one that it lacks is null.

    Raises ``UnreadableFile`` when the file is not what the description says, with what differs.
    """
    return pl.concat(record_pieces(path, source, max_bytes, columns))


def record_pieces(
    path: Path, source: Source, max_bytes: int, columns: list[str] | None = None
) -> Iterator[pl.DataFrame]:
    """The same in at least one frame; of a CSV file in frames of bounded size. Raises ``UnreadableFile`` at any."""
    wanted = list(source.mapped) if columns is None else columns
    position = POSITION if columns is None else ("record",)
    with refusing():
        if source.format in ("json", "ndjson"):
            records = read_json(path, source.encoding, source.format == "ndjson", max_bytes)
            # Of a sealed file erasure may leave damaged records alone.
            if any(defect is None for _, defect, _ in records):
                _require(json_header(records), source)
            yield json_frame(records, wanted).select(*position, *wanted)
            return
        if source.format == "csv":
            header = csv_header(path, source, max_bytes)
            _require(header.names, source)
            present = [name for name in wanted if name in header.names]
            frames = read_csv(path, source, header, present, max_bytes, marked=columns is None)
        else:
            table = read_table(path, source, max_bytes)
            _require(table.columns, source)
            frames = iter([table])
        for frame in frames:
            absent = [pl.lit(None, pl.String).alias(name) for name in wanted if name not in frame.columns]
            yield frame.with_columns(absent).select(*position, *wanted)


def require_sound_record(path: Path, source: Source, max_bytes: int) -> None:
    """Raises ``UnreadableFile`` for a JSON file of damaged records alone: nothing shows that it is of its source."""
    with refusing():
        lines = source.format == "ndjson"
        if (lines or source.format == "json") and not has_sound_record(path, source.encoding, lines, max_bytes):
            _require([], source)


def read_table(path: Path, source: Source, max_bytes: int) -> pl.DataFrame:
    """All named columns of a Parquet file or a workbook as texts. Raises ``UnreadableFile``."""
    return read_parquet(path, max_bytes) if source.format == "parquet" else read_xlsx(path, source.sheet, max_bytes)


def _require(header: list[str], source: Source) -> None:
    if source.missing_from(header):
        raise UnreadableFile(f"header differs; {source.difference(header)}")


@contextmanager
def refusing() -> Iterator[None]:
    """Whatever a library trips over in a file is a reason to refuse that file, never to stop at it."""
    try:
        yield
    except (UnreadableFile, OSError):
        raise
    except (Exception, pl.exceptions.PanicException) as error:
        raise UnreadableFile(f"cannot be read: {type(error).__name__}: {error}") from error
