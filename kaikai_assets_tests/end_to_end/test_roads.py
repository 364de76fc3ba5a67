"""Every road gives the same tables: the same messy deliveries, built in each way that a person or the sensor has."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster import AssetKey

from kaikai_assets.definitions import build_defs, build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.ledger.targets import Account, Target
from kaikai_assets.orchestration.automation import range_tags
from kaikai_assets.orchestration.direct import QUIET
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings, utc_now
from kaikai_assets_tests.end_to_end.product import DERIVED, drop, outputs
from kaikai_assets_tests.end_to_end.test_dagster import checks, run_range, tick
from kaikai_assets_tests.end_to_end.test_rebuilding import HEADER, day_file
from kaikai_assets_tests.properties.product import expected, stored

pytestmark = pytest.mark.slow

DAYS = [date(2025, 3, 28) + timedelta(days=n) for n in range(6)]
"""Days of the readings below, and those around that the local days of their sensors reach into."""

REGISTRY = "sensor_id,location_name,location_type,latitude,longitude,installation_date,timezone,expected_interval_s\n"


def _messy(platform: Platform) -> None:
    """Several sensors, days and sources; corrections, contradictions, repetitions, damage, a registry that changes."""
    drop(platform, "kaikai_sensors/1.csv", f"{REGISTRY}SENS001,Paris,School,48.85,2.35,2024-01-15,Europe/Paris,300\n")
    for day in DAYS[1:5]:
        drop(platform, f"{day}.csv", day_file(f"{day}", pm25=30 + day.day))
        drop(platform, f"other {day}.csv", day_file(f"{day}", pm25=12, sensor="SENS002", hours=20))
    corrected = day_file("2025-03-30", pm25=50).replace("T12:00:00Z,50,25", "T12:00:00Z,x,99")
    drop(platform, "corrected.csv", corrected)
    drop(platform, "again.csv", day_file("2025-03-31", pm25=61).replace(",500\n", ",500\n", 1) + "\n")
    drop(
        platform,
        "odd.csv",
        HEADER
        + "SENS001,2025-03-29T00:02:00Z,1,,,\nSENS001,2025-03-29T00:02:00Z,2,,,\nSENS003,2025-03-30T23:59:59Z,-5,NA,,\n"
        'SENS003,,1,,,\n,2025-03-30T00:00:00Z,1,,,\nSENS003\n"SENS003,2025-03-30T00:00:00Z,1,2,3,4\n'
        "SENS003,1970-01-01T00:00:00Z,1,,,\n",
    )
    drop(
        platform,
        "openaq_long/hours.csv",
        "location_id,datetimeUtc,parameter,value\n"
        + "".join(f"7,{day}T{hour:02d}:00:00Z,pm25,{hour * 3}\n" for day in DAYS[1:5] for hour in range(24)),
    )
    zones = "SENS001,Paris,School,48.85,2.35,2024-01-15,Europe/Paris,300\nSENS002,,,,,,Pacific/Kiritimati,300\n"
    drop(platform, "kaikai_sensors/2.csv", f"{REGISTRY}{zones}OAQ-7,,,,,,America/New_York,\n")


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with files landed and nothing built."""
    root = tmp_path_factory.mktemp("landed") / "data"
    platform = build_platform(Settings(data=root, settle_s=0))
    _messy(platform)
    report = platform.land(AIR)
    assert report.rejected == []
    return root


@pytest.fixture
def platform(landed: Path, tmp_path: Path) -> Platform:
    shutil.copytree(landed, tmp_path / "data")
    return build_platform(Settings(data=tmp_path / "data", settle_s=0, retry_s=0))


def all_days(platform: Platform) -> list[date]:
    """Days of records and those around that have begun. Records without a usable time lie on the day they arrived."""
    today = utc_now().date()
    arrived = {file.arrived_at.date() for file in platform.runner(AIR).state().files.values()}
    around = {day + timedelta(days=shift) for day in arrived for shift in (-1, 0, 1)}
    return sorted({*DAYS, *(day for day in around if day <= today)})


Road = Callable[[Platform, dg.DagsterInstance], None]


def sensor(platform: Platform, instance: dg.DagsterInstance) -> None:
    defs = build_defs(platform.settings)
    for _ in range(9):
        result = tick(defs, instance)
        if isinstance(result, dg.SkipReason):
            return
        for request in result.run_requests or []:
            job = defs.resolve_job_def(request.job_name or "")
            config = {**request.run_config, "loggers": QUIET}
            assert job.execute_in_process(instance=instance, tags=request.tags, run_config=config).success
    raise AssertionError("the sensor does not come to rest")


def one_day_at_a_time(platform: Platform, instance: dg.DagsterInstance) -> None:
    job = build_defs(platform.settings).resolve_job_def("air_job")
    # A day reads days around it that read days around them, and the first run of all makes the registry: with the third
    # time round every day has seen the last of these.
    for _ in range(3):
        for day in reversed(all_days(platform)):
            config = {"loggers": QUIET}
            assert job.execute_in_process(instance=instance, partition_key=f"{day}", run_config=config).success


