"""What processes that run at once do to a data root."""

import time
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
from deltalake import DeltaTable

from kaikai_assets.build.run import Run
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.lake.tables import Conflict
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings
from kaikai_assets_tests.faults.deliveries import HEADER, put
from kaikai_assets_tests.faults.light import opened

TABLES = {AIR.bronze, *AIR.contracts}
_WAIT_S = 120


def day_with(day: str, value: int) -> str:
    """A day of one sensor, a reading each 10 minutes, all with one value."""
    times = [f"{day}T{hour:02d}:{minute:02d}:00Z" for hour in range(24) for minute in range(0, 60, 10)]
    return HEADER + "".join(f"S1,{at},{value},25,50,500\n" for at in times)


def run_from_an_older_list(root: str, rounds: int, days: list[str]) -> None:
    """Begin a run, let the other one land more, then build while it builds."""
    platform = opened(Settings(data=Path(root), settle_s=0))
    for number in range(rounds):
        run = platform.runner(AIR).begin()
        (Path(root) / f"begun.{number}").touch()
        _wait_for(Path(root) / f"landed.{number}")
        _build(platform, run, days)


def run_from_a_newer_list(root: str, rounds: int, days: list[str]) -> None:
    """Land corrections once the other run has begun, then build them."""
    platform = opened(Settings(data=Path(root), settle_s=0))
    for number in range(rounds):
        _wait_for(Path(root) / f"begun.{number}")
        for day in days:
            put(Path(root), f"{day}-{number}.csv", day_with(day, 100 + number))
        platform.land(AIR)
        run = platform.runner(AIR).begin()
        (Path(root) / f"landed.{number}").touch()
        _build(platform, run, days)


def correct_again_and_again(root: str, day: str, times: int) -> None:
    """A writer of one day: land a correction of all its readings, build it, publish it; again and again."""
    platform = opened(Settings(data=Path(root), settle_s=0))
    for number in range(times):
        put(Path(root), f"{day}-{number}.csv", day_with(day, 100 + number))
        platform.land(AIR)
        run = platform.runner(AIR).begin()
        _build(platform, run, [day])
    (Path(root) / f"done.{day}").touch()


def read_lake(root: str, writers: int, with_polars: bool) -> int:
    """Look at silver until all writers are done; how often. A day must have all its readings, of one value."""
    uri = f"{root}/lake/silver/air_measurements"
    looks = 0
    while _at_work(root, writers):
        looks += 1
        if with_polars:
            rows = pl.scan_delta(uri).select("day", "pm25").collect()
        else:
            rows = pl.DataFrame(DeltaTable(uri).to_pyarrow_table(columns=["day", "pm25"]))
        for day, count, values in rows.group_by("day").agg(pl.len(), pl.col("pm25").unique()).iter_rows():
            assert (count, len(values)) == (144, 1), (day, count, values)
    return looks


def read_warehouse(root: str, writers: int) -> int:
    """Look at hours until all writers are done; how often. A day must have all its hours, of one value."""
    query = "SELECT day, count(*), list(DISTINCT pm25_mean) FROM gold.air_hourly GROUP BY day"
    looks = 0
    while _at_work(root, writers):
        looks += 1
        with duckdb.connect(f"{root}/warehouse/kaikai.duckdb", read_only=True) as connection:
            for day, count, hours in connection.execute(query).fetchall():
                assert (count, len(hours)) == (24, 1), (day, count, hours)
    return looks


def _at_work(root: str, writers: int) -> bool:
    return len(list(Path(root).glob("done.*"))) < writers


def _wait_for(path: Path) -> None:
    until = time.monotonic() + _WAIT_S
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not appear"
        time.sleep(0.002)


def _build(platform: Platform, run: Run, days: list[str]) -> None:
    for _ in platform.runner(AIR).build(run, [date.fromisoformat(day) for day in days], TABLES, only_pending=True):
        pass
    for error in run.failed.values():
        # Who is overtaken time and again gives up, and the next plan finds what is left.
        if not isinstance(error, Conflict):
            raise error
    platform.publish(AIR)
