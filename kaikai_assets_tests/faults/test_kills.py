"""A process killed before any of its writes leaves each (table, day) as it was or as it should be, and the next call
ends where an undisturbed one does."""

import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select

from kaikai_assets.ledger import schema
from kaikai_assets.settings import Settings
from kaikai_assets_tests.faults.deliveries import first_delivery, second_delivery
from kaikai_assets_tests.faults.light import bring_up_to_date, opened
from kaikai_assets_tests.faults.looking import Truth, check_complete, check_old_or_new, rejected, warehouse_contents
from kaikai_assets_tests.faults.processes import KAIKAI_BUILD, LIGHT, killed_at_write, run, start

pytestmark = pytest.mark.slow

STRIDE = 8
"""Tests over which the writes of one process are spread."""


@dataclass
class Scene:
    """A data root before the process that is killed, and what is true before and after it."""

    root: Path
    old: Truth
    new: Truth
    repeated: int

    def copy(self, to: Path) -> Settings:
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.root, to)
        return Settings(data=to, settle_s=0, retry_s=0)

    def check_killed(self, settings: Settings) -> None:
        check_old_or_new(settings, self.old, self.new)
        assert warehouse_contents(settings) in (self.old.warehouse, self.new.warehouse)

    def check_repaired(self, settings: Settings) -> None:
        """After one ordinary call."""
        bring_up_to_date(opened(settings))
        self.check_whole(settings)

    def check_whole(self, settings: Settings) -> None:
        platform = opened(settings)
        check_complete(platform, self.new)
        if self.repeated:
            assert [path.name for path in rejected(settings)] == ["odd.csv"]
            assert "again.csv" in redelivered(settings)


def scene(root: Path, *deliveries: Callable[[Path], None]) -> Scene:
    """All deliveries but the last one are built, then the last one lies in the inbox."""
    settings = Settings(data=root, settle_s=0, retry_s=0)
    for deliver in deliveries[:-1]:
        deliver(root)
        bring_up_to_date(opened(settings))
    old = Truth.of(opened(settings))
    deliveries[-1](root)
    done = Settings(data=root.with_name("done"), settle_s=0, retry_s=0)
    shutil.copytree(root, done.data)
    bring_up_to_date(opened(done))
    return Scene(root, old, Truth.of(opened(done)), len(deliveries) - 1)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return scene(tmp_path_factory.mktemp("first") / "data", first_delivery)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return scene(tmp_path_factory.mktemp("second") / "data", first_delivery, second_delivery)


@pytest.fixture(params=["first", "second"])
def either(request: pytest.FixtureRequest) -> Scene:
    found: Scene = request.getfixturevalue(request.param)
    return found


# every write ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start_at", range(1, STRIDE + 1))
def test_a_kill_before_any_write_leaves_old_or_new_days_and_the_next_call_repairs(
    either: Scene, tmp_path: Path, start_at: int
) -> None:
    # The second delivery makes every kind of write; of the first, which makes fewer kinds, every tenth one will do.
    for n in count(start_at, STRIDE if either.repeated else 10 * STRIDE):
        settings = either.copy(tmp_path / "data")
        if not killed_at_write(settings.data, n):
            either.check_whole(settings)
            break
        either.check_killed(settings)
        either.check_repaired(settings)
    assert n > 40, "a process that makes so few writes has lost its hooks"


@pytest.mark.parametrize("start_at", range(1, 5))
def test_a_kill_before_any_write_of_landing_into_a_lost_ledger_is_repaired(
    second: Scene, tmp_path: Path, start_at: int
) -> None:
    for n in count(start_at, 4):
        settings = second.copy(tmp_path / "data")
        for left in settings.data.glob("ledger.sqlite*"):
            left.unlink()
        if not killed_at_write(settings.data, n, (*LIGHT, "land")):
            break
        second.check_repaired(settings)
    assert n > 20, "a process that makes so few writes has lost its hooks"


@pytest.mark.parametrize(("n", "m"), [(5, 3), (9, 14), (13, 13), (22, 8), (30, 40), (37, 22), (48, 2), (60, 5)])
def test_a_repair_that_is_killed_itself_is_repaired(second: Scene, tmp_path: Path, n: int, m: int) -> None:
    settings = second.copy(tmp_path / "data")
    assert killed_at_write(settings.data, n)
    assert killed_at_write(settings.data, m)
    second.check_killed(settings)
    second.check_repaired(settings)


@pytest.mark.parametrize("n", [1, 10, 20, 30, 40, 50, 60])
def test_a_kill_of_a_build_through_dagster_is_repaired_by_the_next_build(second: Scene, tmp_path: Path, n: int) -> None:
    settings = second.copy(tmp_path / "data")
    assert killed_at_write(settings.data, n, KAIKAI_BUILD)
    second.check_killed(settings)
    repaired = run(settings.data, KAIKAI_BUILD)
    assert repaired.returncode == 0, repaired.stderr
    second.check_whole(settings)


# in the middle of a write ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    [
        "raw/.tmp/*/*.csv",
        "lake/bronze/air_measurements/day=*/*",
        "lake/silver/air_measurements/day=*/*",
        "lake/gold/air_alerts/*.parquet",
        "warehouse/.kaikai.duckdb.building",
    ],
)
def test_a_kill_as_soon_as_a_file_is_being_written_is_repaired(second: Scene, tmp_path: Path, pattern: str) -> None:
    settings = second.copy(tmp_path / "data")
    before = set(settings.data.glob(pattern))
    with start(settings.data) as process:
        while process.poll() is None and set(settings.data.glob(pattern)) <= before:
            time.sleep(0.0005)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    second.check_killed(settings)
    second.check_repaired(settings)


def redelivered(settings: Settings) -> set[str]:
    engine = create_engine(settings.ledger_uri)
    with engine.connect() as connection:
        return set(connection.execute(select(schema.redeliveries.c.name)).scalars())
