"""Deleted folders, lost notes, edited files: the next build ends where a clean one does, or says what is missing."""

import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from kaikai_assets.build.pending import days_of
from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.product import again, build, drop, outputs, table
from kaikai_assets_tests.end_to_end.test_rebuilding import HEADER, day_file

DAYS = ["2025-03-01", "2025-03-02", "2025-03-03"]


@pytest.fixture
def built(platform: Platform) -> Platform:
    for day in DAYS:
        drop(platform, f"{day}.csv", day_file(day))
    assert build(platform).failed == {}
    platform.publish(AIR)
    assert platform.runner(AIR).plan().pending == set()
    return platform


@pytest.mark.parametrize("name", ["bronze/air_measurements", "silver/air_measurements", "gold/air_daily", "."])
def test_a_deleted_table_or_lake_is_noticed_and_built_again(built: Platform, name: str) -> None:
    before = outputs(built)
    shutil.rmtree(built.settings.data / "lake" / name)
    assert build(built).targets
    assert outputs(built) == before
    assert dict(table(built, "gold/air_daily").group_by("day").len().iter_rows()) == {
        date.fromisoformat(day): 1 for day in DAYS
    }


def test_a_deleted_warehouse_is_published_again(built: Platform) -> None:
    built.settings.warehouse.unlink()
    assert built.runner(AIR).plan().changed == {("warehouse/air", "")}
    built.publish(AIR)
    assert built.warehouse.published()


def test_a_build_that_was_committed_but_not_noted_is_noted_by_the_next(built: Platform) -> None:
    before = built.ledger.targets.built()
    for lost in ("bronze/air_measurements", "silver/air_measurements", "gold/air_daily"):
        built.ledger.targets.forget([(lost, DAYS[1])])
        assert build(built).failed == {}
        now = built.ledger.targets.built()
        assert {t: (b.digest, b.output) for t, b in now.items()} == {t: (b.digest, b.output) for t, b in before.items()}


def test_a_ledger_deleted_with_its_lake_kept_is_made_anew(built: Platform) -> None:
    before, accounts = outputs(built), built.ledger.targets.accounts("air")
    for file in built.settings.data.glob("ledger.sqlite*"):
        file.unlink()
    fresh = again(built)
    assert build(fresh).failed == {}
    assert fresh.runner(AIR).plan().changed <= {("warehouse/air", "")}
    assert outputs(fresh) == before
    assert fresh.ledger.targets.accounts("air") == accounts


def test_a_file_of_the_lake_cut_short_fails_the_days_that_read_it_by_name_and_spares_the_others(
    built: Platform,
) -> None:
    cut = next((built.settings.data / "lake/silver/air_measurements").glob(f"day={DAYS[1]}/*.parquet"))
    cut.write_bytes(cut.read_bytes()[:100])
    built.ledger.targets.forget(("gold/air_hourly", day) for day in DAYS)
    failed = build(built).failed
    # The next day's NowCast reads it too.
    assert list(failed) == [("gold/air_hourly", DAYS[1]), ("gold/air_hourly", DAYS[2])]
    assert all("silver/air_measurements: a file of it is damaged" in str(error) for error in failed.values())
    assert {part for name, part in built.ledger.targets.built() if name == "gold/air_hourly"} == {DAYS[0]}


def test_a_day_that_fails_spares_the_one_that_is_made_while_it_is_committed(built: Platform) -> None:
    before = outputs(built)
    apart = build_platform(built.settings.model_copy(update={"group_records": 1}))
    cut = next((apart.settings.data / "lake/silver/air_measurements").glob(f"day={DAYS[0]}/*.parquet"))
    whole = cut.read_bytes()
    cut.write_bytes(whole[:100])
    apart.ledger.targets.forget(("silver/air_flags", day) for day in DAYS)
    assert list(build(apart).failed) == [("silver/air_flags", DAYS[0]), ("silver/air_flags", DAYS[1])]
    assert set(apart.ledger.targets.attempts()) == {("silver/air_flags", DAYS[0]), ("silver/air_flags", DAYS[1])}
    cut.write_bytes(whole)
    assert build(apart).failed == {}
    assert outputs(apart) == before