def one_range(platform: Platform, instance: dg.DagsterInstance) -> None:
    defs, days = build_defs(platform.settings), all_days(platform)
    for start, end in _spans(days):
        result = run_range(defs, instance, f"{start}", f"{end}")
        assert result.success
        assert _evaluated(result) == _due(platform, start, end)


def rebuild(platform: Platform, instance: dg.DagsterInstance) -> None:
    job = build_defs(platform.settings).resolve_job_def("air_job")
    for start, end in _spans(all_days(platform)):
        result = job.execute_in_process(
            instance=instance,
            tags=range_tags(AIR, start, end),
            run_config={"loggers": QUIET, "ops": {"air_build": {"config": {"rebuild": True}}}},
        )
        assert result.success
        assert _evaluated(result) == _due(platform, start, end)


def layer_by_layer(platform: Platform, instance: dg.DagsterInstance) -> None:
    job = build_defs(platform.settings).resolve_implicit_global_asset_job_def()
    days = all_days(platform)
    whole = [table for step in AIR.steps if not step.partitioned for table in step.outputs]
    partitioned = [[AIR.bronze], *(list(step.outputs) for step in AIR.steps if step.partitioned)]
    for tables in [list(AIR.dimension), *partitioned, whole, [AIR.warehouse]]:
        keys = [AssetKey(table.split("/")) for table in tables]
        spans = [range_tags(AIR, start, end) for start, end in _spans(days)] if tables in partitioned else [{}]
        for tags in spans:
            config = {"loggers": QUIET}
            assert job.execute_in_process(instance=instance, asset_selection=keys, tags=tags, run_config=config).success


def command_line(platform: Platform, instance: dg.DagsterInstance) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    environment |= {"KAIKAI_DATA": str(platform.settings.data), "KAIKAI_SETTLE_S": "0"}
    command = [sys.executable, "-m", "kaikai_assets.cli", "build"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _spans(days: list[date]) -> list[tuple[date, date]]:
    """Two ranges: the days of the readings, and those around the arrival."""
    arrived = [day for day in days if day not in DAYS]
    return [(DAYS[0], DAYS[-1]), (arrived[0], arrived[-1])]


def _evaluated(result: dg.ExecuteInProcessResult) -> set[tuple[str, str, str]]:
    found = checks(result)
    assert all(passed for *_, passed in found)
    return {(table, check, partition) for table, check, partition, _ in found if partition}


def _due(platform: Platform, start: date, end: date) -> set[tuple[str, str, str]]:
    """Checks that a range run over everything must have evaluated."""
    built = [t for t in platform.ledger.targets.built() if t[0] in DERIVED and f"{start}" <= t[1] <= f"{end}"]
    silver = AIR.steps[0].name
    return {(table.split("/")[1], "contract", part) for table, part in built} | {
        (silver.split("/")[1], "conservation", part) for table, part in built if table == silver
    }


ROADS: dict[str, Road] = {
    "the sensor and the runs it asks for": sensor,
    "the job over one day at a time, newest first": one_day_at_a_time,
    "the job over a range": one_range,
    "everything materialized, raw read again": rebuild,
    "one layer after the other": layer_by_layer,
    "kaikai build": command_line,
}


@pytest.fixture(scope="module")
def right(landed: Path) -> tuple[dict[Target, str], list[Account]]:
    """What the files come to: tables computed in memory, accounts of a build without Dagster."""
    root = landed.parent / "right"
    shutil.copytree(landed, root)
    platform = build_platform(Settings(data=root, settle_s=0))
    runner = platform.runner(AIR)
    run = runner.begin()
    list(runner.build(run, all_days(platform), {AIR.bronze, *AIR.contracts}, only_pending=True))
    return expected(platform), platform.ledger.targets.accounts(AIR.name)


@pytest.mark.parametrize("road", ROADS.values(), ids=ROADS)
def test_the_tables_are_those_that_the_files_come_to(
    road: Road, platform: Platform, instance: dg.DagsterInstance, right: tuple[dict[Target, str], list[Account]]
) -> None:
    road(platform, instance)
    tables, accounts = right
    assert stored(platform) == tables
    assert outputs(platform) == {target: output for target, output in tables.items() if target[0] in DERIVED}
    assert platform.ledger.targets.accounts(AIR.name) == accounts
    # In Paris tomorrow begins before it does in UTC: its day waits.
    assert {part for _, part in platform.runner(AIR).plan().changed} <= {f"{utc_now().date() + timedelta(days=1)}"}
    published = {target: output for target, output in tables.items() if target[0] in AIR.published}
    assert {t: output for t, output in platform.warehouse.published().items() if t in published} == published
