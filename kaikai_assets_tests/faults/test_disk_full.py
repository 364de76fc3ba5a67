"""A disk that fills up at any moment: clear errors, no damage, and all comes right once there is room."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kaikai_assets.settings import Settings
from kaikai_assets_tests.faults.light import bring_up_to_date, opened
from kaikai_assets_tests.faults.looking import Truth, check_complete, check_old_or_new, rejected
from kaikai_assets_tests.faults.processes import KAIKAI_BUILD, LIGHT, Ended, run

pytestmark = pytest.mark.slow

FULL = ("No space left on device", "database or disk is full", "disk I/O error", "not enough space", "Could not write")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MB. Skips where mounting is not allowed."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"DISK FULL IS NOT TESTED: mounting is not allowed here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def root(disk: Path) -> Path:
    return disk / "data"


def fill(disk: Path, free_kb: int) -> Path:
    """Fill the disk but for some room."""
    filler = disk / "filler"
    size = shutil.disk_usage(disk).free - free_kb * 1024
    with filler.open("wb") as file:
        for _ in range(size // 4096):
            file.write(bytes(4096))
    return filler


def check_said(ended: Ended, *, lines: int) -> None:
    assert "Traceback" not in ended.stderr
    said = ended.stderr.strip().splitlines()
    assert any(text in ended.stderr for text in FULL), ended.stderr
    assert len(said) <= lines, ended.stderr


@pytest.mark.parametrize("free_kb", [0, 8, 40, 100, 200, 400, 1000, 2000])
def test_a_full_disk_damages_nothing_and_once_there_is_room_all_comes_right(
    disk: Path, settings: Settings, old: Truth, truth: Truth, free_kb: int
) -> None:
    filler = fill(disk, free_kb)
    for _ in range(2):
        ended = run(settings.data, LIGHT)
        assert ended.returncode == 1
        assert any(text in ended.stderr for text in FULL), ended.stderr
        check_old_or_new(settings, old, truth)
        assert not list((settings.raw / ".tmp").glob("*"))
        assert not list(settings.warehouse.parent.glob(".*.building*"))
    filler.unlink()
    bring_up_to_date(opened(settings))
    check_complete(opened(settings), truth)
    assert [path.name for path in rejected(settings)] == ["odd.csv"]
    assert len(list((settings.rejected / "air").iterdir())) == 1


@pytest.mark.parametrize("free_kb", [0, 300, 1500])
def test_a_build_on_a_full_disk_says_so_in_few_lines(
    disk: Path, settings: Settings, old: Truth, truth: Truth, free_kb: int
) -> None:
    filler = fill(disk, free_kb)
    ended = run(settings.data, KAIKAI_BUILD)
    assert ended.returncode == 1
    check_said(ended, lines=20)
    check_old_or_new(settings, old, truth)
    filler.unlink()
    ended = run(settings.data, KAIKAI_BUILD)
    assert ended.returncode == 0, ended.stderr
    check_complete(opened(settings), truth)
