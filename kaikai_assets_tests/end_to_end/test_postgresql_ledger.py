"""A platform whose ledger is on PostgreSQL is the same platform."""

from datetime import date
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal
from pydantic import SecretStr

from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings
from kaikai_assets.simulation.air import simulate_air
from kaikai_assets_tests.end_to_end.product import DERIVED, build, drop, drop_tree, outputs, table
from kaikai_assets_tests.end_to_end.test_rebuilding import HEADER, day_file


def fed(platform: Platform, files: Path) -> Platform:
    drop_tree(platform, files)
    drop(platform, "broken.csv", "not,a,known\nheader\x00,1,2\n")
    assert build(platform).failed == {}
    drop(platform, "late.csv", HEADER + "SENS001,2025-03-01T10:02:30Z,21,,,\n")
    assert build(platform).failed == {}
    platform.publish(AIR)
    return platform


@pytest.mark.slow
def test_a_build_with_the_ledger_on_postgresql_equals_one_on_sqlite(tmp_path: Path, postgres_url: str) -> None:
    files = tmp_path / "files" / "air"
    simulate_air(tmp_path / "files", start=date(2025, 3, 1), days=3, sensors=2)
    ours = fed(build_platform(Settings(data=tmp_path / "a", settle_s=0, ledger_url=postgres_url)), files)
    theirs = fed(build_platform(Settings(data=tmp_path / "b", settle_s=0)), files)
    assert not (ours.settings.data / "ledger.sqlite").exists()
    assert outputs(ours) == outputs(theirs) != {}
    for name in DERIVED:
        assert_frame_equal(table(ours, name), table(theirs, name), check_row_order=False)
    assert ours.ledger.targets.accounts("air") == theirs.ledger.targets.accounts("air")
    again = build_platform(ours.settings)
    assert again.runner(AIR).plan().pending == set()


@pytest.mark.slow
def test_a_data_root_goes_on_with_a_new_ledger_on_postgresql_and_its_tables_stay_as_they_are(
    platform: Platform, postgres_url: str
) -> None:
    for day in ("2025-03-01", "2025-03-02"):
        drop(platform, f"{day}.csv", day_file(day))
    assert build(platform).failed == {}
    platform.publish(AIR)
    moved = build_platform(platform.settings.model_copy(update={"ledger_url": SecretStr(postgres_url)}))
    assert build(moved).failed == {}
    assert moved.runner(AIR).plan().changed <= {(AIR.warehouse, "")}
    assert outputs(moved) == outputs(platform) != {}
    assert moved.ledger.landed.files("air") == platform.ledger.landed.files("air")
