"""The files are read here with the csv module alone, and what is found must be what the simulator says it did."""

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from kaikai_assets.simulation.air import DEFECTS_SCHEMA, AirDefects, Truth, simulate_air
from kaikai_assets.simulation.air_formats import AirSource
from kaikai_assets.simulation.files import write_whole

START = date(2025, 1, 30)
NONE = AirDefects(*[0.0] * 11)
# Every kind often enough to be met many times in six days of seven sensors.
MANY = AirDefects(0.02, 0.02, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.02, 0.01, 0.3)
SOURCES: tuple[AirSource, ...] = ("kaikai_csv", "airgradient_export_5min")

LIMITS = {"pm25": (0, 5000), "temperature": (-50, 70), "humidity": (0, 100), "co2": (0, 50000)}
COLUMNS: dict[AirSource, dict[str, str]] = {
    "kaikai_csv": {name: name for name in ("sensor_id", "timestamp", *LIMITS)},
    "airgradient_export_5min": {
        "sensor_id": "Location ID",
        "timestamp": "UTC Date/Time",
        "pm25": "PM2.5 (μg/m³) raw",
        "temperature": "Temperature (°C) raw",
        "humidity": "Humidity (%) raw",
        "co2": "CO2 (ppm) raw",
    },
}

Key = tuple[str, datetime]


class Found(NamedTuple):
    kind: str
    file: str
    line: int | None


@dataclass
class Reading:
    """The files of one simulation as a reader without any help sees them."""

    found: list[Found]
    silver: dict[Key, dict[str, float | None]]
    records: dict[str, int]


def simulated(
    out: Path, source: AirSource = "kaikai_csv", *, days: int = 6, seed: int = 7, defects: AirDefects = MANY
) -> Truth:
    return simulate_air(out, start=START, days=days, sensors=7, seed=seed, defects=defects, source=source)


def files_of(out: Path, source: AirSource) -> list[Path]:
    return sorted((out / "air" / source).iterdir())


