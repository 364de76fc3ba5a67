"""The warehouse in the hands of analysts, with ``kaikai build`` around them."""

from pathlib import Path

import pytest

from kaikai_assets.settings import Settings
from kaikai_assets_tests.faults.deliveries import first_delivery, second_delivery
from kaikai_assets_tests.faults.light import bring_up_to_date, opened
from kaikai_assets_tests.faults.looking import Truth, check_complete, warehouse_contents
from kaikai_assets_tests.faults.processes import KAIKAI_BUILD, run
from kaikai_assets_tests.warehouse.reader import Reader, rows

pytestmark = pytest.mark.slow

HOURS = "SELECT day, count(*), max(pm25_mean) FROM gold.air_hourly GROUP BY ALL ORDER BY ALL"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = Settings(data=tmp_path / "data", settle_s=0, retry_s=0)
    first_delivery(found.data)
    bring_up_to_date(opened(found))
    second_delivery(found.data)
    return found


def kaikai_build(settings: Settings) -> None:
    ended = run(settings.data, KAIKAI_BUILD)
    assert ended.returncode == 0, ended.stderr


def wal(settings: Settings) -> Path:
    return settings.warehouse.with_name(settings.warehouse.name + ".wal")


def test_an_analyst_keeps_the_file_that_was_opened_and_the_next_one_sees_the_new(settings: Settings) -> None:
    before = rows(settings.warehouse, HOURS)
    with Reader(settings.warehouse) as analyst:
        assert analyst.ask(HOURS) == before
        kaikai_build(settings)
        assert analyst.ask(HOURS) == before
        after = rows(settings.warehouse, HOURS)
        assert after != before
    check_complete(opened(settings), Truth.of(opened(settings)))


def test_an_analyst_who_writes_hinders_neither_the_publication_nor_other_readers(settings: Settings) -> None:
    settings.warehouse.chmod(0o644)
    with Reader(settings.warehouse, read_only=False) as analyst:
        analyst.ask("SET checkpoint_threshold = '1GB'")
        assert analyst.ask("CREATE TABLE main.mine AS SELECT 1 AS a") == [[1]]
        assert wal(settings).exists()
        kaikai_build(settings)
        assert not wal(settings).exists()
        truth = Truth.of(opened(settings))
        # A write after the swap leaves its write-ahead file beside a database that it does not belong to.
        analyst.ask("CREATE TABLE main.more AS SELECT 1 AS a")
        analyst.ask("CHECKPOINT")
        analyst.ask("CREATE TABLE main.yet_more AS SELECT 1 AS a")
        kaikai_build(settings)
        assert warehouse_contents(settings) == truth.warehouse
    kaikai_build(settings)
    check_complete(opened(settings), truth)
    assert rows(settings.warehouse, "FROM main.mine") == "CatalogException"


@pytest.mark.parametrize("first", ["new files", "nothing new"])
def test_the_write_ahead_file_of_an_analyst_who_crashed_is_gone_after_the_next_build(
    settings: Settings, first: str
) -> None:
    if first == "nothing new":
        kaikai_build(settings)
    settings.warehouse.chmod(0o644)
    with Reader(settings.warehouse, read_only=False) as analyst:
        analyst.ask("CREATE TABLE main.mine AS SELECT 1 AS a")
        analyst.kill()
    assert wal(settings).exists()
    kaikai_build(settings)
    assert not wal(settings).exists()
    assert settings.warehouse.stat().st_mode & 0o777 == 0o444
    assert rows(settings.warehouse, "FROM main.mine") == "CatalogException"
    check_complete(opened(settings), Truth.of(opened(settings)))
