"""Folders that may not be written, or read: one clear line names the path, nothing is lost, after chmod it goes on.

The product runs without the capability by which root ignores modes.
"""

import os
import shutil
from pathlib import Path

import pytest

from kaikai_assets.settings import Settings
from kaikai_assets_tests.faults.light import opened
from kaikai_assets_tests.faults.looking import Truth, check_complete, check_old_or_new, waiting
from kaikai_assets_tests.faults.processes import KAIKAI_BUILD, Ended, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="modes do not stop root"),
]

AS_A_USER = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


def close(folder: Path, *, mode: int = 0o555) -> None:
    """Take away the permission to write a folder and what is in it, or all permissions with mode 0."""
    for path in (*folder.rglob("*"), folder):
        path.chmod(mode if path.is_dir() else mode & 0o444)


def reopen(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def kaikai_build(settings: Settings) -> Ended:
    home = settings.data.parent / "dagster"
    return run(settings.data, KAIKAI_BUILD, before=AS_A_USER, DAGSTER_HOME=str(home))


@pytest.mark.parametrize(
    ("folder", "named", "status"),
    [
        (".", "ledger.sqlite", 1),
        ("inbox", "inbox/air", 0),
        ("raw", "raw/air", 1),
        ("lake", "lake/bronze/air_measurements", 1),
        ("lake/gold/air_daily", "lake/gold/air_daily", 1),
        ("warehouse", "warehouse", 1),
        ("rejected", "rejected", 0),
    ],
)
def test_a_folder_that_cannot_be_written_is_named_and_all_goes_on_after_chmod(
    settings: Settings, old: Truth, truth: Truth, folder: str, named: str, status: int
) -> None:
    before = waiting(settings)
    closed = settings.data / folder
    closed.mkdir(exist_ok=True)
    close(closed)
    for _ in range(2):
        ended = kaikai_build(settings)
        assert "Traceback" not in ended.stderr
        assert ended.returncode == status, ended.stderr
        # Of the root, whichever is written first: the ledger, or the lock where a reader holds the ledger open.
        assert named in ended.stderr or (folder == "." and "landing.lock" in ended.stderr)
        assert any(word in ended.stderr for word in ("ermission denied", "no permission")), ended.stderr
        check_old_or_new(settings, old, truth)
    if folder in (".", "inbox"):
        assert waiting(settings) == before
    reopen(closed)
    ended = kaikai_build(settings)
    assert ended.returncode == 0, ended.stderr
    check_complete(opened(settings), truth)


def test_raw_that_cannot_be_read_fails_the_days_that_need_it_by_name(settings: Settings, truth: Truth) -> None:
    close(settings.raw, mode=0)
    ended = kaikai_build(settings)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert str(settings.raw) in ended.stderr
    reopen(settings.raw)
    ended = kaikai_build(settings)
    assert ended.returncode == 0, ended.stderr
    check_complete(opened(settings), truth)
