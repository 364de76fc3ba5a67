"""Somebody holds the ledger's write lock for longer than anybody waits."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from kaikai_assets.definitions import build_defs
from kaikai_assets.ledger.database import LedgerUnavailable
from kaikai_assets.settings import Settings
from kaikai_assets_tests.faults.deliveries import DAYS, first_delivery, second_delivery
from kaikai_assets_tests.faults.light import bring_up_to_date, opened
from kaikai_assets_tests.faults.looking import Truth, check_complete, check_old_or_new, waiting
from kaikai_assets_tests.faults.processes import KAIKAI_BUILD, run, start

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    root = tmp_path / "data"
    url = f"sqlite:///{root}/ledger.sqlite?timeout=0.5"
    found = Settings(data=root, settle_s=0, retry_s=0, ledger_url=SecretStr(url))
    first_delivery(root)
    bring_up_to_date(opened(found))
    return found


@pytest.fixture
def truth(settings: Settings, tmp_path: Path) -> Truth:
    """Of both deliveries, made elsewhere; the second one lies in the inbox from now on."""
    undisturbed = Settings(data=tmp_path / "undisturbed", settle_s=0)
    first_delivery(undisturbed.data)
    bring_up_to_date(opened(undisturbed))
    second_delivery(undisturbed.data)
    bring_up_to_date(opened(undisturbed))
    second_delivery(settings.data)
    return Truth.of(opened(undisturbed))


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Hold the write lock, as a backup or a person with a shell would."""
    path = settings.data / "ledger.sqlite"
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def test_a_build_ends_with_one_clear_line_and_the_next_one_does_all(settings: Settings, truth: Truth) -> None:
    before = waiting(settings)
    with locked(settings):
        ended = run(settings.data, KAIKAI_BUILD, KAIKAI_LEDGER_URL=settings.ledger_uri)
    assert ended.returncode == 1
    (line,) = ended.stderr.strip().splitlines()
    assert "ledger sqlite:///" in line
    assert "database is locked" in line
    assert waiting(settings) == before
    ended = run(settings.data, KAIKAI_BUILD, KAIKAI_LEDGER_URL=settings.ledger_uri)
    assert ended.returncode == 0, ended.stderr
    check_complete(opened(settings), truth)


@pytest.mark.parametrize("seen", ["raw/air/kaikai_csv/*", "lake/silver/air_measurements/_delta_log/*"])
def test_a_lock_taken_in_the_middle_of_a_build_loses_nothing(settings: Settings, truth: Truth, seen: str) -> None:
    old = Truth.of(opened(settings))
    before = set(settings.data.glob(seen))
    with start(settings.data, KAIKAI_LEDGER_URL=settings.ledger_uri) as process:
        while process.poll() is None and set(settings.data.glob(seen)) <= before:
            time.sleep(0.001)
        with locked(settings):
            _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "database is locked" in err.strip().splitlines()[-1]
    check_old_or_new(settings, old, truth)
    bring_up_to_date(opened(settings))
    check_complete(opened(settings), truth)


def test_a_tick_fails_with_a_clear_error_and_the_next_one_goes_on(settings: Settings, truth: Truth) -> None:
    defs = build_defs(settings)
    sensor = defs.resolve_sensor_def("air_landing")
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, definitions=defs)
        with locked(settings), pytest.raises(LedgerUnavailable, match="database is locked"):
            sensor(context)
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    (request,) = result.run_requests or []
    assert request.tags["dagster/asset_partition_range_end"] == DAYS[-1]
    assert waiting(settings) == []
    bring_up_to_date(opened(settings))
    check_complete(opened(settings), truth)
