"""The design's invariants on small random deliveries: conservation, order-independence, convergence."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from random import Random

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.orchestration.platform import Platform
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.product import build, drop, outputs, table

HEADER = "sensor_id,timestamp,pm25,temperature,humidity,co2"
FIRST = date(2025, 3, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(3)]

slow = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

sensors = st.sampled_from(["S1", "S2"])
instants = st.builds(
    lambda day, hour, minute: f"{day}T{hour:02d}:{minute:02d}:00Z",
    st.sampled_from(DAYS),
    st.sampled_from([0, 1, 23]),
    st.sampled_from([0, 30, 55]),
)
cells = st.sampled_from(["1", "36.5", "40", "600", "", "NA", "-1", "x", "9999", "1e3"])
records = st.builds(",".join, st.tuples(sensors, instants, cells, cells, st.just("50"), st.just("400")))
damaged = st.sampled_from(
    ["S1", "S1,2025-03-01T00:00:00Z,1,2,3,4,5", '"S1,2025-03-01T00:00:00Z,1,2,3,4', ",,,,,", "S1,,1,1,1,1"]
)
deliveries = st.lists(st.lists(records, min_size=1, max_size=6), min_size=1, max_size=5)


def content_of(record: str) -> str:
    """A record whose values follow from its sensor and time, so that no two deliveries contradict each other."""
    sensor, time, *_ = record.split(",")
    value = sum(map(ord, sensor + time)) % 50
    return f"{sensor},{time},{value},{value / 2},50,400"


@contextmanager
def fresh() -> Iterator[Platform]:
    folder = Path(tempfile.mkdtemp())
    try:
        yield build_platform(Settings(data=folder, settle_s=0))
    finally:
        shutil.rmtree(folder)


def deliver(platform: Platform, number: int, lines: list[str]) -> None:
    drop(platform, f"kaikai_csv/{number}.csv", "\n".join([HEADER, *lines]) + "\n")
    platform.land(AIR)


@slow
@given(st.lists(st.lists(st.one_of(records, damaged), min_size=1, max_size=8), min_size=1, max_size=4))
def test_every_record_is_leading_absorbed_or_rejected(files: list[list[str]]) -> None:
    with fresh() as platform:
        for number, lines in enumerate(files):
            deliver(platform, number, lines)
        assert build(platform).failed == {}
        accounts = platform.ledger.accounts("air")
        # A file delivered twice with the same content lands once.
        landed = {tuple(lines) for lines in files}
        assert sum(a.records for a in accounts) == sum(map(len, landed))
        assert all(a.records == a.leading + a.absorbed + a.rejected for a in accounts)
        assert sum(a.leading for a in accounts) == table(platform, "silver/air_measurements").height
        aside = table(platform, "silver/air_quarantine").filter(pl.col("kind") == "record")
        assert sum(a.rejected for a in accounts) == aside.height


@slow
@given(deliveries, st.data())
def test_any_interleaving_of_landing_and_building_ends_as_one_clean_build(
    files: list[list[str]], data: st.DataObject
) -> None:
    with fresh() as stepwise, fresh() as clean:
        for number, lines in enumerate(files):
            deliver(stepwise, number, lines)
            some = data.draw(st.lists(st.sampled_from(DAYS), unique=True), label=f"built after file {number}")
            build(stepwise, some)
            deliver(clean, number, lines)
        assert build(stepwise).failed == {}
        assert build(clean).failed == {}
        assert outputs(stepwise) == outputs(clean)
        assert stepwise.runner(AIR).plan().changed <= {(AIR.warehouse, "")}


@slow
@given(deliveries, st.randoms(use_true_random=False))
def test_without_contradictions_any_order_batching_and_repetition_gives_the_same_tables(
    files: list[list[str]], random: Random
) -> None:
    lines = [content_of(record) for file in files for record in file]
    again = lines + random.sample(lines, len(lines) // 2)
    random.shuffle(again)
    with fresh() as ordered, fresh() as shuffled:
        deliver(ordered, 0, lines)
        size = random.randint(1, len(again))
        for number, start in enumerate(range(0, len(again), size)):
            deliver(shuffled, number, again[start : start + size])
            if random.random() < 0.5:
                build(shuffled)
        build(ordered)
        build(shuffled)
        assert outputs(shuffled) == outputs(ordered)
