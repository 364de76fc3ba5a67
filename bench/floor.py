"""The floor: read the CSV files of a folder and write their columns as Parquet, as fast as the library can."""

import sys
from pathlib import Path

import polars as pl


def main(source: Path, target: Path) -> None:
    """Write one Parquet file for each CSV file."""
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.glob("*.csv")):
        frame = pl.read_csv(file, ignore_errors=True, truncate_ragged_lines=True, try_parse_dates=True)
        frame.write_parquet(target / f"{file.stem}.parquet", compression="zstd")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
