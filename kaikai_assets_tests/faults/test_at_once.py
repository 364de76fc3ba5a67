"""Runs at once, on the same day and on different ones, and readers meanwhile: it ends as one clean build does."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kaikai_assets.settings import Settings
from kaikai_assets_tests.faults.deliveries import put
from kaikai_assets_tests.faults.light import bring_up_to_date, opened
from kaikai_assets_tests.faults.looking import Truth, check_complete
from kaikai_assets_tests.faults.runners import (
    correct_again_and_again,
    day_with,
    read_lake,
    read_warehouse,
    run_from_a_newer_list,
    run_from_an_older_list,
)
from kaikai_assets_tests.ledger.processes import at_once

pytestmark = pytest.mark.slow

DAYS = [f"2025-03-{number:02d}" for number in range(1, 9)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = Settings(data=tmp_path / "data", settle_s=0, retry_s=0)
    for day in DAYS:
        put(found.data, f"{day}.csv", day_with(day, 1))
    bring_up_to_date(opened(found))
    return found


def clean_build(settings: Settings, to: Path) -> Truth:
    """Of the same raw files, in an empty lake with an empty ledger."""
    clean = Settings(data=to, settle_s=0)
    shutil.copytree(settings.raw, clean.raw)
    bring_up_to_date(opened(clean))
    return Truth.of(opened(clean))


def together(calls: list[tuple[Callable[..., Any], tuple[Any, ...]]]) -> list[Any]:
    return at_once(_call, calls)


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return function(*arguments)


def test_two_runs_of_the_same_days_one_with_an_older_list_of_files_end_as_one_clean_build(
    settings: Settings, tmp_path: Path
) -> None:
    root, rounds, days = str(settings.data), 4, DAYS[:2]
    together([(run_from_an_older_list, (root, rounds, days)), (run_from_a_newer_list, (root, rounds, days))])
    bring_up_to_date(opened(settings))
    check_complete(opened(settings), clean_build(settings, tmp_path / "clean"))


def test_readers_see_whole_days_and_no_error_while_eight_runs_write(settings: Settings, tmp_path: Path) -> None:
    root, n = str(settings.data), len(DAYS)
    readers: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
        (read_lake, (root, n, True)),
        (read_lake, (root, n, False)),
        (read_warehouse, (root, n)),
        (read_warehouse, (root, n)),
    ]
    looks = together([*readers, *((correct_again_and_again, (root, day, 2)) for day in DAYS)])[:4]
    assert min(looks) > 5
    bring_up_to_date(opened(settings))
    check_complete(opened(settings), clean_build(settings, tmp_path / "clean"))
