"""Backup and restore: what nothing can make again comes back whole, or the damaged file is named."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest

from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.landing import raw
from kaikai_assets.operations.backup import backup, backup_keys
from kaikai_assets.operations.manifest import MANIFEST, BackupError, read_manifest
from kaikai_assets.operations.restore import restore, restore_keys
from kaikai_assets.operations.retention import retain
from kaikai_assets.operations.verify import verify
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings, utc_now
from kaikai_assets_tests.end_to_end.product import build, drop, drop_tree, outputs
from kaikai_assets_tests.end_to_end.test_rebuilding import HEADER, day_file
from kaikai_assets_tests.operations.process import kill_at_each_write

DAYS = ["2025-03-01", "2025-03-02", "2025-03-03"]
MINE = "source: mine\nformat: csv\nentity: {column: id}\ntime: {column: at}\ncolumns: {pm25: pm}\n"


def opened(data: Path) -> Platform:
    return Platform(Settings(data=data, settle_s=0, retry_s=0, retain_raw_days={"air": 30}), {"air": AIR})


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return opened(tmp_path / "data")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backup"


@pytest.fixture
def built(platform: Platform) -> Platform:
    sources = platform.settings.data / "sources" / "air"
    sources.mkdir(parents=True)
    (sources / "mine.yaml").write_text(MINE, encoding="utf-8")
    for day in DAYS:
        drop(platform, f"{day}.csv", day_file(day))
    drop(platform, "mine.csv", "id,at,pm\nX,2025-03-02T00:00:00Z,5\n")
    drop(platform, "bad.csv", "no,header,of,ours\n1,2,3,4\n")
    assert build(platform).failed == {}
    drop(platform, "again.csv", day_file(DAYS[0]))
    platform.land(AIR)
    return platform


@pytest.fixture
def elsewhere(tmp_path: Path) -> Platform:
    return opened(tmp_path / "elsewhere")


def take(data: Path, folder: Path) -> None:
    backup(opened(data), folder, utc_now())


def bring(data: Path, folder: Path) -> None:
    restore(opened(data), folder)


def below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_is_restored_elsewhere_builds_to_the_same_tables(
    built: Platform, elsewhere: Platform, folder: Path
) -> None:
    built.publish(AIR)
    assert backup(built, folder, utc_now()).problems == []
    assert restore(elsewhere, folder).files == 4
    assert build(elsewhere).failed == {}
    assert outputs(elsewhere) == outputs(built)
    days = built.ledger.served.days("air")
    assert elsewhere.ledger.served.times("air", days) == built.ledger.served.times("air", days) != []
    assert {name: len(rows) for name, rows in elsewhere.ledger.journal.read().items()} == {
        "redeliveries": 1,
        "rejections": 1,
        "pipeline_execution_log": 0,
        "served": 4,
        "alerts_seen": 0,
        "alert_actions": 0,
        "alert_status_log": 0,
        "notifications": 0,
        "privacy_audit": 0,
        "suppressions": 0,
    }
    for kept in ("raw", "rejected", "sources"):
        assert below(elsewhere.settings.data / kept) == below(built.settings.data / kept)
    drop(elsewhere, "again.csv", day_file(DAYS[1]))
    assert elsewhere.land(AIR).redelivered == ["again.csv"]


def test_a_second_backup_copies_what_is_new_alone(built: Platform, folder: Path) -> None:
    first = backup(built, folder, utc_now())
    drop(built, "new.csv", day_file("2025-03-09"))
    build(built)
    second = backup(built, folder, utc_now())
    assert (first.copied, second.copied, second.files) == (6, 1, first.files + 1)
    assert len(list(folder.glob("notes-*"))) == 1


def test_an_interrupted_backup_is_no_backup_and_the_next_call_finishes_it(
    built: Platform, elsewhere: Platform, folder: Path
) -> None:
    backup(built, folder, utc_now())
    (folder / MANIFEST).unlink()
    with pytest.raises(BackupError, match="no backup was completed here"):
        restore(elsewhere, folder)
    assert backup(built, folder, utc_now()).problems == []
    assert restore(elsewhere, folder).files == 4


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(("harm", "said"), [(_cut, "its bytes are not those"), (Path.unlink, "is missing")])
@pytest.mark.parametrize("pattern", ["raw/**/2025-03-02.csv", "notes-*/landed.ndjson", "rejected/**/reason.json"])
def test_a_damaged_backup_is_refused_by_the_name_of_the_file(
    built: Platform, elsewhere: Platform, folder: Path, pattern: str, harm: Callable[[Path], None], said: str
) -> None:
    backup(built, folder, utc_now())
    (path,) = folder.glob(pattern)
    harm(path)
    with pytest.raises(BackupError, match=f"{path.name}: {said}"):
        restore(elsewhere, folder)
    assert not elsewhere.settings.raw.exists()


def test_a_data_root_that_holds_other_data_is_refused_and_one_with_the_same_is_completed(
    built: Platform, elsewhere: Platform, folder: Path
) -> None:
    backup(built, folder, utc_now())
    restore(elsewhere, folder)
    assert restore(elsewhere, folder).present == 4
    drop(elsewhere, "own.csv", day_file("2025-04-01"))
    build(elsewhere)
    with pytest.raises(BackupError, match=r"of its 5 landed files 1 are not in the backup; the first is .*own\.csv"):
        restore(elsewhere, folder)


def test_raw_that_is_damaged_or_gone_is_named_and_what_the_backup_holds_of_it_stays(
    built: Platform, elsewhere: Platform, folder: Path
) -> None:
    backup(built, folder, utc_now())
    for day in DAYS[:2]:
        shutil.rmtree(next(built.settings.raw.rglob(f"{day}.csv")).parent)
    drop(built, "new.csv", day_file("2025-03-09"))
    build(built, [date(2025, 3, 9)])
    _cut(next(built.settings.raw.rglob("new.csv")))
    problems = backup(built, folder, utc_now()).problems
    assert [problem.split("/")[-1] for problem in problems] == [
        "2025-03-01.csv: is gone from raw; the backup keeps it",
        "2025-03-02.csv: is gone from raw; the backup keeps it",
        "new.csv: its bytes are not those that landed",
    ]
    manifest = read_manifest(folder)
    assert manifest is not None
    kept = {Path(name).name for name in manifest.files if name.startswith("raw/")}
    assert kept == {"2025-03-01.csv", "2025-03-02.csv", "2025-03-03.csv", "mine.csv"}


def test_sealed_days_come_back_as_they_were_built_and_their_raw_leaves_the_backup(
    built: Platform, elsewhere: Platform, folder: Path
) -> None:
    backup(built, folder, utc_now())
    assert len(retain(built, AIR, utc_now() + timedelta(days=31), False).files) == 4
    drop(built, "late.csv", HEADER + f"SENS001,{DAYS[1]}T00:02:30Z,99,,,\n")
    drop(built, "next.csv", day_file("2025-03-04"))
    assert build(built).failed == {}
    assert backup(built, folder, utc_now()).problems == []
    assert {path.name for path in folder.glob("raw/**/*.csv")} == {"late.csv", "next.csv"}
    restore(elsewhere, folder)
    assert build(elsewhere).failed == {}
    assert outputs(elsewhere) == outputs(built)
    assert elsewhere.ledger.targets.accounts("air") == built.ledger.targets.accounts("air")
    before, after = built.runner(AIR).state(), elsewhere.runner(AIR).state()
    assert (after.sealed, after.late) == (before.sealed, before.late)
    elsewhere.publish(AIR)
    assert verify(elsewhere, AIR).differences == []


def test_a_backup_taken_while_files_land_is_of_one_moment(
    platform: Platform, elsewhere: Platform, folder: Path
) -> None:
    for n in range(12):
        drop(platform, f"{n:02}.csv", HEADER + f"SENS001,{DAYS[0]}T00:{n:02}:00Z,{n},,,\n")
    with ThreadPoolExecutor() as pool:
        landing = pool.submit(platform.land, AIR)
        other = opened(platform.settings.data)
        while True:
            done = landing.done()
            assert backup(other, folder, utc_now()).problems == []
            shutil.rmtree(elsewhere.settings.data, ignore_errors=True)
            restored = opened(elsewhere.settings.data)
            restore(restored, folder)
            landed = list(raw.sidecars(restored.settings.raw))
            assert all((restored.settings.raw / one.raw_file).exists() for one in landed)
            assert len(restored.ledger.landed.files("air")) == len(landed)
            if done:
                break
    assert len(landed) == 12


def test_keys_are_kept_apart(built: Platform, elsewhere: Platform, folder: Path, tmp_path: Path) -> None:
    key = built.settings.data / "keys" / "vitals" / "patient.key"
    key.parent.mkdir(parents=True)
    key.write_bytes(b"secret")
    backup(built, folder, utc_now())
    assert not [name for name in below(folder) if "key" in name]
    backup_keys(built, tmp_path / "safe", utc_now())
    copied = tmp_path / "safe" / "keys" / "vitals" / "patient.key"
    assert copied.stat().st_mode & 0o777 == 0o600
    assert restore_keys(elsewhere, tmp_path / "safe") == 1
    assert (elsewhere.settings.data / "keys" / "vitals" / "patient.key").read_bytes() == b"secret"


def test_a_folder_of_something_else_or_in_the_data_root_is_refused(built: Platform, folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(BackupError, match="holds something else"):
        backup(built, folder, utc_now())
    with pytest.raises(BackupError, match="lies in the data root"):
        backup(built, built.settings.data / "backup", utc_now())


@pytest.mark.slow
def test_a_kill_at_any_write_leaves_the_last_backup_whole_and_a_restore_that_can_go_on(
    platform: Platform, folder: Path, tmp_path: Path
) -> None:
    drop(platform, "a.csv", day_file(DAYS[0]))
    assert build(platform).failed == {}
    backup(platform, folder, utc_now())
    drop(platform, "b.csv", day_file(DAYS[1]))
    drop(platform, "bad.csv", "no,header,of,ours\n1,2,3,4\n")
    assert build(platform).failed == {}

    def restorable() -> None:
        shutil.rmtree(tmp_path / "trial", ignore_errors=True)
        assert restore(opened(tmp_path / "trial"), folder).files in (1, 2)

    assert kill_at_each_write(partial(take, platform.settings.data, folder), restorable) >= 8
    data = tmp_path / "elsewhere"

    def nothing_lost() -> None:
        assert len(list(raw.sidecars(data / "raw"))) <= 2

    assert kill_at_each_write(partial(bring, data, folder), nothing_lost) >= 6
    elsewhere = opened(data)
    assert build(elsewhere).failed == {}
    assert outputs(elsewhere) == outputs(platform)


def test_real_files_come_back_to_the_same_tables(
    platform: Platform, elsewhere: Platform, folder: Path, real_files: Path
) -> None:
    drop_tree(platform, real_files)
    assert build(platform).failed == {}
    assert backup(platform, folder, utc_now()).problems == []
    restore(elsewhere, folder)
    assert build(elsewhere).failed == {}
    assert outputs(elsewhere) == outputs(platform)
    assert elsewhere.ledger.targets.accounts("air") == platform.ledger.targets.accounts("air")
