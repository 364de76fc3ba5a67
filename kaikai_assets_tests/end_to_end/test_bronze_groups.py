"""Bronze in groups of days: files of many days, in any order, bigger than memory should hold at once."""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.lake.tables import DamagedTable
from kaikai_assets.landing.unpack import UnreadableFile
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.product import build, drop, outputs

HEADER = "sensor_id,timestamp,pm25,temperature,humidity,co2\n"
DAYS = [date(2025, 3, 1) + timedelta(days=n) for n in range(6)]
BRONZE = "bronze/air_measurements"


TWO_DAYS = HEADER + "".join(f"S9,{day}T05:00:00Z,7,25,50,500\n" for day in DAYS[:2])


def scattered(days: Sequence[date], seed: int) -> dict[str, str]:
    """Files with readings of all days."""
    rows = [f"S{n % 3},{day}T{n // 3:02}:00:00Z,{n},25,50,500\n" for day in days for n in range(60)]
    random.Random(seed).shuffle(rows)
    return {f"{n}.csv": HEADER + "".join(rows[n::8]) for n in range(8)}


def grouped(settings: Settings, folder: Path, group_records: int) -> Platform:
    return build_platform(settings.model_copy(update={"data": folder, "group_records": group_records}))


@pytest.mark.parametrize("group_records", [1, 50, 150])
def test_files_of_many_days_make_each_day_once_and_the_same_tables(
    settings: Settings, tmp_path: Path, group_records: int
) -> None:
    platform = grouped(settings, tmp_path / "some", group_records)
    whole = grouped(settings, tmp_path / "all", 1_000_000)
    for one in (platform, whole):
        for name, content in (scattered(DAYS, 1) | {"two_days.csv": TWO_DAYS}).items():
            drop(one, name, content)
        one.land(AIR)
    runner = platform.runner(AIR)
    done = Counter(one.target for one in runner.build(runner.begin(), DAYS, {BRONZE}, only_pending=True))
    assert done == {(BRONZE, day.isoformat()): 1 for day in DAYS}
    assert build(platform).failed == build(whole).failed == {}
    assert outputs(platform) == outputs(whole)
    assert list(platform.settings.data.glob("tmp*")) == []


def test_days_of_a_file_that_cannot_be_read_wait_and_all_others_are_made(settings: Settings, tmp_path: Path) -> None:
    platform = grouped(settings, tmp_path / "some", 50)
    whole = grouped(settings, tmp_path / "all", 1_000_000)
    for name, content in (scattered(DAYS[2:], 2) | {"two_days.csv": TWO_DAYS}).items():
        drop(platform, name, content)
        drop(whole, name, content)
    platform.land(AIR)
    (damaged,) = platform.settings.raw.rglob("two_days.csv")
    sound = damaged.read_bytes()
    damaged.chmod(0o644)
    damaged.write_bytes(sound[:-9])
    failed = build(platform).failed
    assert {target for target in failed if target[0] == BRONZE} == {(BRONZE, f"{day}") for day in DAYS[:2]}
    assert all(isinstance(error, UnreadableFile) for error in failed.values())
    assert {part for name, part in platform.ledger.targets.built() if name == BRONZE} == {f"{d}" for d in DAYS[2:]}
    damaged.write_bytes(sound)
    assert build(platform).failed == build(whole).failed == {}
    assert outputs(platform) == outputs(whole)


def test_a_day_of_which_bronze_is_damaged_fails_and_the_others_take_what_came_late(
    settings: Settings, tmp_path: Path
) -> None:
    platform = grouped(settings, tmp_path / "some", 1)
    for day in DAYS[:3]:
        drop(platform, f"{day}.csv", f"{HEADER}S1,{day}T05:00:00Z,7,25,50,500\n")
    assert build(platform).failed == {}
    (held,) = Path(platform.settings.lake_uri, BRONZE, f"day={DAYS[0]}").glob("*.parquet")
    held.write_bytes(held.read_bytes()[:-30])
    for day in DAYS[:3]:
        drop(platform, f"late {day}.csv", f"{HEADER}S2,{day}T05:00:00Z,8,25,50,500\n")
    for attempts in (1, 2):
        failed = build(platform).failed
        assert isinstance(failed.pop((BRONZE, f"{DAYS[0]}")), DamagedTable)
        assert platform.ledger.targets.attempts()[BRONZE, f"{DAYS[0]}"].attempts == attempts
        built = platform.ledger.targets.built()
        assert [built[BRONZE, f"{day}"].rows for day in DAYS[:3]] == [1, 2, 2]


def test_a_file_of_which_landing_counted_other_days_is_named_with_all_its_records_of_the_first_one(
    platform: Platform,
) -> None:
    # More than are parsed at once, so that the day that nobody counted is met early.
    rows = [f"S{n},{DAYS[0]}T05:00:00Z,7,25,50,500\n" for n in range(400_000)]
    other = f"X,{DAYS[4]}T05:00:00Z,7,25,50,500\n"
    drop(platform, "a.csv", HEADER + "".join([*rows[:1000], other, *rows[1000:], other]))
    drop(platform, "b.csv", HEADER + other)
    platform.land(AIR)
    runner = platform.runner(AIR)
    run = runner.begin()
    counts = {day: dict(files) for day, files in run.start.file_days.items()}
    (seq,) = counts[DAYS[0]]
    del counts[DAYS[4]][seq]
    run.start = replace(run.start, file_days=counts)
    done = {one.target: one.built.rows for one in runner.build(run, DAYS, {BRONZE}, only_pending=True)}
    assert done == {(BRONZE, f"{DAYS[4]}"): 1}
    ((target, error),) = run.failed.items()
    assert target == (BRONZE, f"{DAYS[0]}")
    assert f"a.csv: 2 records of {DAYS[4]}, but landing counted 0;" in str(error)


BUILDING = """
import sys
from datetime import date
from pathlib import Path
from bench.growth import Steps, write_days
from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.settings import Settings
platform = build_platform(Settings(data=Path(sys.argv[1]), settle_s=0, tick_s=600, group_records=50_000))
(platform.settings.inbox / "air").mkdir(parents=True)
write_days(platform.settings.inbox / "air" / "one.csv", date(2024, 1, 1), 14, 100, 60)
platform.land(AIR)
runner, steps = platform.runner(AIR), Steps()
run = runner.begin()
with steps.step("bronze"):
    done = list(runner.build(run, list(run.start.file_days), {"bronze/air_measurements"}, only_pending=True))
print(len(done), sum(one.built.rows for one in done), steps.found[0].peak_mib)
"""


@pytest.mark.slow
def test_a_file_of_many_days_is_not_held_as_a_whole(settings: Settings) -> None:
    command = [sys.executable, "-c", BUILDING, str(settings.data)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    days, rows, peak_mib = said.stdout.split()
    print(f"{peak_mib} MiB at most")
    assert (int(days), int(rows)) == (14, 14 * 100 * 1440)
    # A process that only imports the platform has about 300 MiB; all rows at once took 950 MiB.
    assert float(peak_mib) < 750
