"""Figures of the network's real files, recomputed from the lines that are traced."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import polars as pl
import pytest
import yaml

from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.operations.trace import Trace, trace
from kaikai_assets.platform import Platform
from kaikai_assets_tests.end_to_end.product import build, drop, table
from kaikai_assets_tests.landing.making import MAKERS, PACKERS

SAMPLE = 6
FIVE_MINUTES, LONG = "airgradient-5min/7-jours-164928.csv", "openaq-long/donnees_dakar.csv"
PM25 = "pm02"


def cells(found: Trace) -> list[dict[str, str]]:
    """Traced records as the file's own columns."""
    rows = []
    for file in found.files:
        assert file.problem is None
        for text in file.records["text"]:
            if file.header is None:
                rows.append(json.loads(text))
            else:
                rows += csv.DictReader(io.StringIO(f"{file.header[1]}\n{text}"))
    return rows


def check(platform: Platform, of: str, key: list[str], value: Callable[[dict[str, str]], float], most: int) -> int:
    """Compare the means of PM2.5 of some rows of a table with those of their traced records; the number of rows."""
    rows = table(platform, of).filter(pl.col("pm25_n") > 0).sort(key)
    chosen = rows.gather_every(max(1, rows.height // most)).head(most)
    for row in chosen.to_dicts():
        found = trace(platform, of, {name: str(row[name]) for name in key}, "pm25_mean")
        said = [value(cell) for cell in cells(found)]
        assert len(said) == row["pm25_n"]
        assert fmean(said) == pytest.approx(row["pm25_mean"], abs=1e-6)
        for file in found.files:
            lines = (platform.settings.raw / file.file.raw_file).read_bytes().split(b"\n")
            for line, text in file.records.select("line", "text").iter_rows():
                assert lines[line - 1].removesuffix(b"\r") == text.encode()
    return chosen.height


def test_hours_and_days_of_the_network_are_the_means_of_their_lines(platform: Platform, real_files: Path) -> None:
    # Two exports of overlapping weeks: what the second one repeats is traced to the first.
    for file in sorted((real_files / FIVE_MINUTES).parent.glob("*7-jours*.csv")):
        drop(platform, file.name, file.read_bytes())
        platform.land(AIR)
    build(platform)
    assert check(platform, "gold/air_hourly", ["sensor_id", "hour"], lambda row: float(row[PM25]), SAMPLE) == SAMPLE
    assert check(platform, "gold/air_daily", ["sensor_id", "day"], lambda row: float(row[PM25]), 2) == 2


def test_hours_and_alerts_of_a_long_export_are_made_of_its_lines_of_one_parameter(
    platform: Platform, real_files: Path
) -> None:
    drop(platform, "long.csv", (real_files / LONG).read_bytes())
    build(platform)
    assert check(platform, "gold/air_hourly", ["sensor_id", "hour"], lambda row: float(row["value"]), SAMPLE) == SAMPLE
    alert = table(platform, "gold/air_alerts").filter(rule="pm25_hourly_above_35").sort("n").row(-1, named=True)
    found = trace(platform, "gold/air_alerts", {"alert_id": alert["alert_id"]}, "peak")
    assert {row["parameter"] for row in cells(found)} == {"pm25"}
    assert max(float(row["value"]) for row in cells(found)) == pytest.approx(alert["peak"], abs=1e-6)


@pytest.mark.parametrize("form", MAKERS)
def test_real_readings_in_other_formats_are_traced_packed_and_plain(
    platform: Platform, real_files: Path, form: str
) -> None:
    text = (real_files / FIVE_MINUTES).read_text(encoding="utf-8-sig")
    own = [{k: v for k, v in row.items() if v} for row in csv.DictReader(io.StringIO(text))]
    described = yaml.safe_load((AIR.sources / "airgradient_api.yaml").read_text(encoding="utf-8"))
    described |= {"source": "own", "format": form}
    folder = platform.settings.data / "sources" / "air"
    folder.mkdir(parents=True)
    (folder / "own.yaml").write_text(yaml.safe_dump(described, allow_unicode=True), encoding="utf-8")
    names = list(dict.fromkeys(name for row in own for name in row))
    for at, (packing, pack) in enumerate(PACKERS.items()):
        rows = [{name: row.get(name) for name in names} for row in own[at * 40 : at * 40 + 40]]
        drop(platform, f"own/part{at}.{form}{packing}", pack(MAKERS[form](rows)))
    assert len(platform.land(AIR).landed) == len(PACKERS)
    build(platform)
    hours = table(platform, "gold/air_hourly").filter(pl.col("pm25_n") > 0)
    assert hours["pm25_n"].sum() == sum(PM25 in row for row in own[: 40 * len(PACKERS)])
    for row in hours.to_dicts():
        found = trace(platform, "gold/air_hourly", {"hour": str(row["hour"])}, "pm25_mean")
        said = [float(cell[PM25]) for cell in cells(found)]
        assert len(said) == row["pm25_n"]
        assert fmean(said) == pytest.approx(row["pm25_mean"], abs=1e-6)
