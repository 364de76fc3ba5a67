"""The floor: read CSV files and write their columns as Parquet, as fast as a library can; no more.

Metrics become numbers, null where they are none; timestamps stay texts. No line is left out.

``python -m bench.floor polars|duckdb SOURCE TARGET``
"""

import sys
from pathlib import Path

METRICS = ("pm25", "temperature", "humidity", "co2")
COLUMNS = ("sensor_id", "timestamp", *METRICS)


def with_polars(source: Path, target: Path) -> None:
    """In Polars' streaming engine."""
    import polars as pl

    schema = {name: pl.Float64 if name in METRICS else pl.String for name in COLUMNS}
    files = sorted(source.glob("readings-*.csv"))
    scanned = pl.scan_csv(files, schema=schema, ignore_errors=True, truncate_ragged_lines=True)
    scanned.sink_parquet(target / "readings.parquet", compression="zstd")


def with_duckdb(source: Path, target: Path) -> None:
    """In DuckDB, without keeping the order of lines."""
    import duckdb

    # Typed columns with ignore_errors would leave out whole lines.
    texts = dict.fromkeys(COLUMNS, "VARCHAR")
    cells = ", ".join(f"try_cast(nullif({name}, 'NA') AS DOUBLE) AS {name}" for name in METRICS)
    duckdb.execute("SET preserve_insertion_order = false")
    duckdb.execute(
        f"COPY (SELECT sensor_id, timestamp, {cells} FROM read_csv('{source}/readings-*.csv', header = true, "
        f"auto_detect = false, delim = ',', quote = '', null_padding = true, columns = {texts})) "
        f"TO '{target}/readings.parquet' (FORMAT parquet, COMPRESSION zstd)"
    )


def main(library: str, source: Path, target: Path) -> None:
    """Write one Parquet file of all CSV files."""
    target.mkdir(parents=True, exist_ok=True)
    {"polars": with_polars, "duckdb": with_duckdb}[library](source, target)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
