"""Rows by their stretches: the same as sorts and joins of rows, in whatever order rows come."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kaikai_assets.quality.order import beside, distinct, in_series, looked_up, ordered, stretch

KEY = ["day", "grain", "sensor_id"]


def _rows(days: int = 3, sensors: int = 4, each: int = 40) -> pl.DataFrame:
    rows = [
        (date(2025, 1, 1 + day), "instant", f"S{sensor}", datetime(2025, 1, 1 + day, tzinfo=UTC) + minute)
        for day in reversed(range(days))
        for sensor in range(sensors)
        for minute in (timedelta(minutes=n) for n in range(each))
    ]
    return pl.DataFrame(rows, schema=[*KEY, "time"], orient="row").with_row_index("value")


ROWS = _rows()
FRAMES = {
    "as stored": ROWS,
    "shuffled": ROWS.sample(fraction=1.0, shuffle=True, seed=1),
    "two stretches meet": pl.concat([ROWS.gather_every(2), ROWS.gather_every(2, 1)]),
    "one reversed": pl.concat([ROWS.head(40).reverse(), ROWS[40:]]),
    "none": ROWS.clear(),
}


@pytest.mark.parametrize("rows", FRAMES.values(), ids=FRAMES.keys())
@pytest.mark.parametrize("by", [["sensor_id"], ["sensor_id", "grain"], KEY])
def test_rows_are_sorted(rows: pl.DataFrame, by: list[str]) -> None:
    assert_frame_equal(ordered(rows, by, "time"), rows.sort(*by, "time"))
    together = in_series(rows, by, "time")
    assert_frame_equal(together.sort(*by, "time"), rows.sort(*by, "time"))
    of_series = together.group_by(stretch(*by)).agg(
        pl.struct(*by).n_unique(), sorted=(pl.col("time").diff() >= 0).all()
    )
    assert of_series.height == rows.select(by).n_unique()
    assert of_series["sorted"].all()


@pytest.mark.parametrize("rows", FRAMES.values(), ids=FRAMES.keys())
def test_a_table_is_looked_up_as_by_a_join(rows: pl.DataFrame) -> None:
    table = pl.DataFrame({"sensor_id": ["S1", "S3", "S9"], "make": ["a", None, "b"]})
    joined = rows.join(table, on="sensor_id", how="left", maintain_order="left")
    assert_frame_equal(looked_up(rows, table, ["sensor_id"]), joined)
    assert_frame_equal(distinct(rows, KEY).sort(KEY), rows.select(KEY).unique().sort(KEY))


@pytest.mark.parametrize("rows", FRAMES.values(), ids=FRAMES.keys())
@pytest.mark.parametrize("order", FRAMES.keys())
@pytest.mark.parametrize(
    "kept",
    [
        pl.lit(True),
        pl.col("sensor_id") != "S2",
        pl.col("value") % 3 > 0,
        pl.col("value") % 40 > 0,
        pl.col("day") > date(2025, 1, 1),
    ],
    ids=["all", "not a sensor", "not some rows", "not the first ones", "not a day"],
)
def test_others_stand_beside_as_by_a_join(rows: pl.DataFrame, order: str, kept: pl.Expr) -> None:
    others = FRAMES[order].filter(kept).rename({"value": "other"})
    joined = rows.join(others, on=[*KEY, "time"], how="left", maintain_order="left")
    assert_frame_equal(beside(rows, others, KEY, "time"), joined)


def test_others_of_as_many_rows_at_other_times_stand_beside_none_but_their_own() -> None:
    others = ROWS.with_columns(pl.col("time").dt.offset_by("1m")).rename({"value": "other"})
    joined = ROWS.join(others, on=[*KEY, "time"], how="left", maintain_order="left")
    assert_frame_equal(beside(ROWS, others, KEY, "time"), joined)
