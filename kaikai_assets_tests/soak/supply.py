"""What is put into the inbox, and how; and what must come of it: the script knows each file that it dropped."""

import gzip
import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from threading import Thread

import polars as pl

from kaikai_assets.settings import Settings, utc_now
from kaikai_assets.simulation.air import simulate_air
from kaikai_assets.simulation.air_formats import AirSource
from kaikai_assets.simulation.air_sensors import kaikai_sensors, registry_csv
from kaikai_assets.simulation.redeliver import csv_records, shuffle_and_split

DAYS = 30
"""Readings are of so many days up to yesterday: files of the same days come again and again, in any order."""

NDJSON, PARQUET = "soak_ndjson", "soak_parquet"
_DESCRIPTION = """
source: {source}
format: {form}
match: folder
grain: PT5M
entity: {{column: sensor_id, prefix: "{prefix}-"}}
time: {{column: timestamp, formats: [iso], timezone: UTC}}
columns: {{pm25: pm25, temperature: temperature, humidity: humidity, co2: co2}}
missing: ["", "NA", "NaN", "-999"]
"""


@dataclass
class Supply:
    """Makes files in a folder beside the inbox and drops them.

    ``sound`` tells the records of each file that must land, by source and SHA-256; ``damaged`` holds the SHA-256 of
    files that must be rejected; ``parts`` what a file held while it was written more slowly than a file may be.
    """

    settings: Settings
    folder: Path
    random: Random
    sound: dict[tuple[str, str], int] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    parts: set[tuple[str, str]] = field(default_factory=set)
    drops: int = 0
    _delivered: list[tuple[str, Path]] = field(default_factory=list)
    _writers: list[Thread] = field(default_factory=list)

    def describe_formats(self) -> None:
        """Two sources of the data root: the same readings as JSON lines and as Parquet."""
        for source, form, prefix in ((NDJSON, "ndjson", "N"), (PARQUET, "parquet", "P")):
            path = self.settings.data / "sources" / "air" / f"{source}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_DESCRIPTION.format(source=source, form=form, prefix=prefix), encoding="utf-8")

    def new_files(self) -> str:
        """One to three days of a few sensors, with defects: of any of the last days, so that many are late."""
        length = self.random.randint(1, 3)
        start = utc_now().date() - timedelta(days=self.random.randint(length, DAYS))
        source: AirSource = self.random.choice(["kaikai_csv", "kaikai_csv", "airgradient_export_5min"])
        made = self._new_folder()
        simulate_air(
            made,
            start=start,
            days=length,
            sensors=self.random.randint(1, 4),
            interval_s=300 if source == "airgradient_export_5min" else self.random.choice([300, 900]),
            seed=self.random.randrange(2**31),
            source=source,
        )
        files = sorted((made / "air" / source).glob("*.csv"))
        self.random.shuffle(files)
        return "; ".join(self._sound(*self._in_some_format(source, file)) for file in files)

    def registry(self) -> str:
        """A registry whose names, intervals and time zones are other ones than before."""
        lines = registry_csv(kaikai_sensors(5)).decode().splitlines()
        zone = self.random.choice(["Africa/Dakar", "Africa/Dakar", "Europe/Paris", "Asia/Kolkata"])
        interval = self.random.choice([300, 600, 900])
        number = self.random.randrange(2**31)
        text = [f"{lines[0]},timezone,expected_interval_s"]
        text += [f"{line.replace(' - ', f' - {number} ')},{zone},{interval}" for line in lines[1:]]
        path = self._new_folder() / "sensors.csv"
        path.write_text("\n".join(text) + "\n", encoding="utf-8")
        return self._sound("kaikai_sensors", path)

    def redelivered(self) -> str:
        """A file that was dropped before, under another name."""
        if not self._delivered:
            return self.new_files()
        source, path = self.random.choice(self._delivered)
        again = self._new_folder() / f"again_{path.name}"
        shutil.copyfile(path, again)
        return self._sound(source, again)

    def split(self) -> str:
        """The records of a CSV file that was dropped before, shuffled, in other files."""
        plain = [(s, p) for s, p in self._delivered if p.suffix == ".csv" and s != "kaikai_sensors"]
        if not plain:
            return self.new_files()
        source, path = self.random.choice(plain)
        parts = shuffle_and_split(path, self._new_folder(), self.random.randint(1, 3), self.random.randrange(2**31))
        return "; ".join(self._sound(source, part) for part in parts)

    def damaged_file(self) -> str:
        """A file that must be rejected."""
        number = self.random.randrange(2**31)
        good = b"sensor_id,timestamp,pm25,temperature,humidity,co2\n" + b"SENS001,2025-01-01T00:00:00Z,1,2,3,4\n" * 500
        name, content = self.random.choice(
            [
                ("header.csv", f"who,when,what\n{number},b,c\n".encode()),
                ("cut.csv.gz", gzip.compress(good + str(number).encode())[:-20]),
                ("binary.csv", b"\x00\xff\xfe\x80" + number.to_bytes(8, "big") * 50),
                ("words.ndjson", f"{number} these are no records\n".encode()),
            ]
        )
        path = self._new_folder() / name
        path.write_bytes(content)
        self.damaged.add(_sha256(path))
        return self._deliver(None, path)

    def wait(self) -> None:
        """Until files that are being written are whole."""
        for writer in self._writers:
            writer.join()

    def _in_some_format(self, source: AirSource, file: Path) -> tuple[str, Path]:
        form = self.random.choice(["csv", "csv", "gz", "ndjson", "parquet"])
        if form == "gz":
            packed = file.with_name(f"{file.name}.gz")
            packed.write_bytes(gzip.compress(file.read_bytes(), mtime=0))
            return source, packed
        if form == "csv" or source != "kaikai_csv":
            return source, file
        frame = pl.read_csv(file.read_bytes(), infer_schema=False, truncate_ragged_lines=True)
        other = file.with_suffix(f".{form}")
        if form == "ndjson":
            frame.write_ndjson(other)
            return NDJSON, other
        frame.write_parquet(other)
        return PARQUET, other

    def _sound(self, source: str, path: Path) -> str:
        self.sound[source, _sha256(path)] = _records(path)
        self._delivered.append((source, path))
        return self._deliver(source, path)

    def _deliver(self, source: str | None, path: Path) -> str:
        self.drops += 1
        folder = self.settings.inbox / "air" / (source or "")
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{self.drops:05d}_{path.name}"
        how: Callable[[str | None, Path, Path], None] = self.random.choice([_written, _renamed, self._slowly])
        how(source, path, target)
        return f"{target.relative_to(self.settings.inbox / 'air')} {how.__name__.strip('_')}"

    def _slowly(self, source: str | None, path: Path, target: Path) -> None:
        writer = Thread(target=self._grow, args=(source, path, target))
        self._writers.append(writer)
        writer.start()

    def _grow(self, source: str | None, path: Path, target: Path) -> None:
        content = path.read_bytes()
        step = len(content) // 8 + 1
        last = time.monotonic()
        with target.open("wb", buffering=0) as file:
            for at in range(0, len(content), step):
                # This process may itself have been held up: then what stood there could be taken for a whole file.
                if at and time.monotonic() - last > self.settings.settle_s / 2:
                    self.parts.add((source or "", hashlib.sha256(content[:at]).hexdigest()))
                file.write(content[at : at + step])
                last = time.monotonic()
                time.sleep(0.3)

    def _new_folder(self) -> Path:
        folder = self.folder / f"{len(list(self.folder.iterdir())):05d}"
        folder.mkdir()
        return folder


def _written(_source: str | None, path: Path, target: Path) -> None:
    shutil.copyfile(path, target)


def _renamed(_source: str | None, path: Path, target: Path) -> None:
    unfinished = target.with_name(f".{target.name}.part")
    shutil.copyfile(path, unfinished)
    unfinished.rename(target)


def _records(path: Path) -> int:
    """Records of a file, counted in another way than landing does."""
    if path.suffix == ".parquet":
        return pl.read_parquet(path).height
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    records = csv_records(content) if ".ndjson" not in path.suffixes else content.splitlines()
    return len(records) - (".ndjson" not in path.suffixes)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
