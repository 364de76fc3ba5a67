"""Files of a network that sends one reading a minute, with defects: the same bytes for the same seed.

Of the readings, ``DEFECTS`` have one cell out of range, one cell that is no number, or are torn before their last cell;
each cell is missing in 1 %. Of the lines that are whole, 2 % come twice, the copy to the letter, half of the copies in
the next day's file; so do 1 % of all lines that come late. A torn line still has its sensor and its time.
"""

import argparse
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from kaikai_assets.simulation.air_sensors import kaikai_sensors, registry_csv

HEADER = "sensor_id,timestamp,pm25,temperature,humidity,co2"
METRICS = ("pm25", "temperature", "humidity", "co2")
FIRST_DAY = date(2025, 1, 1)
MINUTES = 1440
SENSORS = 100

DEFECTS = {"out_of_range": 0.01, "no_number": 0.0025, "torn": 0.0025}
MISSING = 0.01
TWICE = 0.02
LATE = 0.01

# What sensors say when a wire is loose or a counter overflows: impossible by every contract.
_OUT_OF_RANGE = {
    "pm25": ("-7.5", "9999.9"),
    "temperature": ("-127.0", "85.0"),
    "humidity": ("-3.0", "118.0"),
    "co2": ("-50", "65535"),
}
_NO_NUMBER = ("err", "n.a.", "#DIV/0!", "1.2.3")
_NOTHING = ("", "NA")


def days_for(readings: int, sensors: int = SENSORS) -> int:
    """Whole days that hold at least some number of readings."""
    return -(-readings // (sensors * MINUTES))


def write(folder: Path, days: int, seed: int, sensors: int = SENSORS) -> None:
    """Write the registry and a CSV file for each day into a folder; what is late on the last day has one file more."""
    folder.mkdir(parents=True, exist_ok=True)
    registry = registry_csv(kaikai_sensors(sensors)).decode().splitlines()
    lines = [f"{registry[0]},expected_interval_s", *(f"{line},60" for line in registry[1:])]
    (folder / "sensors.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    for day, content in contents(days, seed, sensors):
        with (folder / f"readings-{day}.csv").open("wb") as file:
            file.write(f"{HEADER}\n".encode())
            content.to_frame().write_csv(file, include_header=False, quote_style="never")


def contents(days: int, seed: int, sensors: int = SENSORS) -> Iterator[tuple[date, pl.Series]]:
    """Day by day the lines of its file, less the header: what comes late first, copies last."""
    names = [sensor.sensor_id for sensor in kaikai_sensors(sensors)]
    late = pl.Series("line", [], dtype=pl.String)
    for number in range(days):
        day = FIRST_DAY + timedelta(days=number)
        random = np.random.default_rng([seed, number])
        lines, torn = _lines(random, day, names)
        goes_late = random.random(len(lines)) < LATE
        twice = lines.filter((random.random(len(lines)) < TWICE) & ~torn)
        copy_late = random.random(len(twice)) < 0.5
        yield day, pl.concat([late, lines.filter(~goes_late), twice.filter(~copy_late)])
        late = pl.concat([lines.filter(goes_late), twice.filter(copy_late)])
    yield FIRST_DAY + timedelta(days=days), late


def _lines(random: np.random.Generator, day: date, names: list[str]) -> tuple[pl.Series, np.ndarray]:
    """Lines of a day, one for each minute and sensor, and which of them are torn."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    minutes = pl.datetime_range(
        midnight, midnight + timedelta(days=1), "1m", closed="left", time_zone="UTC", eager=True
    ).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    number = MINUTES * len(names)
    cells = _cells(random, len(names))
    defect, of = random.random(number), random.integers(len(METRICS), size=number)
    bounds = np.cumsum(list(DEFECTS.values()))
    lacks = np.where(random.random(number) < MISSING * len(METRICS), random.integers(len(METRICS), size=number), -1)
    variant = random.integers(4, size=number)
    for index, metric in enumerate(METRICS):
        hit = of == index
        replaced = {
            _NOTHING: lacks == index,
            _OUT_OF_RANGE[metric]: hit & (defect < bounds[0]),
            _NO_NUMBER: hit & (defect >= bounds[0]) & (defect < bounds[1]),
        }
        for texts, where in replaced.items():
            at = np.flatnonzero(where)
            cells[metric] = cells[metric].scatter(at, [texts[n % len(texts)] for n in variant[at]])
    torn = (defect >= bounds[1]) & (defect < bounds[2])
    frame = pl.DataFrame({**cells, "torn": torn, "kept": random.random(number)}).with_columns(
        pl.Series("sensor_id", names).gather(np.tile(np.arange(len(names)), MINUTES)),
        minutes.gather(np.repeat(np.arange(MINUTES), len(names))).alias("timestamp"),
    )
    # A torn line keeps its sensor and time, and some of what stands before its last comma.
    most = pl.sum_horizontal(pl.col(name).str.len_bytes() for name in METRICS[:3]) + 2
    start = pl.concat_str("sensor_id", "timestamp", separator=",")
    whole = pl.concat_str(start, *METRICS, separator=",")
    cut = start.str.len_bytes() + 1 + (pl.col("kept") * most).floor().cast(pl.UInt32)
    return frame.select(pl.when("torn").then(whole.str.head(cut)).otherwise(whole).alias("line"))["line"], torn


def _cells(random: np.random.Generator, sensors: int) -> dict[str, pl.Series]:
    """Texts of undisturbed cells, minute by minute, by metric."""
    level = 8 + 14 * np.random.default_rng(0).random(sensors)
    hour = np.arange(MINUTES)[:, None] / 60
    warmth = np.sin(2 * np.pi * (hour - 9) / 24)
    rush = np.exp(-((hour - 7.5) ** 2) / 2) + np.exp(-((hour - 20) ** 2) / 4)
    dust = random.lognormal(0, 0.4)

    def noise(scale: float) -> np.ndarray:
        return random.normal(0, scale, (MINUTES, sensors))

    values = {
        "pm25": np.clip(level * dust * (1 + rush) + noise(1.5), 0.1, 499).round(1),
        "temperature": (27 + 5 * warmth + noise(0.1)).round(1),
        "humidity": np.clip(60 - 20 * warmth + noise(0.8), 5, 98).round(1),
        "co2": np.clip(520 + 180 * rush + noise(12), 380, 5000).astype(np.int64),
    }
    return {name: pl.Series(name, value.ravel()).cast(pl.String) for name, value in values.items()}


def main() -> None:
    """Write files for at least some number of readings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--readings", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    write(arguments.folder, days_for(arguments.readings), arguments.seed)


if __name__ == "__main__":
    main()