def rows_of(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Physical line and fields of each record, the header first."""
    with file.open(encoding="utf-8", newline="") as text:
        reader = csv.reader(text, strict=True)
        for fields in reader:
            yield reader.line_num, fields


def number(cell: str) -> float | None:
    return None if cell in ("", "NA", "NaN", "-999") else float(cell)


def spoiled_cell(cells: dict[str, str]) -> tuple[str, str] | None:
    """(kind, metric) of the first cell that is not a sound value."""
    for metric, (low, high) in LIMITS.items():
        try:
            value = number(cells[metric])
        except ValueError:
            return "unparseable", metric
        if value is None:
            return "missing", metric
        if not low <= value <= high:
            return "impossible", metric
        if metric == "pm25" and value > 500:
            return "suspect", metric
    return None


def read(out: Path, source: AirSource) -> Reading:
    """Read every file in name order; of several values for a reading the last one stands."""
    result = Reading([], {}, {})
    contents: dict[bytes, str] = {}
    seen: dict[Key, list[str]] = {}
    for file in files_of(out, source):
        (_, header), *body = rows_of(file)
        result.records[file.name] = len(body)
        if contents.setdefault(file.read_bytes(), file.name) != file.name:
            result.found.append(Found("redelivered", file.name, None))
            continue
        where = {name: header.index(column) for name, column in COLUMNS[source].items()}
        for line, fields in body:

            def note(kind: str, file: Path = file, line: int = line) -> None:
                result.found.append(Found(kind, file.name, line))

            if len(fields) != len(header):
                note("ragged")
                continue
            cells = {name: fields[position] for name, position in where.items()}
            if not cells["sensor_id"]:
                note("no_sensor")
                continue
            try:
                instant = datetime.fromisoformat(cells["timestamp"])
            except ValueError:
                note("bad_time")
                continue
            key = cells["sensor_id"], instant
            if key in seen:
                note("duplicate" if seen[key] == fields else "correction")
            elif instant.date().isoformat() not in file.name:
                note("late")
            elif spoiled := spoiled_cell(cells):
                note(spoiled[0])
            seen[key] = fields
            spoiled = spoiled_cell(cells)
            lost = spoiled[1] if spoiled and spoiled[0] != "suspect" else None
            result.silver[key] = {metric: None if metric == lost else float(cells[metric]) for metric in LIMITS}
    return result


@pytest.mark.parametrize("source", SOURCES)
def test_a_reader_finds_every_injected_defect_where_the_truth_says_and_no_other(
    tmp_path: Path, source: AirSource
) -> None:
    truth = simulated(tmp_path, source)
    said = [Found(*row) for row in truth.defects.select("kind", "file", "line").iter_rows()]
    found = read(tmp_path, source).found
    assert Counter(found) == Counter(said)
    kinds = Counter(defect.kind for defect in found)
    assert set(kinds) == set(AirDefects.__dataclass_fields__)
    assert min(count for kind, count in kinds.items() if kind != "redelivered") > 50
    assert kinds["redelivered"] == 2


@pytest.mark.parametrize("source", SOURCES)
def test_a_correct_reader_ends_up_with_the_readings_of_the_truth(tmp_path: Path, source: AirSource) -> None:
    truth = simulated(tmp_path, source)
    prefix = "AG-" if source == "airgradient_export_5min" else ""
    right = {
        (row["sensor_id"], row["time"]): {metric: row[metric] for metric in LIMITS}
        for row in truth.readings.iter_rows(named=True)
    }
    assert len(right) == truth.readings.height
    assert {(prefix + sensor, time): v for (sensor, time), v in read(tmp_path, source).silver.items()} == right
    rejected = truth.defects.filter(pl.col("kind").is_in(["bad_time", "no_sensor", "ragged"]))
    assert truth.readings.height == 6 * 288 * 7 - rejected.height
    assert rejected.join(truth.readings, on=["sensor_id", "time"], how="semi").is_empty()


@pytest.mark.parametrize("source", SOURCES)
def test_truth_shows_the_text_that_stands_in_the_spoiled_cell(tmp_path: Path, source: AirSource) -> None:
    truth = simulated(tmp_path, source)
    header = next(rows_of(files_of(tmp_path, source)[0]))[1]
    rows = {file.name: dict(rows_of(file)) for file in files_of(tmp_path, source)}
    lines = {file.name: file.read_text(encoding="utf-8").split("\n") for file in files_of(tmp_path, source)}
    checked = Counter[str]()
    for defect in truth.defects.filter(pl.col("raw_value").is_not_null()).iter_rows(named=True):
        if defect["kind"] == "ragged":
            assert lines[defect["file"]][defect["line"] - 1] == defect["raw_value"]
        else:
            position = header.index(COLUMNS[source][defect["column"]])
            assert rows[defect["file"]][defect["line"]][position] == defect["raw_value"]
        checked[defect["kind"]] += 1
    assert set(checked) == set(AirDefects.__dataclass_fields__) - {"duplicate", "late", "redelivered"}
    assert {len(row) - len(header) for row in rows[truth.files["file"][0]].values()} == {-1, 0, 1}


@pytest.mark.parametrize("source", SOURCES)
def test_truth_names_the_original_of_what_is_delivered_again(tmp_path: Path, source: AirSource) -> None:
    truth = simulated(tmp_path, source)
    folder = tmp_path / "air" / source
    lines = {file.name: file.read_text(encoding="utf-8").split("\n") for file in files_of(tmp_path, source)}
    rows = {file.name: dict(rows_of(file)) for file in files_of(tmp_path, source)}
    gaps = {"duplicate": set[int](), "correction": set[int](), "late": set[int]()}
    for d in truth.defects.iter_rows(named=True):
        if d["kind"] == "redelivered":
            assert (folder / d["file"]).read_bytes() == (folder / d["original_file"]).read_bytes()
            continue
        if d["kind"] not in gaps:
            assert d["original_file"] is d["original_line"] is None
            continue
        gaps[d["kind"]].add((day_of(d["file"]) - day_of(d["original_file"])).days)
        if d["kind"] == "late":
            assert d["original_line"] is None
            assert d["time"].date() == day_of(d["original_file"])
            continue
        again, original = (lines[d[f]][d[n] - 1] for f, n in (("file", "line"), ("original_file", "original_line")))
        if d["kind"] == "duplicate":
            assert again == original
            assert (d["file"], d["line"]) != (d["original_file"], d["original_line"])
        else:
            header = rows[d["file"]][1]
            before = dict(zip(header, rows[d["original_file"]][d["original_line"]], strict=True))
            after = dict(zip(header, rows[d["file"]][d["line"]], strict=True))
            for column in ("sensor_id", "timestamp", "temperature"):
                assert before[COLUMNS[source][column]] == after[COLUMNS[source][column]]
            assert before[COLUMNS[source]["pm25"]] != after[COLUMNS[source]["pm25"]]
    assert gaps == {"duplicate": {0, 1}, "correction": {1, 2, 3}, "late": {1, 2, 3}}


def day_of(file: str) -> date:
    match = re.search(r"\d{4}-\d\d-\d\d", file)
    assert match
    return date.fromisoformat(match[0])


@pytest.mark.parametrize("source", SOURCES)
def test_record_counts_are_those_of_the_files(tmp_path: Path, source: AirSource) -> None:
    truth = simulated(tmp_path, source)
    assert dict(truth.files.iter_rows()) == read(tmp_path, source).records


@pytest.mark.parametrize("source", SOURCES)
def test_without_defects_each_file_holds_its_own_day_and_nothing_else(tmp_path: Path, source: AirSource) -> None:
    truth = simulated(tmp_path, source, defects=NONE)
    assert truth.defects.is_empty()
    assert dict(truth.defects.schema) == DEFECTS_SCHEMA
    assert read(tmp_path, source).found == []
    files = files_of(tmp_path, source)
    assert [day_of(file.name) for file in files] == [START + timedelta(days=day) for day in range(6)]
    for file in files:
        (_, header), *body = rows_of(file)
        midnight = datetime.combine(day_of(file.name), datetime.min.time(), UTC)
        times = Counter(fields[header.index(COLUMNS[source]["timestamp"])] for _, fields in body)
        every = [midnight + timedelta(minutes=5 * step) for step in range(288)]
        assert {datetime.fromisoformat(time): n for time, n in times.items()} == dict.fromkeys(every, 7)


def test_the_last_day_promises_no_later_file(tmp_path: Path) -> None:
    heavy = replace(NONE, late=0.3, correction=0.3, duplicate=0.4)
    truth = simulated(tmp_path, days=1, defects=heavy)
    assert set(truth.defects["kind"]) == {"duplicate"}
    assert [file.name for file in files_of(tmp_path, "kaikai_csv")] == [f"kaikai_{START}.csv"]
    assert Counter(read(tmp_path, "kaikai_csv").found) == Counter(
        Found(*row) for row in truth.defects.select("kind", "file", "line").iter_rows()
    )


@pytest.mark.parametrize("source", SOURCES)
def test_same_arguments_give_the_same_bytes(tmp_path: Path, source: AirSource) -> None:
    one = simulate_air(tmp_path / "1", start=START, days=4, defects=MANY, source=source, truth=tmp_path / "1.csv")
    two = simulate_air(tmp_path / "2", start=START, days=4, defects=MANY, source=source, truth=tmp_path / "2.csv")
    other = simulate_air(tmp_path / "3", start=START, days=4, defects=MANY, source=source, seed=1)
    assert digest(tmp_path / "1") == digest(tmp_path / "2") != digest(tmp_path / "3")
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()
    assert one.readings.equals(two.readings)
    assert not one.readings.equals(other.readings)


@pytest.mark.parametrize(
    ("source", "known"), [("kaikai_csv", "c6982675216b80c1"), ("airgradient_export_5min", "da50ce0a20f6cd87")]
)
def test_bytes_are_the_same_on_every_machine(tmp_path: Path, source: AirSource, known: str) -> None:
    """A digest that changes on purpose is replaced here; one that differs between machines is a bug."""
    simulate_air(tmp_path, start=date(2025, 1, 1), days=4, sensors=9, source=source)
    assert digest(tmp_path) == known


def digest(folder: Path) -> str:
    total = hashlib.sha256()
    for file in sorted(folder.rglob("*.csv")):
        total.update(f"{file.relative_to(folder).as_posix()}\0".encode() + file.read_bytes())
    return total.hexdigest()[:16]


def test_defects_strike_about_as_often_as_asked(tmp_path: Path) -> None:
    rates = AirDefects()
    truth = simulate_air(tmp_path, start=START, days=20, sensors=10, defects=rates)
    readings = 20 * 288 * 10
    counts = Counter(truth.defects["kind"])
    for kind in set(AirDefects.__dataclass_fields__) - {"redelivered"}:
        expected = getattr(rates, kind) * readings
        assert abs(counts[kind] - expected) < 5 * expected**0.5 + 0.05 * expected, kind
    assert counts["redelivered"] == 1


def test_a_reading_has_at_most_one_defect(tmp_path: Path) -> None:
    truth = simulated(tmp_path).defects.filter(pl.col("kind") != "redelivered")
    assert truth.height == truth.unique(["sensor_id", "time"]).height


@pytest.mark.parametrize("seed", range(5))
def test_a_dust_episode_lifts_the_hourly_mean_of_every_sensor_over_35_and_little_else_does(
    tmp_path: Path, seed: int
) -> None:
    truth = simulate_air(tmp_path, start=START, days=10, sensors=12, seed=seed, defects=NONE)
    assert truth.dust
    start, end = truth.dust.start, truth.dust.end
    assert timedelta(days=1) <= end - start <= timedelta(days=2)
    assert datetime(2025, 1, 30, tzinfo=UTC) <= start < end <= datetime(2025, 2, 9, tzinfo=UTC)
    hourly = truth.readings.group_by("sensor_id", hour=pl.col("time").dt.truncate("1h")).agg(pl.col("pm25").mean())
    dusty = pl.col("hour").is_between(start, end, closed="none")
    high_hours = hourly.filter(dusty, pl.col("pm25") > 35).group_by("sensor_id").len()
    assert high_hours.height == 12
    assert high_hours["len"].min() >= 10  # type: ignore[operator]
    assert hourly.filter(~dusty).select((pl.col("pm25") > 35).mean()).item() < 0.02


def test_a_period_of_two_days_has_no_dust(tmp_path: Path) -> None:
    truth = simulate_air(tmp_path, start=START, days=2, defects=NONE)
    assert truth.dust is None
    assert truth.readings.select(pl.col("pm25").max()).item() < 100


def test_evening_meals_lift_pm25_where_and_when_the_truth_says(tmp_path: Path) -> None:
    truth = simulate_air(tmp_path, start=START, days=2, sensors=40, interval_s=60, defects=NONE)
    registry = pl.read_csv(tmp_path / "air" / "kaikai_sensors" / "sensors.csv")
    residential = registry.filter(location_type="Residential")["sensor_id"]
    assert 5 < truth.cooking.height < 2 * len(residential)
    assert set(truth.cooking["sensor_id"]) <= set(residential)
    assert truth.cooking.height == truth.cooking.unique(["sensor_id", pl.col("start").dt.date()]).height
    for sensor, start, end, peak in truth.cooking.iter_rows():
        assert 50 <= (end - start) / timedelta(minutes=1) <= 90
        pm25 = truth.readings.filter(sensor_id=sensor)
        middle = pm25.filter(abs(pl.col("time") - (start + (end - start) / 2)) < timedelta(minutes=4))["pm25"]
        around = pm25.filter(pl.col("time").is_in([start, end]))["pm25"]
        assert abs(middle.mean() - around.mean() - peak) < 0.5 * peak  # type: ignore[operator]


def test_the_signal_has_the_rhythms_of_a_city(tmp_path: Path) -> None:
    readings = simulate_air(tmp_path, start=date(2025, 3, 3), days=2, sensors=40, defects=NONE).readings
    registry = pl.read_csv(tmp_path / "air" / "kaikai_sensors" / "sensors.csv")
    by_hour = (
        readings.join(registry, on="sensor_id")
        .group_by("location_type", hour=pl.col("time").dt.hour())
        .agg(pl.col("pm25", "temperature", "humidity", "co2").mean())
    )

    def mean(metric: str, hour: int, zone: str) -> float:
        value = by_hour.filter(hour=hour, location_type=zone)[metric].item()
        assert isinstance(value, float)
        return value

    assert set(by_hour["location_type"]) == {"Urban", "Residential", "Commercial", "School"}
    for zone in ("Urban", "Residential"):
        assert min(mean("pm25", 7, zone), mean("pm25", 20, zone)) > 1.2 * max(
            mean("pm25", 3, zone), mean("pm25", 13, zone)
        )
        assert mean("temperature", 15, zone) > mean("temperature", 4, zone) + 3
        assert mean("humidity", 15, zone) < mean("humidity", 4, zone) - 10
    assert mean("co2", 10, "School") > mean("co2", 10, "Urban") + 300
    assert abs(mean("co2", 2, "School") - mean("co2", 2, "Urban")) < 20
    wide = readings.filter(sensor_id="SENS001").sort("time")["pm25"]
    neighbours = pl.DataFrame({"a": wide, "b": wide.shift(1)}).drop_nulls().select(pl.corr("a", "b")).item()
    assert neighbours > 0.8


def test_values_have_one_or_two_decimals(tmp_path: Path) -> None:
    simulated(tmp_path, defects=NONE)
    for file in files_of(tmp_path, "kaikai_csv"):
        for _, fields in list(rows_of(file))[1:]:
            assert all(re.fullmatch(r"\d+\.\d{1,2}", cell) for cell in fields[2:]), fields


def test_the_registry_lists_the_reference_sensors_first(tmp_path: Path) -> None:
    path = tmp_path / "air" / "kaikai_sensors" / "sensors.csv"
    simulate_air(tmp_path, start=START, days=1, sensors=2)
    reference = path.read_text(encoding="utf-8")
    assert reference.splitlines() == [
        "sensor_id,location_name,location_type,latitude,longitude,installation_date,sensor_type,status",
        "SENS001,Dakar - Plateau,Urban,14.6937,-17.4441,2024-01-15,kaikai,active",
        "SENS002,Dakar - Almadies,Residential,14.7481,-17.4738,2024-02-01,kaikai,active",
        "SENS003,Saint-Louis - Centre Ville,Urban,16.0267,-16.4969,2024-02-15,kaikai,active",
        "SENS004,Dakar - Médina,Commercial,14.6953,-17.4439,2024-03-01,kaikai,active",
        "SENS005,Dakar - HLM Grand Yoff,Residential,14.7500,-17.4600,2024-03-15,kaikai,active",
    ]
    truth = simulate_air(tmp_path, start=START, days=1, sensors=100, seed=3)
    registry = pl.read_csv(path, try_parse_dates=True)
    assert path.read_text(encoding="utf-8").startswith(reference)
    assert registry["sensor_id"].to_list() == [f"SENS{number:03d}" for number in range(1, 101)]
    assert set(registry["sensor_id"]) == set(truth.readings["sensor_id"])
    assert registry["location_name"].n_unique() == 100
    assert registry.filter(pl.col("status") != "active")["sensor_id"].to_list() == ["SENS006"]
    assert registry.filter(pl.col("installation_date") >= date(2025, 1, 1)).is_empty()
    cities = registry["location_name"].str.split(" - ").list.first()
    assert set(cities) == {"Dakar", "Saint-Louis", "Thiès", "Diourbel"}
    assert (
        registry.with_columns(city=cities)
        .group_by("city")
        .agg(pl.col("location_type").n_unique() == 4)["location_type"]
        .all()
    )


def test_the_registry_of_an_export_lists_its_locations_too(tmp_path: Path) -> None:
    truth = simulate_air(tmp_path, start=START, days=1, sensors=6, source="airgradient_export_5min")
    registry = pl.read_csv(tmp_path / "air" / "kaikai_sensors" / "sensors.csv")
    assert registry["sensor_id"].head(6).to_list() == [f"SENS00{number}" for number in range(1, 7)]
    assert registry["sensor_id"].tail(6).to_list() == sorted(set(truth.readings["sensor_id"]))
    assert registry["sensor_type"].to_list() == ["kaikai"] * 6 + ["airgradient"] * 6


def test_the_export_looks_like_the_network_s_own(tmp_path: Path) -> None:
    simulated(tmp_path, "airgradient_export_5min", defects=NONE)
    number, stamp = r"-?\d+(\.[1-9])?", r"2025-01-30.\d\d:\d\d:00"
    form = re.compile(
        rf'9\d{{5}},"[^"]+, [^"]+",,"Outdoor","airgradient:[0-9a-f]{{12}}",(true|false),"({stamp})","({stamp})\.000Z",'
        rf"([1-5]),({number},){{14}}{number}"
    )
    text = (tmp_path / "air" / "airgradient_export_5min" / f"airgradient_{START}.csv").read_text(encoding="utf-8")
    header, *lines = text.split("\n")
    assert len(next(csv.reader([header]))) == 24
    assert re.fullmatch(r'("[^"]+",){23}"[^"]+"', header)
    aggregated = set[str]()
    for line in lines:
        match = form.fullmatch(line)
        assert match, line
        assert match[2].replace(" ", "T") == match[3]  # Dakar has UTC
        aggregated.add(match[4])
    assert aggregated == {"1", "2", "3", "4", "5"}
    times = [line.split('"')[9] for line in lines]
    assert times == sorted(times[:288], reverse=True) * 7


def test_the_truth_file_holds_the_defects(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere" / "truth.csv"
    truth = simulate_air(tmp_path / "in", start=START, days=3, defects=MANY, truth=path)
    assert pl.read_csv(path, schema=DEFECTS_SCHEMA).equals(truth.defects)
    assert not list((tmp_path / "in").rglob("*truth*"))


def test_nothing_but_finished_files_is_left_behind(tmp_path: Path) -> None:
    simulated(tmp_path)
    assert [
        path for path in tmp_path.rglob("*") if path.is_file() and (path.name[0] == "." or path.suffix != ".csv")
    ] == []


def test_a_write_that_is_killed_shows_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a.csv", b"x")
    assert [path.name for path in tmp_path.iterdir()] == [".a.csv.part"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"days": 0}, "at least one day"),
        ({"sensors": 0}, "at least one day"),
        ({"interval_s": 7}, "must divide"),
        ({"interval_s": 600, "source": "airgradient_export_5min"}, "every 300 s"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(tmp_path: Path, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        simulate_air(tmp_path, **({"start": START, "days": 1} | arguments))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_rates_beyond_one_are_refused() -> None:
    with pytest.raises(ValueError, match="rates"):
        AirDefects(late=0.6, missing=0.6)
    with pytest.raises(ValueError, match="rates"):
        AirDefects(late=-0.1)