def test_what_a_run_has_made_but_not_committed_when_it_ends_is_left_to_the_next(tmp_path: Path) -> None:
    apart = build_platform(Settings(data=tmp_path, settle_s=0, group_records=1))
    for day in DAYS:
        drop(apart, f"{day}.csv", day_file(day))
    apart.land(AIR)
    runner = apart.runner(AIR)
    run = runner.begin()
    for done in runner.build(run, days_of(runner.plan().pending), set(AIR.tables), only_pending=True):
        if done.target == ("silver/air_measurements", DAYS[0]):
            break
    assert run.failed == {}
    assert set(table(apart, "silver/air_measurements")["day"]) == {date.fromisoformat(DAYS[0])}
    assert build(apart).failed == {}
    assert set(table(apart, "gold/air_daily")["day"]) == {date.fromisoformat(day) for day in DAYS}


DYING = """
import os, sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from kaikai_assets.build.runner import Runner
from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.settings import Settings

def deadly(step):
    def make(inputs, days, context):
        if date.fromisoformat(sys.argv[2]) in days:
            os._exit(9)
        return step.make(inputs, days, context)
    return replace(step, make=make)

platform = build_platform(Settings(data=Path(sys.argv[1]), settle_s=0, group_records=1))
steps = tuple(deadly(step) if step.name == "silver/air_measurements" else step for step in AIR.steps)
domain = replace(AIR, steps=steps)
runner = Runner(platform.settings, platform.ledger, platform.lake, domain, platform.sources(AIR))
run = runner.begin()
list(runner.build(run, list(run.start.file_days), set(AIR.tables), only_pending=True))
"""


def test_a_process_that_dies_over_a_day_makes_no_later_one_suspect(tmp_path: Path) -> None:
    platform = build_platform(Settings(data=tmp_path, settle_s=0))
    for day in DAYS:
        drop(platform, f"{day}.csv", day_file(day))
    platform.land(AIR)
    command = [sys.executable, "-c", DYING, str(tmp_path), DAYS[1]]
    assert subprocess.run(command, check=False, cwd=Path(__file__).parents[2]).returncode == 9
    attempts = platform.ledger.targets.attempts()
    # The day before may have been in its commit.
    assert ("silver/air_measurements", DAYS[1]) in attempts
    assert ("silver/air_measurements", DAYS[2]) not in attempts


def test_the_quarantine_of_the_registry_is_made_again_when_it_alone_is_lost(platform: Platform) -> None:
    drop(platform, "kaikai_sensors/a.csv", registry("Africa/Dakar"))
    platform.land(AIR)
    build(platform)
    shutil.rmtree(platform.lake.uri("silver/air_sensors_quarantine"))
    assert platform.runner(AIR).plan().pending >= {("silver/air_sensors_quarantine", "")}
    build(platform)
    assert platform.lake.version("silver/air_sensors_quarantine") is not None
    assert platform.runner(AIR).plan().pending <= {(AIR.warehouse, "")}


def test_a_raw_file_edited_in_place_is_not_built_and_is_named(built: Platform) -> None:
    raw = next(built.settings.raw.rglob("2025-03-02.csv"))
    raw.write_text(raw.read_text(encoding="utf-8").replace("20.0", "99.0"), encoding="utf-8")
    runner = built.runner(AIR)
    run = runner.begin()
    list(runner.build(run, days_of(run.start.built), {AIR.bronze, *AIR.contracts}, only_pending=True, reparse=True))
    assert list(run.failed) == [("bronze/air_measurements", DAYS[1])]
    assert "2025-03-02.csv: its bytes are not those that landed" in str(run.failed["bronze/air_measurements", DAYS[1]])


def test_a_registry_file_edited_in_place_is_not_built_and_is_named(platform: Platform) -> None:
    drop(platform, "kaikai_sensors/a.csv", registry("Africa/Dakar"))
    platform.land(AIR)
    raw = next(platform.settings.raw.rglob("a.csv"))
    raw.write_text(registry("America/New_York"), encoding="utf-8")
    failed = build(platform).failed
    assert "a.csv: its bytes are not those that landed" in str(failed["silver/air_sensors", ""])


def test_a_broken_day_is_built_again_once_a_correction_lands(platform: Platform) -> None:
    drop(platform, "good.csv", day_file(DAYS[0]))
    drop(platform, "bad.csv", day_file(DAYS[1]))
    platform.land(AIR)
    lost = next(platform.settings.raw.rglob("bad.csv"))
    kept = lost.read_bytes()
    lost.unlink()
    for _ in range(4):
        build(platform)
    assert set(platform.ledger.targets.attempts()) == {("bronze/air_measurements", DAYS[1])}
    lost.write_bytes(kept)
    drop(platform, "more.csv", HEADER + f"SENS001,{DAYS[1]}T00:02:30Z,20,,,\n")
    assert build(platform).failed == {}
    assert table(platform, "silver/air_measurements").filter(pl.col("day") == date.fromisoformat(DAYS[1])).height == 289


