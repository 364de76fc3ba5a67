"""A clock that is set back, or was ahead: arrival numbers decide, no file waits, no retry rests for years."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from kaikai_assets.definitions import build_defs
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.landing.raw import sidecars
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.product import table
from kaikai_assets_tests.faults.deliveries import HEADER, first_delivery, put
from kaikai_assets_tests.faults.light import bring_up_to_date, opened
from kaikai_assets_tests.faults.looking import waiting
from kaikai_assets_tests.faults.processes import KAIKAI_BUILD, LIGHT, Ended, run

pytestmark = pytest.mark.slow

HOUR, DAY = 3600, 86400


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", settle_s=0, retry_s=0)


def with_clock(settings: Settings, ahead_s: int, *module: str, **more: str) -> Ended:
    ended = run(settings.data, ("kaikai_assets_tests.faults.another_clock", str(ahead_s), *(module or LIGHT)), **more)
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended


def reading(at: datetime, pm25: int) -> str:
    return HEADER + f"S1,{at:%Y-%m-%dT%H:%M:%SZ},{pm25},25,50,500\n"


def test_a_correction_that_arrives_after_the_clock_was_set_back_still_wins(settings: Settings) -> None:
    at = datetime(2025, 3, 1, 12, tzinfo=UTC)
    put(settings.data, "first.csv", reading(at, 1))
    bring_up_to_date(opened(settings))
    put(settings.data, "corrected.csv", reading(at, 2))
    assert with_clock(settings, -6 * HOUR).returncode == 0
    assert [landed.name for landed in sidecars(settings.raw)] == ["first.csv", "corrected.csv"]
    assert table(opened(settings), "silver/air_measurements")["pm25"].to_list() == [2.0]


def test_what_is_measured_while_the_clock_is_hours_back_is_not_refused_as_of_the_future(settings: Settings) -> None:
    put(settings.data, "first.csv", reading(datetime.now(UTC) - timedelta(minutes=2), 1))
    bring_up_to_date(opened(settings))
    put(settings.data, "second.csv", reading(datetime.now(UTC) - timedelta(minutes=1), 2))
    assert with_clock(settings, -20 * HOUR, *LIGHT, "land").returncode == 0
    first, second = sidecars(settings.raw)
    assert (first.arrival_seq, second.arrival_seq) == (1, 2)
    assert second.arrived_at >= first.arrived_at
    bring_up_to_date(opened(settings))
    assert sorted(table(opened(settings), "silver/air_measurements")["pm25"]) == [1.0, 2.0]
    assert table(opened(settings), "silver/air_quarantine").height == 0


def test_a_file_of_a_clock_that_was_years_ahead_does_not_set_the_arrivals_after_it(settings: Settings) -> None:
    put(settings.data, "ahead.csv", reading(datetime(2025, 3, 1, tzinfo=UTC), 1))
    assert with_clock(settings, 3650 * DAY, *LIGHT, "land").returncode == 0
    put(settings.data, "right.csv", reading(datetime(2025, 3, 2, tzinfo=UTC), 2))
    bring_up_to_date(opened(settings))
    ahead, right = sidecars(settings.raw)
    assert ahead.arrived_at > right.arrived_at
    assert ahead.arrival_seq < right.arrival_seq


def test_a_file_written_before_the_clock_was_set_back_is_taken_at_once(settings: Settings) -> None:
    put(settings.data, "a.csv", reading(datetime(2025, 3, 1, tzinfo=UTC), 1))
    ended = with_clock(settings, -6 * HOUR, *KAIKAI_BUILD, KAIKAI_SETTLE_S="1")
    assert "1 files landed" in ended.stdout
    assert waiting(settings) == []


def test_a_clock_before_the_first_day_is_told_and_the_files_stay(settings: Settings) -> None:
    first_delivery(settings.data)
    before = waiting(settings)
    ended = with_clock(settings, -20 * 365 * DAY, *KAIKAI_BUILD)
    assert ended.returncode == 1
    (line,) = ended.stderr.strip().splitlines()
    assert "the clock says" in line
    assert waiting(settings) == before
    bring_up_to_date(opened(settings))
    assert waiting(settings) == []


def test_a_day_that_the_clock_has_not_reached_waits_and_is_built_when_it_begins(settings: Settings) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0)
    put(settings.data, "today.csv", reading(today, 1))
    opened(settings).land(AIR)
    back = with_clock(settings, -2 * DAY, *KAIKAI_BUILD)
    assert back.returncode == 0, back.stderr
    assert table(opened(settings), "silver/air_measurements").height == 0
    ended = run(settings.data, KAIKAI_BUILD)
    assert ended.returncode == 0, ended.stderr
    assert table(opened(settings), "silver/air_measurements").select("day").rows() == [(today.date(),)]


def test_a_failure_noted_before_the_clock_was_set_back_does_not_hold_its_day_for_years(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", settle_s=0, retry_s=30)
    put(settings.data, "a.csv", reading(datetime(2025, 3, 1, tzinfo=UTC), 1))
    opened(settings).land(AIR)
    lost = next(settings.raw.rglob("a.csv"))
    kept = lost.read_bytes()
    lost.unlink()
    failed = with_clock(settings, 3650 * DAY, *KAIKAI_BUILD)
    assert "2025-03-01: FileNotFoundError" in failed.stderr
    lost.write_bytes(kept)
    defs = build_defs(settings)
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_sensor_def("air_landing")(dg.build_sensor_context(instance=instance, definitions=defs))
    assert isinstance(result, dg.SensorResult)
    assert len(result.run_requests or []) == 1
    bring_up_to_date(opened(settings))
    assert table(opened(settings), "silver/air_measurements").select(pl.col("day")).rows() == [(date(2025, 3, 1),)]
