"""What the measurements of ``bench/`` count, where that could be wrong without anybody seeing it."""

import inspect
import re
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from dagster._core.storage.event_log import SqlEventLogStorage

from bench.growth import Steps, exponent, write_days
from bench.queries import moved
from bench.sampled import PARTS, part_of
from kaikai_assets.build import due, pending
from kaikai_assets.build.bronze import build_bronze
from kaikai_assets.build.runner import Runner
from kaikai_assets.domains.air.transforms.days import daily
from kaikai_assets.lake.content import canonical
from kaikai_assets.lake.tables import Lake
from kaikai_assets.landing.days import count_days
from kaikai_assets.landing.land import land
from kaikai_assets.landing.parse import parse
from kaikai_assets.landing.unpack import fingerprint
from kaikai_assets.ledger.targets import Targets
from kaikai_assets.orchestration import direct, event_log, pictures
from kaikai_assets.platform import Platform
from kaikai_assets.quality.contracts import validate


def frame(function: Callable[..., Any]) -> str:
    """What the profiler sees of a function."""
    code = inspect.unwrap(function).__code__
    return f"{code.co_filename}:{code.co_qualname}"


OF_PART: dict[str, Callable[..., Any]] = {
    "lake: versions": Lake.builds,
    "ledger": Targets.built,
    "landing: counting records by day": count_days,
    "fingerprints of files": fingerprint,
    "landing: all else": land,
    "planning": pending.plan,
    "warehouse": Platform.publish,
    "pictures": pictures._drawn,
    "lake: commits": Lake.commit,
    "parsing raw files": parse,
    "reading the lake": Lake.read,
    "validation": validate,
    "rounding, sorting, hashing": canonical,
    "functions of the domain": daily,
    "putting days together": build_bronze,
    "Dagster: event log and runs": SqlEventLogStorage.store_event,
    "Dagster: all else": direct.build_pending,
}


@pytest.mark.parametrize("part", OF_PART)
def test_a_function_of_the_platform_is_of_its_part(part: str) -> None:
    assert part_of([frame(OF_PART[part]), frame(direct.build_pending)]) == part


def test_events_that_are_written_together_are_of_the_event_log() -> None:
    assert part_of([frame(event_log._store), frame(direct.build_pending)]) == "Dagster: event log and runs"


def test_every_part_has_a_function_but_imports_and_the_rest() -> None:
    assert {part.name for part in PARTS} - OF_PART.keys() == {"start-up: imports", "all else"}


def test_what_a_part_calls_belongs_to_it() -> None:
    outer = frame(direct.build_pending)
    assert part_of([frame(Lake.read), frame(Platform.publish), outer]) == "warehouse"
    assert part_of([frame(Targets.built), frame(Platform.publish), outer]) == "ledger"
    assert part_of([frame(due.ranges), frame(Runner.plan), outer]) == "planning"
    assert part_of(["/usr/lib/python3/threading.py:wait"]) == "all else"
    assert part_of(["<frozen importlib._bootstrap>:_find_and_load", outer]) == "start-up: imports"


def test_exponents_are_those_of_a_power() -> None:
    assert exponent((10, 40), (3, 12)) == pytest.approx(1)
    assert exponent((10, 40), (3, 48)) == pytest.approx(2)
    assert exponent((10, 40), (3, 3)) == pytest.approx(0)


def test_the_peak_is_of_one_step() -> None:
    steps = Steps()
    with steps.step("large"):
        held = bytearray(b"x") * (200 << 20)
    del held
    with steps.step("small"):
        time.sleep(0.01)
    large, small = steps.found
    assert large.peak_mib - small.peak_mib > 150
    assert small.seconds >= 0.01


def test_a_file_of_days_has_each_sensor_in_each_interval_once(tmp_path: Path) -> None:
    write_days(tmp_path / "days.csv", date(2024, 2, 28), days=2, sensors=3, interval_s=3600)
    rows = pl.read_csv(tmp_path / "days.csv", try_parse_dates=True)
    assert rows.columns == ["sensor_id", "timestamp", "pm25", "temperature", "humidity", "co2"]
    assert rows.height == rows.select("sensor_id", "timestamp").n_unique() == 2 * 24 * 3
    assert set(rows["timestamp"].dt.date()) == {date(2024, 2, 28), date(2024, 2, 29)}
    assert re.fullmatch(r"S0000,2024-02-28T00:00:00Z(,[\d.]+){4}", (tmp_path / "days.csv").read_text().splitlines()[1])


def test_rows_are_moved_by_whole_weeks_and_stay_distinct() -> None:
    rows = pl.DataFrame({"alert_id": ["0123456789abcdef" * 2], "day": [date(2024, 1, 1)], "n": [3]})
    rows = rows.with_columns(at=pl.datetime(2024, 1, 1, 12, time_zone="UTC"), none=pl.lit(None, pl.Date))
    later = moved(rows, 52)
    assert later.schema == rows.schema
    assert later["day"].item() == date(2024, 12, 30)
    assert later["at"].item() - rows["at"].item() == later["day"].item() - rows["day"].item()
    assert later["alert_id"].item() != rows["alert_id"].item()
    assert later.select("n", "none").equals(rows.select("n", "none"))
