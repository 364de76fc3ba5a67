"""Windows of 5 minutes beside a reference in plain Python."""

import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import fmean, median
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaikai_assets.domains.vitals.contracts import Windows
from kaikai_assets.domains.vitals.transforms.windows import windows
from kaikai_assets.quality.flags import FAIL, SUSPECT
from kaikai_assets_tests.domains.vitals.frames import DAY, START, reading, silver, stored

WINDOW, DELAY = timedelta(minutes=5), timedelta(minutes=10)

READINGS = st.lists(
    st.tuples(
        st.sampled_from(["P1", "P2"]),
        st.integers(-30 * 60, 50 * 60).map(lambda minute: START + timedelta(minutes=minute)),
        st.integers(1, 6),
        st.one_of(st.none(), st.integers(40, 200).map(float)),
    ),
    unique_by=lambda row: row[:2],
    min_size=1,
    max_size=40,
)


def reference(rows: list[dict[str, Any]], day: date) -> dict[tuple[str, datetime], tuple[Any, ...]]:
    """``n, n_late, is_final, heart rates`` of the windows of a day."""
    near = [row for row in rows if row["day"] in (day, day + timedelta(days=1))]
    held = defaultdict(list)
    for row in near:
        if row["day"] == day:
            start = row["time"] - (row["time"] - START) % WINDOW
            held[row["patient_id"], start].append(row)
    found = {}
    for (patient, start), members in held.items():
        late = 0
        for row in members:
            before = [other["time"] for other in near if other["arrival_seq"] < row["arrival_seq"]]
            late += bool(before) and max(before) - DELAY >= start + WINDOW
        is_final = max(row["time"] for row in near) - DELAY >= start + WINDOW
        values = sorted(row["freq_card"] for row in members if row["freq_card"] is not None)
        statistics = (fmean(values), values[0], median(values), values[-1]) if values else (None,) * 4
        found[patient, start] = (len(members), late, is_final, len(values), *statistics)
    return found


COLUMNS = ("n", "n_late", "is_final", *(f"freq_card_{name}" for name in ("n", "mean", "min", "p50", "max")))


def by_window(found: pl.DataFrame) -> dict[tuple[str, datetime], tuple[Any, ...]]:
    rows = found.with_columns(pl.col("freq_card_mean").round(6)).select("patient_id", "window_start", *COLUMNS).rows()
    return {row[:2]: row[2:] for row in rows}


@settings(max_examples=40)
@given(READINGS, st.randoms(use_true_random=False))
def test_windows_equal_the_reference_in_any_order_and_any_batches_of_days(
    drawn: list[tuple[str, datetime, int, float | None]], luck: random.Random
) -> None:
    rows = [reading(time, patient, seq, freq_card=value) for patient, time, seq, value in drawn]
    days = sorted({row["day"] for row in rows})
    expected = {}
    for day in days:
        for key, (*counts, mean, low, middle, high) in reference(rows, day).items():
            expected[key] = (*counts, None if mean is None else round(mean, 6), low, middle, high)
    together = stored(Windows, windows(silver(*rows), days))
    assert by_window(together) == expected

    luck.shuffle(rows)
    apart = []
    for day in days:
        near = [row for row in rows if row["day"] in (day, day + timedelta(days=1))]
        apart.append(windows(silver(*near).sample(fraction=1.0, shuffle=True, seed=1), [day]))
    assert stored(Windows, pl.concat(apart)).equals(together)


def test_the_watermark_reaches_the_end_of_a_window_exactly_ten_minutes_later() -> None:
    for minutes, late in [(14, 0), (15, 1)]:
        newest = reading(START + timedelta(minutes=minutes), "P2", 1, freq_card=80.0)
        after = reading(START + timedelta(minutes=4, seconds=59), "P1", 2, freq_card=90.0)
        found = windows(silver(newest, after), [DAY]).filter(patient_id="P1")
        assert found.select("n_late", "is_final").rows() == [(late, bool(late))]


@pytest.mark.parametrize(
    ("others", "counts"),
    [
        ({"freq_card_flag": SUSPECT}, False),
        ({"freq_card_flag": SUSPECT, "spo2_pct_flag": FAIL}, False),
        ({"freq_card_flag": SUSPECT, "temp_corp": 37.0}, True),
        ({}, True),
    ],
)
def test_a_clock_that_runs_ahead_does_not_move_the_watermark(others: dict[str, Any], counts: bool) -> None:
    first = reading(START + timedelta(minutes=2), "P1", 1, freq_card=80.0)
    ahead = reading(START + timedelta(minutes=20), "P2", 2, freq_card=80.0, **others)
    after = reading(START + timedelta(minutes=3), "P1", 3, freq_card=80.0)
    found = windows(silver(first, ahead, after), [DAY]).sort("window_start")
    assert found.select("patient_id", "n_late", "is_final").rows() == [("P1", int(counts), counts), ("P2", 0, False)]
    alone = windows(silver(ahead), [DAY])
    assert alone.select("n_late", "is_final").rows() == [(0, False)]


def test_the_watermark_stays_where_it_was_while_a_clock_runs_ahead() -> None:
    newest = reading(START + timedelta(minutes=15), "P1", 1, freq_card=80.0)
    ahead = reading(START + timedelta(minutes=40), "P2", 2, freq_card=80.0, freq_card_flag=SUSPECT)
    after = reading(START, "P1", 3, freq_card=80.0)
    found = windows(silver(newest, ahead, after), [DAY]).sort("window_start")
    assert found["n_late"].to_list() == [1, 0, 0]


def test_a_reading_is_not_late_for_what_came_in_its_own_file_or_later() -> None:
    rows = [reading(START + timedelta(hours=n), "P1", 3 - n % 2, freq_card=80.0) for n in range(4)]
    found = windows(silver(*rows), [DAY]).sort("window_start")
    # Hours 1 and 3 came first: hours 0 and 2 are late.
    assert found["n_late"].to_list() == [1, 0, 1, 0]


def test_only_the_newest_reading_of_the_next_day_closes_the_last_windows_of_a_day() -> None:
    last = reading(START + timedelta(hours=23, minutes=58), freq_card=80.0)
    for other, final in [(timedelta(hours=24, minutes=9), False), (timedelta(hours=24, minutes=10), True)]:
        rows = silver(last, reading(START + other, "P2", freq_card=70.0))
        assert windows(rows, [DAY])["is_final"].to_list() == [final]
        assert windows(rows.filter(day=DAY), [DAY])["is_final"].to_list() == [False]


def test_a_grain_coarser_than_a_window_is_left_out_and_grains_stay_apart() -> None:
    rows = [reading(START, freq_card=80.0, grain=grain) for grain in ("instant", "PT1S", "PT5M", "PT1H")]
    found = windows(silver(*rows), [DAY])
    assert sorted(found["grain"]) == ["PT1S", "PT5M", "instant"]
    assert found["n"].to_list() == [1, 1, 1]


def test_windows_are_labelled_by_their_start_and_half_open() -> None:
    times = [START, START + timedelta(minutes=4, seconds=59.999999), START + timedelta(minutes=5)]
    found = windows(silver(*(reading(time, freq_card=80.0) for time in times)), [DAY]).sort("window_start")
    assert found.select("window_start", "n").rows() == [(START, 2), (START + WINDOW, 1)]
    assert all(later - earlier == WINDOW for earlier, later in pairwise(found["window_start"]))
