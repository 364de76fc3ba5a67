"""An inbox that works against the landing: what may not be read or removed, grows, vanishes, or lies very deep."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.bad_files import HEADER, ONE, row
from kaikai_assets_tests.end_to_end.product import drop

NOBODY = 65534

TICKS = """
import json, sys
from pathlib import Path
from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.settings import Settings
platform = build_platform(Settings(data=Path(sys.argv[1]), settle_s=0))
reports = [platform.land(AIR, tick=True) for _ in range(3)]
print(json.dumps([
    [sorted(landed.name for landed in r.landed), sorted(r.redelivered), sorted(r.rejected), sorted(r.stuck)]
    for r in reports
]))
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can reach."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)


def as_another_user(folder: Path, *command: str) -> str:
    """Run a command whom file modes bind: root ignores them."""
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("NOT TESTED: modes do not bind root, and there is no setpriv to be another user")
        for path in [folder, *folder.rglob("*")]:
            os.lchown(path, NOBODY, NOBODY)
        command = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command)
    environment = {**os.environ, "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    root = Path(__file__).parents[2]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=root, env=environment)
    if "Permission denied" in done.stderr and "Traceback" not in done.stderr:
        pytest.skip(f"NOT TESTED: another user cannot run this Python: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_may_not_be_read_or_removed_stays_is_named_each_time_and_is_noted_once(open_folder: Path) -> None:
    inbox = open_folder / "inbox" / "air"
    inbox.mkdir(parents=True)
    for place in ("good.csv", "locked.csv", "closed/a.csv", "unsearchable/a.csv", "kept/a.csv", "kept/bad.csv"):
        path = inbox / place
        path.parent.mkdir(exist_ok=True)
        path.write_text("a,b\n" if path.name == "bad.csv" else ONE.replace("S1", place))
    (inbox / "locked.csv").chmod(0)
    (inbox / "closed").chmod(0)
    (inbox / "unsearchable").chmod(0o444)
    (inbox / "kept").chmod(0o555)
    first, *later = json.loads(as_another_user(open_folder, sys.executable, "-c", TICKS, str(open_folder)))
    assert [landed for landed, *_ in (first, *later)] == [["good.csv"], [], []]
    stuck = ["closed", "kept/a.csv", "kept/bad.csv", "locked.csv", "unsearchable/a.csv"]
    for _, redelivered, rejected, reasons in (first, *later):
        assert (redelivered, rejected) == ([], [])
        assert [name for name, _ in reasons] == stuck
        assert all(reason.startswith("PermissionError: ") for _, reason in reasons)
    assert list((open_folder / "rejected").glob("air/*")) == []


def test_a_file_that_grows_is_left_until_it_rests(settings: Settings) -> None:
    patient = build_platform(settings.model_copy(update={"settle_s": 60.0}))
    path = drop(patient, "grows.csv", HEADER)
    for minute in range(20):
        with path.open("a") as file:
            file.write(row(f"10:{minute:02}"))
        assert patient.land(AIR, tick=True).landed == []
    os.utime(path, (time.time() - 61,) * 2)
    (landed,) = patient.land(AIR, tick=True).landed
    assert landed.records == 20


def test_files_that_vanish_meanwhile_do_not_stop_a_tick(platform: Platform) -> None:
    paths = [drop(platform, f"{n:03}.csv", ONE.replace("S1", f"S{n}")) for n in range(60)]

    def remove() -> None:
        for path in reversed(paths):
            path.unlink(missing_ok=True)

    remover = threading.Thread(target=remove)
    remover.start()
    report = platform.land(AIR, tick=True)
    remover.join()
    assert report.rejected == []
    assert {reason.split(":")[0] for _, reason in report.stuck} <= {"FileNotFoundError"}
    assert len(platform.ledger.landed.files("air")) == len(report.landed)


def test_a_file_under_1500_folders_lands(platform: Platform) -> None:
    top = deep = drop(platform, "good.csv", ONE).with_name("d")
    try:
        for _ in range(1500):
            deep.mkdir()
            deep = Path(f"{deep}/d")
        deep.with_name("a.csv").write_text(ONE.replace("S1", "S2"))
        assert sorted(landed.name for landed in platform.land(AIR, tick=True).landed) == ["a.csv", "good.csv"]
    finally:
        # Python's own ways of removing a tree give up here.
        subprocess.run(["rm", "-rf", str(top)], check=True)
