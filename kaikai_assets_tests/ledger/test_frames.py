"""Rows go into the ledger and come back as the values they were, on both database systems."""

from datetime import UTC, datetime

import polars as pl
from polars.testing import assert_frame_equal
from sqlalchemy import select

from kaikai_assets.ledger import frames, schema
from kaikai_assets.ledger.alert_rows import stored
from kaikai_assets.ledger.database import Database
from kaikai_assets_tests.alerts.moments import START, at, episode, frame


def test_rows_come_back_as_they_were_and_as_the_rest_of_the_ledger_reads_them(url: str) -> None:
    one, another = episode(0, 5, assumed="age"), episode(7, 8, 9.000001, peak=None, entity="é")
    rest = {"domain": "d", "gone": False, "superseded_by": None, "news": True, "revision": 1, "published": 0}
    rows = frame([one, another]).with_columns(
        *(pl.lit(value).alias(name) for name, value in rest.items()),
        first_seen_at=pl.lit(datetime(2026, 3, 1, 23, 59, 59, 999999, UTC)),
    )
    typed = pl.col("superseded_by").cast(pl.String), pl.col("revision", "published").cast(pl.Int64)
    wanted = rows.select(schema.alerts_seen.columns.keys()).with_columns(typed)
    database = Database(url)
    with database.write() as c:
        frames.add(c, schema.alerts_seen, rows)
        frames.add(c, schema.alerts_seen, rows.clear())
    with database.read() as c:
        assert_frame_equal(frames.read(c, select(schema.alerts_seen)), wanted, check_row_order=False)
        found = stored(c, "d").values()
        assert frames.read(c, select(schema.alerts_seen).where(schema.alerts_seen.c.n < 0)).schema == wanted.schema
    assert {row.seen.episode for row in found} == {one, another}
    assert {row.first_seen_at.microsecond for row in found} == {999999}


def test_instants_of_another_zone_and_text_that_a_server_refuses_are_kept(url: str) -> None:
    local = pl.lit(at(0)).dt.convert_time_zone("Asia/Kathmandu")
    rows = pl.DataFrame({"domain": ["d"], "name": ["a\0b"], "reason": ["r"]}).with_columns(seen_at=local)
    database = Database(url)
    with database.write() as c:
        frames.add(c, schema.rejections, rows)
    with database.read() as c:
        found = frames.read(c, select(schema.rejections))
    assert found.select("name", "seen_at").rows() == [("a\\x00b", START)]
