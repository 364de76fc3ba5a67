"""The task by hand, in pandas: one file at a time into columns, then everything at once.

``python pandas_script.py SOURCE TARGET``
"""

import sys
from pathlib import Path
from typing import Any

import pandas as pd

RANGES = {"pm25": (0, 5000), "temperature": (-50, 70), "humidity": (0, 100), "co2": (0, 50_000)}
THRESHOLD = 35


def read(file: Path) -> tuple[pd.DataFrame, list[str]]:
    """Cells of a file as texts, and the lines that are torn."""
    torn: list[str] = []

    def set_aside(row: Any) -> str:
        torn.append(row.text)
        return "skip"

    texts = pd.read_csv(  # type: ignore[call-overload]  # stubs know functions for the other engine only
        file,
        engine="pyarrow",
        dtype="str",
        keep_default_na=False,
        na_values=["", "NA"],
        on_bad_lines=set_aside,
    )
    return texts, torn


def typed(texts: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Readings of a file, and one row for each bad cell: sensor, time, metric and rule."""
    found = pd.DataFrame({"sensor_id": texts["sensor_id"], "time": pd.to_datetime(texts["timestamp"], utc=True)})
    aside = []
    for metric, (least, most) in RANGES.items():
        value = pd.to_numeric(texts[metric], errors="coerce")
        unread = texts[metric].notna() & value.isna()
        impossible = value.notna() & ~value.between(least, most)
        found[metric] = value.mask(impossible)
        for rule, bad in {"not_a_number": unread, "impossible": impossible}.items():
            aside.append(found.loc[bad, ["sensor_id", "time"]].assign(metric=metric, rule=rule))
    return found, pd.concat(aside)


def aggregates(silver: pd.DataFrame, period: str, name: str) -> pd.DataFrame:
    """Mean, least, greatest and number of each metric by sensor and period."""
    start = silver["time"].dt.floor(period).rename(name)
    made = silver.groupby(["sensor_id", start], observed=True)[list(RANGES)].agg(["mean", "min", "max", "count"])
    names = [f"{metric}_{what}" for metric in RANGES for what in ("mean", "min", "max", "n")]
    return made.set_axis(names, axis="columns").reset_index()


def main(source: Path, target: Path) -> None:
    """Write silver, hours, days, crossings and the counts of what was set aside."""
    parts, cells, torn = [], [], set[str]()
    for file in sorted(source.glob("readings-*.csv")):
        texts, damaged = read(file)
        found, bad = typed(texts)
        parts.append(found)
        cells.append(bad)
        torn.update(damaged)
    silver = pd.concat(parts, ignore_index=True)
    parts.clear()
    silver["sensor_id"] = silver["sensor_id"].astype("category")
    silver = silver.drop_duplicates(["sensor_id", "time"]).sort_values(["sensor_id", "time"], ignore_index=True)
    target.mkdir(parents=True, exist_ok=True)
    silver.to_parquet(target / "silver.parquet", compression="zstd", index=False)

    hourly = aggregates(silver, "h", "hour")
    hourly.to_parquet(target / "hourly.parquet", compression="zstd", index=False)
    aggregates(silver, "D", "day").to_parquet(target / "daily.parquet", compression="zstd", index=False)
    above = hourly[hourly["pm25_mean"].round(6) > THRESHOLD]
    day = above["hour"].dt.floor("D").rename("day")
    crossings = above.groupby(["sensor_id", day], observed=True).size().rename("hours_above_35").reset_index()
    crossings.to_parquet(target / "crossings.parquet", index=False)

    by_rule = {**pd.concat(cells).drop_duplicates()["rule"].value_counts(), "damaged_record": len(torn)}
    counts = pd.DataFrame({"rule": list(by_rule), "n": list(by_rule.values())})
    counts.to_parquet(target / "set_aside.parquet", index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
