"""``doctor`` names what is wrong and what to do; after its repair a build ends at the same tables, verified."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.lake.content import canonical
from kaikai_assets.landing import raw
from kaikai_assets.operations.doctor import diagnose
from kaikai_assets.operations.findings import Finding
from kaikai_assets.operations.repair import repair
from kaikai_assets.operations.retention import retain
from kaikai_assets.operations.scratch import LOCK, SCRATCH, rebuilt
from kaikai_assets.operations.verify import verify
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings, utc_now
from kaikai_assets_tests.end_to_end.product import again, build, drop, outputs, table
from kaikai_assets_tests.end_to_end.test_command_line import kaikai
from kaikai_assets_tests.end_to_end.test_rebuilding import HEADER, day_file
from kaikai_assets_tests.operations.damage import DAYS, change_warehouse, execute, lake_files


def told(platform: Platform, *, deep: bool = False) -> list[Finding]:
    """What is not well, as a new process finds it."""
    return [f for f in diagnose(again(platform), {}, deep=deep) if f.severity != "ok"]


def errors(platform: Platform) -> list[str]:
    return [f"{f.subject}: {f.what}" for f in told(platform) if f.severity == "error"]


def repaired(platform: Platform) -> tuple[Platform, list[str]]:
    """The platform after a repair, a build and a publication, and what was repaired."""
    done = list(repair(again(platform)))
    fresh = again(platform)
    assert build(fresh).failed == {}
    if fresh.runner(AIR).plan().pending:
        fresh.publish(AIR)
    return fresh, done


def rows(platform: Platform) -> dict[str, pl.DataFrame]:
    return {name: canonical(contract, table(platform, name)) for name, contract in AIR.contracts.items()}


def ledger_files(platform: Platform) -> list[Path]:
    return sorted(platform.settings.data.glob("ledger.sqlite*"))


def delete_ledger(platform: Platform) -> None:
    for file in ledger_files(platform):
        file.unlink()


def write_garbage_over_the_ledger(platform: Platform) -> None:
    delete_ledger(platform)
    (platform.settings.data / "ledger.sqlite").write_bytes(b"garbage " * 1000)


def write_garbage_into_the_ledger(platform: Platform) -> None:
    execute(platform, "PRAGMA wal_checkpoint(TRUNCATE)")
    file = platform.settings.data / "ledger.sqlite"
    content = bytearray(file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    file.write_bytes(bytes(content))


def empty_the_ledger(platform: Platform) -> None:
    delete_ledger(platform)
    (platform.settings.data / "ledger.sqlite").touch()


def take_a_column_from_the_ledger(platform: Platform) -> None:
    execute(platform, "ALTER TABLE files DROP COLUMN counted")


def delete_bronze(platform: Platform) -> None:
    shutil.rmtree(platform.settings.data / "lake" / AIR.bronze)


def delete_the_last_commit(platform: Platform) -> None:
    log = platform.settings.data / "lake" / "gold" / "air_hourly" / "_delta_log"
    max(log.glob("*.json")).unlink()


def delete_a_lake_file(platform: Platform) -> None:
    (file,) = lake_files(platform, "bronze/air_measurements", DAYS[1])
    file.unlink()


def truncate_lake_files(platform: Platform) -> None:
    for name, day in (("silver/air_measurements", DAYS[0]), ("gold/air_alerts", "")):
        for file in lake_files(platform, name, day):
            file.write_bytes(file.read_bytes()[:-100])


def write_garbage_into_a_log(platform: Platform) -> None:
    log = platform.settings.data / "lake" / "silver" / "air_measurements" / "_delta_log"
    min(log.glob("*.json")).write_text("garbage\n", encoding="utf-8")


def delete_a_log(platform: Platform) -> None:
    shutil.rmtree(platform.settings.data / "lake" / "gold" / "air_daily" / "_delta_log")


def garble_the_warehouse(platform: Platform) -> None:
    platform.settings.warehouse.chmod(0o644)
    platform.settings.warehouse.write_bytes(b"garbage")


def unpublish_a_day(platform: Platform) -> None:
    change_warehouse(platform, "DELETE FROM meta.published WHERE table_name = 'gold/air_daily'")


def lose_a_sidecar(platform: Platform) -> None:
    wanted = f"{DAYS[1]}.csv"
    next(path for path in raw.sidecar_files(platform.settings.raw) if wanted in path.read_text("utf-8")).unlink()


def garble_a_sidecar(platform: Platform) -> None:
    (next(platform.settings.raw.rglob(f"{DAYS[1]}.csv")).parent / "landed.json").write_text("{", encoding="utf-8")


def lose_notes_of_files(platform: Platform) -> None:
    execute(platform, f"DELETE FROM files WHERE name = '{DAYS[1]}.csv'")


def falsify_notes(platform: Platform) -> None:
    execute(
        platform, "UPDATE file_days SET records = 5", "UPDATE built SET digest = 'lie' WHERE table_name LIKE 'gold%'"
    )


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (delete_ledger, "makes it from the 4 sidecars"),
        (empty_the_ledger, "files of raw are not noted: 4 ("),
        (write_garbage_over_the_ledger, "file is not a database"),
        (write_garbage_into_the_ledger, "ledger.sqlite: "),
        (take_a_column_from_the_ledger, "files has no column counted"),
        (delete_bronze, ""),
        (delete_the_last_commit, ""),
        (delete_a_lake_file, f"bronze/air_measurements {DAYS[1]}: day={DAYS[1]}/"),
        (truncate_lake_files, "gold/air_alerts (whole table): "),
        (write_garbage_into_a_log, "silver/air_measurements cannot be opened: "),
        (delete_a_log, "gold/air_daily cannot be opened: its log is gone"),
        (garble_the_warehouse, "kaikai.duckdb cannot be read: "),
        (unpublish_a_day, "is not what was published: 3 (gold/air_daily 2025-03-01, "),
        (lose_a_sidecar, f"/{DAYS[1]}.csv: its sidecar is lost"),
        (garble_a_sidecar, "its sidecar cannot be read: "),
        (lose_notes_of_files, f"/{DAYS[1]}.csv)"),
        (falsify_notes, "the ledger knows another days"),
    ],
)
def test_damage_is_named_and_after_a_repair_and_a_build_all_tables_are_as_before(
    built: Platform, damage: Callable[[Platform], None], said: str
) -> None:
    before, hashes, accounts = rows(built), outputs(built), built.ledger.targets.accounts("air")
    built.ledger.close()
    damage(built)
    assert said in "\n".join(f"{f.what} {f.todo}" for f in told(built))
    fresh, done = repaired(built)
    assert done or damage in (delete_bronze, delete_the_last_commit)
    for name, frame in rows(fresh).items():
        assert frame.equals(before[name]), name
    assert (outputs(fresh), fresh.ledger.targets.accounts("air")) == (hashes, accounts)
    found = verify(fresh, AIR)
    assert (list(map(str, found.differences)), found.pending) == ([], set())
    assert errors(fresh) == []
    assert list(repair(again(fresh))) == []


def test_notes_that_nothing_can_make_again_are_carried_over_from_a_ledger_that_is_set_aside(built: Platform) -> None:
    drop(built, "odd.csv", "x,y\n1,2\n")
    drop(built, "again.csv", day_file(DAYS[0], 20.0, hours=6))
    built.land(AIR)
    before = built.ledger.journal.read()
    assert [len(before[name]) for name in ("rejections", "redeliveries")] == [1, 1]
    built.ledger.close()
    take_a_column_from_the_ledger(built)
    fresh, done = repaired(built)
    kept = sum(map(len, before.values()))
    assert kept > 2 + len(before["served"])
    assert f"kept {kept} notes of the journal, which nothing can make again" in done
    assert fresh.ledger.journal.read() == before


def sealed_days(platform: Platform) -> Platform:
    """The platform with the raw files of its days removed by retention."""
    later = utc_now() + timedelta(days=31)
    limited = platform.settings.model_copy(update={"retain_raw_days": {"air": 30}})
    assert len(retain(Platform(limited, platform.domains), AIR, later, dry_run=False).sealed) == 3
    return platform


@pytest.mark.parametrize("damage", [delete_ledger, take_a_column_from_the_ledger, lose_a_sidecar, lose_notes_of_files])
def test_sealed_days_are_no_error_and_survive_a_repair(built: Platform, damage: Callable[[Platform], None]) -> None:
    sealed_days(built)
    before = rows(built)
    assert errors(built) == []
    built.ledger.close()
    damage(built)
    fresh, _ = repaired(built)
    assert {name: frame.equals(before[name]) for name, frame in rows(fresh).items()} == dict.fromkeys(before, True)
    assert errors(fresh) == []
    assert verify(fresh, AIR).clean


@pytest.mark.parametrize("damage", [truncate_lake_files, delete_a_log])
def test_what_the_lake_holds_of_sealed_days_is_not_taken_away(
    built: Platform, damage: Callable[[Platform], None]
) -> None:
    sealed_days(built)
    built.ledger.close()
    damage(built)
    before = {path for path in (built.settings.data / "lake").rglob("*.parquet") if "alerts" not in str(path)}
    list(repair(again(built)))
    assert before <= set((built.settings.data / "lake").rglob("*.parquet"))
    assert any("put it back from a backup" in finding.todo for finding in told(built))


def test_what_is_well_is_called_well_and_looking_changes_nothing(built: Platform) -> None:
    built.ledger.close()
    before = {path: path.stat().st_mtime_ns for path in built.settings.data.rglob("*") if "ledger" not in path.name}
    assert told(built, deep=True) == []
    after = {path: path.stat().st_mtime_ns for path in built.settings.data.rglob("*") if "ledger" not in path.name}
    assert after.keys() == before.keys()


def test_on_an_empty_data_root_nothing_is_wrong_and_nothing_is_made(platform: Platform) -> None:
    assert told(platform) == []
    assert not platform.settings.data.exists()


def test_an_older_ledger_put_back_gave_numbers_twice_and_the_repair_keeps_the_order_of_arrival(
    built: Platform, tmp_path: Path
) -> None:
    built.ledger.close()
    execute(built, "PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copyfile(built.settings.data / "ledger.sqlite", tmp_path / "older")

    def deliver(name: str, pm25: int) -> None:
        platform = again(built)
        drop(platform, name, HEADER + f"SENS001,{DAYS[1]}T12:00:00Z,{pm25},25,50,500\n")
        assert build(platform).failed == {}
        platform.ledger.close()

    deliver("first.csv", 1)
    deliver("second.csv", 2)
    delete_ledger(built)
    shutil.copyfile(tmp_path / "older", built.settings.data / "ledger.sqlite")
    # The corrections after the older ledger get the numbers of those before it.
    other = again(built)
    drop(other, "third.csv", HEADER + f"SENS001,{DAYS[1]}T12:00:00Z,3,25,50,500\n")
    other.land(AIR)
    other.ledger.close()
    assert any("arrival numbers were given twice" in error for error in errors(built))
    fresh, done = repaired(built)
    assert sum("arrival number" in line for line in done) == 1
    numbers = {landed.name: landed.arrival_seq for landed in raw.sidecars(built.settings.raw)}
    assert numbers["first.csv"] < numbers["second.csv"] < numbers["third.csv"]
    noon = table(fresh, "silver/air_measurements").filter(pl.col("time").dt.hour() == 12)
    assert noon["pm25"].to_list() == [3.0]
    assert verify(fresh, AIR).clean
    assert errors(fresh) == []
    drop(fresh, "again.csv", HEADER + f"SENS001,{DAYS[1]}T12:00:00Z,2,25,50,500\n")
    assert fresh.land(AIR).redelivered == ["again.csv"]


def test_a_file_that_is_gone_from_raw_is_named_and_its_table_is_kept(built: Platform) -> None:
    file = next(built.settings.raw.rglob(f"{DAYS[1]}.csv"))
    place = file.relative_to(built.settings.raw)
    kept = file.read_bytes()
    file.unlink()
    assert errors(built) == [f"raw: {place} is gone; its sidecar is there"]
    fresh, done = repaired(built)
    assert done == []
    assert table(fresh, "silver/air_measurements")["day"].n_unique() == 3
    file.write_bytes(kept.replace(b"80.0", b"81.0"))
    assert told(built) == []
    (finding,) = told(built, deep=True)
    assert finding.what.startswith(f"{place}: its bytes are not those that landed")
    shutil.rmtree(file.parent)
    assert errors(built) == [f"raw: {place}: the ledger knows it, but it is gone; its days cannot be built again"]


def test_a_file_in_raw_that_nobody_noted_goes_back_into_the_inbox_and_lands(built: Platform) -> None:
    orphan = built.settings.raw / "air" / "kaikai_csv" / ("f" * 32) / "more.csv"
    orphan.parent.mkdir()
    orphan.write_text(day_file("2025-03-04", hours=1), encoding="utf-8")
    assert any("a file without a sidecar" in error for error in errors(built))
    fresh, done = repaired(built)
    assert done == [f"put more.csv of {orphan.parent.relative_to(built.settings.raw)} back into the inbox"]
    assert errors(fresh) == []
    assert table(fresh, "silver/air_measurements")["day"].n_unique() == 4


def test_leftovers_of_killed_processes_are_swept_and_what_is_in_use_is_not(built: Platform) -> None:
    data = built.settings.data
    left = [
        built.settings.raw / ".tmp" / "abc" / "half.csv",
        data / "warehouse" / ".kaikai.duckdb.building",
        data / f"{SCRATCH}dead" / LOCK,
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (data / "warehouse" / "kaikai.duckdb.wal").touch()
    orphan = data / "lake" / "gold" / "air_daily" / f"day={DAYS[0]}" / "part-lost.parquet"
    orphan.touch()
    os.utime(orphan, (0, 0))
    with rebuilt(built, AIR, [], None, [], [], set()):
        shown = "\n".join(finding.what for finding in told(built))
        assert "of killed processes: 3 (" in shown
        assert "kaikai.duckdb.wal was left" in shown
        assert "gold/air_daily: files that no version refers to: 1 (part-lost.parquet)" in shown
        list(repair(again(built)))
        assert len(list(data.glob(f"{SCRATCH}*"))) == 1
    assert [path for path in left if path.exists()] == []
    assert [finding.what.partition(":")[0] for finding in told(built)] == ["gold/air_daily"]


def test_a_clock_behind_the_last_arrival_and_refused_files_are_told(built: Platform) -> None:
    sidecar = next(raw.sidecars(built.settings.raw))
    later = sidecar.model_copy(update={"arrived_at": sidecar.arrived_at + timedelta(days=400)})
    raw.amend(built.settings.raw, later)
    drop(built, "odd.csv", "x,y\n1,2\n")
    built.land(AIR)
    shown = {f.subject: f for f in told(built)}
    assert shown["clock"].severity == "error"
    assert "but it is" in shown["clock"].what
    assert shown["rejected"].what.startswith("1 files could not be read")


def test_settings_are_told_with_their_origin_typos_are_named_and_passwords_are_not_shown(tmp_path: Path) -> None:
    environment = {
        "KAIKAI_DATA": str(tmp_path),
        "KAIKAI_SETTEL_S": "3",
        "KAIKAI_LAKE": "s3://key:geheim@bucket/lake",
        "KAIKAI_KILL_AT_WRITE": "0",
    }
    platform = build_platform(
        Settings(data=tmp_path, lake="s3://key:geheim@bucket/lake", ledger_url="postgresql://u:geheim@h/d")
    )
    told = [f for f in diagnose(platform, environment) if f.subject == "settings"]
    shown = [f.what for f in told]
    assert f"KAIKAI_DATA = {tmp_path} (environment)" in shown
    assert "KAIKAI_RUN_DAYS = 366 (default)" in shown
    assert "KAIKAI_LAKE = s3://key:***@bucket/lake (environment)" in shown
    assert "geheim" not in "".join(shown)
    assert [(f.what, f.todo) for f in told if f.severity == "warning"] == [
        ("KAIKAI_SETTEL_S is no setting and changes nothing", "did you mean KAIKAI_SETTLE_S?")
    ]


def test_an_older_database_without_a_table_is_told_and_completed(built: Platform) -> None:
    built.ledger.close()
    execute(built, "DROP TABLE files")
    assert any("files of raw are not noted: 4" in error for error in errors(built))
    fresh, _ = repaired(built)
    assert errors(fresh) == []
    assert verify(fresh, AIR).clean


_AS_NOBODY = """
import os, sys
# Imported first: not every installation lets another user read its modules.
import kaikai_assets.definitions, kaikai_assets.orchestration.home
from kaikai_assets.cli import main
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.argv = ["kaikai", *sys.argv[1:]]
main()
"""


def test_run_as_another_user_each_folder_and_the_ledger_get_a_sentence(built: Platform) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can run it as another user")
    built.ledger.close()
    for folder in [built.settings.data, *built.settings.data.parents]:
        if folder.owner() == "root" and folder.is_relative_to("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    for path in built.settings.data.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    environment = {**os.environ, "KAIKAI_DATA": str(built.settings.data), "HOME": "/nonexistent"}
    command = [sys.executable, "-c", _AS_NOBODY, "doctor"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=Path.cwd())
    assert "Traceback" not in done.stdout + done.stderr
    assert f"{built.settings.data} cannot be written by user 65534" in done.stdout
    assert done.returncode == 1


def test_the_command_repairs_says_what_it_did_and_exits_by_what_remains(built: Platform) -> None:
    built.ledger.close()
    write_garbage_over_the_ledger(built)
    root = built.settings.data
    done = kaikai(root, "doctor")
    assert done.returncode == 1
    assert "error     ledger" in done.stdout
    assert "→ kaikai doctor --repair sets it aside and makes it anew" in done.stdout
    assert done.stderr.strip().endswith("errors")
    done = kaikai(root, "doctor", "--repair", "--deep")
    assert done.returncode == 0, done.stdout
    assert "repaired  moved" in done.stdout
    assert "repaired  noted 4 files of raw in the ledger" in done.stdout
    assert "4 files, as the ledger knows them, all bytes right" in done.stdout
    assert next((root / "set-aside").rglob("ledger.sqlite")).read_bytes().startswith(b"garbage")
    with sqlite3.connect(root / "ledger.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM files").fetchone() == (4,)