def test_a_source_whose_description_is_removed_fails_its_days_by_name_and_spares_the_others(platform: Platform) -> None:
    folder = platform.settings.data / "sources" / "air"
    folder.mkdir(parents=True)
    mine = folder / "mine.yaml"
    mine.write_text(
        "source: mine\nformat: csv\nentity: {column: id}\ntime: {column: at}\ncolumns: {pm25: pm}\n", encoding="utf-8"
    )
    drop(platform, "mine.csv", "id,at,pm\nX,2025-03-02T00:00:00Z,5\n")
    drop(platform, "ours.csv", day_file(DAYS[0]))
    assert build(platform).failed == {}
    mine.unlink()
    failed = build(again(platform)).failed
    assert list(failed) == [("bronze/air_measurements", "2025-03-02")]
    assert "source 'mine' has no description any more" in str(failed["bronze/air_measurements", "2025-03-02"])


def test_a_local_day_that_no_reading_lies_in_any_more_loses_its_row(platform: Platform) -> None:
    drop(platform, "day.csv", day_file(DAYS[0], sensor="SENS001"))
    drop(platform, "kaikai_sensors/a.csv", registry("America/New_York"))
    assert build(platform).failed == {}
    assert set(table(platform, "gold/air_daily")["day"]) == {date(2025, 2, 28), date(2025, 3, 1)}
    drop(platform, "kaikai_sensors/b.csv", registry("Africa/Dakar"))
    assert build(platform).failed == {}
    assert table(platform, "gold/air_daily").select("day", "pm25_n", "timezone").rows() == [
        (date(2025, 3, 1), 288, "Africa/Dakar")
    ]


def registry(zone: str) -> str:
    return (
        "sensor_id,location_name,location_type,latitude,longitude,installation_date,timezone\n"
        f"SENS001,A school,School,14.7,-17.4,2024-01-15,{zone}\n"
    )


def test_times_that_could_not_be_read_move_to_their_days_when_the_description_learns_their_format(
    platform: Platform,
) -> None:
    folder = platform.settings.data / "sources" / "air"
    folder.mkdir(parents=True)
    mine = folder / "mine.yaml"
    text = "source: mine\nformat: csv\nentity: {column: id}\ntime: {column: at}\ncolumns: {pm25: pm}\n"
    mine.write_text(text, encoding="utf-8")
    drop(platform, "mine.csv", "id,at,pm\nX,02/03/2025 00:05,5\nX,03/03/2025 00:05,6\n")
    assert build(platform).failed == {}
    assert table(platform, "silver/air_quarantine")["rule"].to_list() == ["no_time", "no_time"]
    mine.write_text(text.replace("at}", 'at, formats: ["%d/%m/%Y %H:%M"]}'), encoding="utf-8")
    assert build(again(platform)).failed == {}
    assert table(platform, "silver/air_quarantine").height == 0
    assert table(platform, "silver/air_measurements").sort("day").select("day", "pm25").rows() == [
        (date(2025, 3, 2), 5.0),
        (date(2025, 3, 3), 6.0),
    ]
    sums = {(a.part, a.records, a.leading) for a in platform.ledger.targets.accounts("air")}
    assert sums >= {("2025-03-02", 1, 1), ("2025-03-03", 1, 1)}


def test_an_earlier_first_day_moves_old_records_out_of_quarantine(tmp_path: Path) -> None:
    late = build_platform(Settings(data=tmp_path, settle_s=0, first_day=date(2025, 1, 1)))
    drop(late, "old.csv", HEADER + "SENS001,2024-06-01T00:00:00Z,7,,,\n")
    assert build(late).failed == {}
    assert table(late, "silver/air_quarantine")["rule"].to_list() == ["time_out_of_range"]
    early = build_platform(Settings(data=tmp_path, settle_s=0, first_day=date(2024, 1, 1)))
    assert build(early).failed == {}
    assert table(early, "silver/air_quarantine").height == 0
    assert table(early, "silver/air_measurements").select("day", "pm25").rows() == [(date(2024, 6, 1), 7.0)]
