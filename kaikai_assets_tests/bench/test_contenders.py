"""Contenders agree on a day of few sensors, and what differs is told."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from bench.compare import Entry, table
from bench.contenders import FLOORS, OTHERS, PLATFORM, Contender, absent
from bench.process import Failed, Measured, measure
from bench.readings import write
from bench.results import Results, differences, lines, of_files, rows


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("race") / "files"
    write(folder, days=2, seed=1, sensors=8)
    return folder


def ran(one: Contender, files: Path) -> Path:
    """The folder in which a contender left its results."""
    target = files.parent / one.name
    target.mkdir()
    one.prepare(files, target)
    environment = {**os.environ, **one.environment(target)}
    measure(one.command(sys.executable, files, target), environment, target / "log", limit_s=200)
    return target


@pytest.mark.slow
def test_platform_and_pandas_agree(files: Path) -> None:
    pandas = OTHERS[0]
    assert PLATFORM.results is not None
    expected = PLATFORM.results(ran(PLATFORM, files))
    assert expected.daily["silver_n"].sum() > 8 * 1440 * 1.99
    assert expected.daily["hours_above_35"].sum() > 0
    assert set(expected.set_aside) == {"damaged_record", "impossible", "not_a_number"}
    assert differences(of_files(ran(pandas, files)), expected) == []


@pytest.mark.slow
@pytest.mark.parametrize("one", OTHERS[1:], ids=lambda one: one.name)
def test_optional_contenders_agree(one: Contender, files: Path) -> None:
    if why := absent(one, sys.executable):
        pytest.skip(why)
    pandas = files.parent / "pandas"
    expected = of_files(pandas if pandas.exists() else ran(OTHERS[0], files))
    assert differences(of_files(ran(one, files)), expected) == []


@pytest.mark.parametrize("floor", FLOORS, ids=lambda floor: floor.name)
def test_a_floor_leaves_no_line_out(floor: Contender, files: Path) -> None:
    assert rows(ran(floor, files)) == lines(files.glob("readings-*.csv"))


def test_what_differs_is_told() -> None:
    daily = pl.DataFrame(
        {"sensor_id": ["A", "B"], "day": [1, 1], "silver_n": [9, 9], "silver_mean": [20.0, None]}
        | {"pm25_mean": [20.0, None], "hours_above_35": [2, 0]}
    )
    expected = Results({"impossible": 3}, daily)
    assert differences(expected, expected) == []
    rounded = daily.with_columns(pm25_mean=pl.col("pm25_mean") * (1 + 0.5e-6))
    assert differences(Results({"impossible": 3}, rounded), expected) == []
    off = daily.with_columns(pl.col("silver_mean") * (1 + 1e-8), pl.col("hours_above_35") + 1)
    assert differences(Results({"impossible": 2, "no_time": 1}, off.head(1)), expected) == [
        "2 set aside as impossible, not 3",
        "1 set aside as no_time, not 0",
        "rows of silver: differs on 1 of 2 days of sensors",
        "mean of silver: differs on 1 of 2 days of sensors",
        "hours above 35 µg/m³: differs on 2 of 2 days of sensors",
    ]


def test_what_is_absent_is_left_out_with_a_line() -> None:
    missing = replace(OTHERS[1], needs="no_such_module")
    assert absent(missing, sys.executable).startswith("dbt-duckdb is left out: ")
    assert absent(PLATFORM, sys.executable) == ""


def test_the_table_has_ratios_and_no_time_of_what_differs() -> None:
    def entry(name: str, walls: list[float], trouble: str = "") -> Entry:
        return Entry(name, 1000, [Measured(wall, 2.0, 64.0) for wall in walls], trouble)

    slow, fast = (floor.name for floor in FLOORS)
    said = table(
        [entry(slow, [9]), entry(fast, [3, 2, 1]), entry("kaikai", [8, 4, 80]), entry("pandas", [], "differs: x")]
    ).splitlines()
    assert said[1].split()[2:5] == ["1,000", "9.0", "4.5"]
    assert said[3].split() == ["kaikai", "1,000", "8.0", "4.0", "2.0", "64"]
    assert said[4].split() == ["pandas", "1,000", "differs:", "x"]


GROWS = """
import subprocess, sys
held = b"x" * (40 << 20)
child = "import time; held = b'x' * (60 << 20); time.sleep(2)"
subprocess.run([sys.executable, "-c", child])
"""


def test_memory_and_time_of_a_whole_tree(tmp_path: Path) -> None:
    found = measure([sys.executable, "-c", GROWS], os.environ, tmp_path / "log", limit_s=60)
    assert found.wall_s > 0.5
    assert 100 < found.peak_mib < 200


def test_processor_time_of_what_outlives_its_parent(tmp_path: Path) -> None:
    works = "import time\nwhile time.process_time() < 0.5: pass"
    leaves = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {works!r}]); time.sleep(2)"
    assert measure([sys.executable, "-c", leaves], os.environ, tmp_path / "log", limit_s=60).cpu_s >= 0.5


def test_a_run_that_fails_or_lasts_too_long(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="ended with 3"):
        measure([sys.executable, "-c", "raise SystemExit(3)"], os.environ, tmp_path / "log", limit_s=60)
    with pytest.raises(Failed, match="not done after 1 s"):
        measure([sys.executable, "-c", "import time; time.sleep(60)"], os.environ, tmp_path / "log", limit_s=1)
