"""Raw air-quality files with injected defects and faults, and what a correct platform must make of them.

A reading has at most one defect, and none of its own while its device is faulty, so the truth is unambiguous. Same
arguments, same bytes, on any machine.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import ceil
from pathlib import Path

import polars as pl

from kaikai_assets.simulation.air_defects import COPIED, AirDefects, what_remains, with_defects
from kaikai_assets.simulation.air_faults import AirFaults, fault_episodes, with_faults
from kaikai_assets.simulation.air_formats import FORMATS, AirFormat, AirSource
from kaikai_assets.simulation.air_sensors import REFERENCE_SENSORS, kaikai_sensors, registry_csv
from kaikai_assets.simulation.air_signal import METRICS, Dust, air_signal, cooking_peaks, dust_episode
from kaikai_assets.simulation.files import write_whole
from kaikai_assets.simulation.streams import Stream, below

__all__ = ["DEFECTS_SCHEMA", "FAULTS_SCHEMA", "AirDefects", "AirFaults", "Truth", "simulate_air"]

DEFECTS_SCHEMA: dict[str, pl.DataType] = {
    "kind": pl.String(),
    "file": pl.String(),
    "line": pl.Int64(),
    "sensor_id": pl.String(),
    "time": pl.Datetime("us", "UTC"),
    "column": pl.String(),
    "raw_value": pl.String(),
    "original_file": pl.String(),
    "original_line": pl.Int64(),
}
FAULTS_SCHEMA: dict[str, pl.DataType] = {
    "kind": pl.String(),
    "sensor_id": pl.String(),
    "start": pl.Datetime("us", "UTC"),
    "end": pl.Datetime("us", "UTC"),
    "metric": pl.String(),
    "size": pl.Float64(),
}
COOKING_SCHEMA: dict[str, pl.DataType] = {
    "sensor_id": pl.String(),
    "start": pl.Datetime("us", "UTC"),
    "end": pl.Datetime("us", "UTC"),
    "peak": pl.Float64(),
}


@dataclass(frozen=True)
class Truth:
    """What was injected, and what remains.

    `defects`: one row a defect, in DEFECTS_SCHEMA. `line` is the physical line in `file`, the header being line 1; null
    for a redelivered file. `sensor_id` and `time` are the true ones, `column` is named as in `readings` (timestamp and
    sensor_id too), `raw_value` is the text that stands in that cell, or the whole line of a ragged record. The original
    is the record that a duplicate or a correction repeats, the file that a redelivery repeats, and for a late record
    the file of its day, without a line. Records of a wrong clock (`clock_reset`, `clock_ahead`) and cells in °F above
    70 (`fahrenheit`) are listed too.

    `faults`: one row an episode, in FAULTS_SCHEMA (see `Fault`).

    `files`: `file`, `records` (lines but the header), redelivered files included.

    `readings`: what belongs in silver, by time, then sensor: `sensor_id`, `time` (UTC), pm25 (µg/m³), temperature (°C),
    humidity (%), co2 (ppm). Rejected records are absent; missing, unparseable and impossible cells are null; suspect
    values, and those of faulty devices, are kept as they came; corrected values stand.

    `dust`: the dust episode, if the period has one. `cooking`: one row an evening peak of PM2.5, in COOKING_SCHEMA.
    """

    defects: pl.DataFrame
    faults: pl.DataFrame
    files: pl.DataFrame
    readings: pl.DataFrame
    dust: Dust | None
    cooking: pl.DataFrame


def simulate_air(
    out: Path,
    *,
    start: date,
    days: int,
    sensors: int = 5,
    interval_s: int = 300,
    seed: int = 0,
    defects: AirDefects = AirDefects(),  # noqa: B008 (frozen)
    faults: AirFaults = AirFaults.none(),  # noqa: B008 (frozen)
    source: AirSource = "kaikai_csv",
    truth: Path | None = None,
) -> Truth:
    """Write `out/air/<source>/`, one file a UTC day, and the registry `out/air/kaikai_sensors/sensors.csv`.

    Every sensor measures every `interval_s` seconds from midnight on. `truth` is where to write `Truth.defects` as CSV,
    with `Truth.faults` beside it (`…_faults.csv`) if there are any. Raises `ValueError` for arguments that do not fit.
    """
    layout = FORMATS[source]
    if days < 1 or sensors < 1:
        raise ValueError(f"at least one day and one sensor, not {days} and {sensors}")
    if interval_s < 1 or 86400 % interval_s:
        raise ValueError(f"interval_s must divide a day of 86400 s; {interval_s} does not")
    if layout.interval_s not in (None, interval_s):
        raise ValueError(f"{source} has a reading every {layout.interval_s} s, not {interval_s}")

    network = layout.sensors(sensors)
    episodes = fault_episodes(network, start, days, interval_s, faults, seed)
    registry = kaikai_sensors(max(sensors, len(REFERENCE_SENSORS)))
    registry += [sensor for sensor in network if sensor not in registry]
    write_whole(out / "air" / "kaikai_sensors" / "sensors.csv", registry_csv(registry))

    folder = out / "air" / source
    devices = pl.DataFrame(
        {
            "sensor_id": [sensor.sensor_id for sensor in network],
            "name": [f"{sensor.place}, {sensor.city}" for sensor in network],
            "serial": [f"airgradient:5a5a{index:08x}" for index in range(sensors)],
        }
    )
    names = [f"{layout.stem}_{start + timedelta(days=day)}.csv" for day in range(days)]
    to_come: dict[int, list[pl.DataFrame]] = defaultdict(list)
    delivered, readings, counts = [], [], []
    for day, values in enumerate(air_signal(network, start, days, interval_s, seed)):
        grid = _grid(devices, start + timedelta(days=day), interval_s, layout)
        sound = grid.with_columns(pl.Series(m, values[m].ravel()).round(layout.decimals[m]) for m in METRICS)
        written = with_faults(sound, [one for one in episodes if one.meets(start + timedelta(days=day))], layout)
        spoiled = with_defects(written, defects, layout, Stream(seed, 4, day), days_left=days - 1 - day)
        spoiled = spoiled.with_columns(id=pl.int_range(pl.len()) + day * sound.height)
        readings.append(what_remains(spoiled))
        for delay, lines in _deliveries(spoiled, layout, names[day]):
            to_come[day + delay].append(lines)

        file = pl.concat(to_come.pop(day)).sort("slot", maintain_order=True)
        file = file.with_columns(file=pl.lit(names[day]), line=pl.int_range(pl.len()) + 2)
        text = "\n".join([layout.header, *file["record"]]) + "\n" * layout.final_newline
        write_whole(folder / names[day], text.encode())
        delivered.append(file.filter(pl.col("kind").is_not_null() | pl.col("repeated")).drop("slot", "record"))
        counts.append(file.height)

    again = _redeliver(folder, names, defects.redelivered, seed)
    records = dict(zip(names, counts, strict=True))
    records |= {copy: records[original] for copy, original in again.items()}
    result = Truth(
        defects=_defects(pl.concat(delivered), again),
        files=pl.DataFrame({"file": list(records), "records": list(records.values())}),
        readings=pl.concat(readings),
        faults=pl.DataFrame([asdict(fault) for fault in episodes], schema=FAULTS_SCHEMA),
        dust=dust_episode(start, days, seed),
        cooking=pl.DataFrame(
            [asdict(peak) for peak in cooking_peaks(network, start, days, seed)], schema=COOKING_SCHEMA
        ),
    )
    if truth:
        write_whole(truth, _csv(result.defects))
        if episodes:
            write_whole(truth.with_stem(f"{truth.stem}_faults"), _csv(result.faults))
    return result


def _grid(devices: pl.DataFrame, day: date, interval_s: int, layout: AirFormat) -> pl.DataFrame:
    """One row for each step of the day and device, by time; `slot` is its place in the file."""
    steps, count = 86400 // interval_s, devices.height
    midnight = datetime.combine(day, time(), UTC)
    instants = [midnight + timedelta(seconds=step * interval_s) for step in range(steps)]
    times = pl.DataFrame({"time": instants}, schema={"time": pl.Datetime("us", "UTC")}).with_columns(
        stamp=pl.col("time").dt.strftime(layout.stamp),
        local_stamp=pl.col("time").dt.convert_time_zone("Africa/Dakar").dt.strftime("%Y-%m-%d %H:%M:%S"),
    )
    row = pl.int_range(pl.len())
    slot = (row % count) * steps + (steps - 1 - row // count) if layout.newest_first else row
    return times.join(devices, how="cross", maintain_order="left_right").with_columns(slot=slot)


def _deliveries(readings: pl.DataFrame, layout: AirFormat, own_file: str) -> Iterator[tuple[int, pl.DataFrame]]:
    """The day's records as lines, with the days until each is delivered: 0 for the day's own file."""
    kind, luck = pl.col("kind"), readings["luck"].to_numpy()
    hour = pl.lit(pl.Series(1 + below(luck, max(1, readings.height // 24))))
    anywhere = pl.lit(pl.Series(below(luck, readings.height)))
    repeated = kind.is_in(COPIED).fill_null(False)

    on_time = readings.filter(kind.ne_missing("late")).with_columns(
        *(pl.when(~repeated).then(c).alias(c) for c in ("kind", "column", "text")),
        repeated=repeated,
        original_file=pl.lit(None, pl.String),
    )
    later = readings.with_columns(
        pm25=pl.when(kind == "correction").then("corrected").otherwise("pm25"),
        slot=pl.when(pl.col("delay") == 0).then(pl.col("slot") + hour).otherwise(anywhere),
        repeated=pl.lit(False),
        original_file=pl.lit(own_file),
    ).filter(kind.is_in(("late", *COPIED)))
    yield 0, _records(on_time, layout)
    for (delay,), records in later.partition_by("delay", maintain_order=True, as_dict=True).items():
        yield int(delay), _records(records, layout)


def _records(readings: pl.DataFrame, layout: AirFormat) -> pl.DataFrame:
    """`record` is the line as delivered; a ragged one lacks its last field or has one more."""
    ragged = pl.col("kind") == "ragged"
    line = pl.col("record")
    few_or_many = pl.when(pl.col("luck") < 0.5).then(line.str.replace(",[^,]*$", "")).otherwise(line + ",0")
    return (
        readings.with_columns(record=layout.lines(readings))
        .with_columns(record=pl.when(ragged).then(few_or_many).otherwise(line))
        .with_columns(text=pl.when(ragged).then("record").otherwise("text"))
        .select("id", "kind", "sensor_id", "time", "column", "text", "original_file", "repeated", "slot", "record")
    )


def _redeliver(folder: Path, names: Sequence[str], rate: float, seed: int) -> dict[str, str]:
    """Write some files again, byte for byte; {new name: original name}."""
    chosen = sorted(Stream(seed, 5).order(len(names))[: ceil(round(rate * len(names), 9))])
    again = {names[day].replace(".csv", "_copy.csv"): names[day] for day in chosen}
    for copy, original in again.items():
        write_whole(folder / copy, (folder / original).read_bytes())
    return again


def _defects(delivered: pl.DataFrame, again: Mapping[str, str]) -> pl.DataFrame:
    """Truth.defects from the defective records and those that they repeat."""
    originals = delivered.filter("repeated").select("id", original_line="line")
    of_records = (
        delivered.filter(pl.col("kind").is_not_null())
        .rename({"text": "raw_value"})
        .join(originals, on="id", how="left", maintain_order="left")
        .select(pl.col(name).cast(dtype) for name, dtype in DEFECTS_SCHEMA.items())
    )
    of_files = pl.DataFrame(
        {"kind": ["redelivered"] * len(again), "file": list(again), "original_file": list(again.values())},
        schema={name: DEFECTS_SCHEMA[name] for name in ("kind", "file", "original_file")},
    )
    return pl.concat([of_records, of_files], how="diagonal").select(DEFECTS_SCHEMA.keys())


def _csv(frame: pl.DataFrame) -> bytes:
    return frame.write_csv(datetime_format="%Y-%m-%dT%H:%M:%SZ").encode()
