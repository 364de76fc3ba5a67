"""Pictures in a run's events."""

import base64
import logging
from dataclasses import replace
from datetime import date

import dagster as dg
import polars as pl
import pytest
from dagster import DagsterEventType

from kaikai_assets.build.steps import Picture
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.orchestration.pictures import PICTURE, pictures
from kaikai_assets.platform import Platform
from kaikai_assets_tests.end_to_end.product import build, drop
from kaikai_assets_tests.end_to_end.test_dagster import DAYS, run_range
from kaikai_assets_tests.end_to_end.test_rebuilding import day_file

LOG = logging.getLogger("test_pictures")
TODAY = date(2025, 3, 10)


def observed(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str | None], str]:
    """Markdown of the pictures of a run by table and partition."""
    found = {}
    for event in result.all_events:
        if event.event_type == DagsterEventType.ASSET_OBSERVATION:
            seen = event.asset_observation_data.asset_observation
            assert (seen.asset_key.to_user_string(), seen.partition) not in found
            found[seen.asset_key.to_user_string(), seen.partition] = str(seen.metadata[PICTURE].value)
    return found


def test_a_run_shows_one_picture_of_each_table_at_its_newest_day(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    for day in DAYS:
        drop(platform, f"{day}.csv", day_file(day))
    platform.land(AIR)
    first = run_range(defs, instance, DAYS[0], DAYS[-1])
    assert first.success
    shown = observed(first)
    assert shown.keys() == {(table, DAYS[-1]) for table in AIR.pictures}
    for markdown in shown.values():
        head, _, data = markdown.removesuffix(")").partition("base64,")
        assert head == "![picture](data:image/png;"
        assert base64.b64decode(data).startswith(b"\x89PNG")
    assert observed(run_range(defs, instance, DAYS[0], DAYS[-1])) == {}


def test_nobody_waits_for_a_picture_to_read_what_is_published(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    drop(platform, "day.csv", day_file(DAYS[0]))
    platform.land(AIR)
    result = run_range(defs, instance, DAYS[0], DAYS[0])
    told = [
        event.asset_key.to_user_string() if event.event_type == DagsterEventType.ASSET_MATERIALIZATION else PICTURE
        for event in result.all_events
        if event.asset_key
        and event.event_type in (DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_OBSERVATION)
    ]
    assert told[-len(AIR.pictures) - 1 :] == [AIR.warehouse, *[PICTURE] * len(AIR.pictures)]


def test_a_running_day_has_no_picture_and_the_newest_ended_one_has(platform: Platform) -> None:
    for day in DAYS:
        drop(platform, f"{day}.csv", day_file(day))
    build(platform)
    domain = replace(AIR, pictures={"gold/air_hourly": Picture(lambda _rows, _newest: b"")})
    today = date.fromisoformat(DAYS[-1])
    built = {("gold/air_hourly", day) for day in DAYS}
    (shown,) = pictures(platform.lake, domain, built, today, LOG)
    assert shown.partition == DAYS[-2]
    assert list(pictures(platform.lake, domain, {("gold/air_hourly", DAYS[-1])}, today, LOG)) == []


def test_a_picture_that_cannot_be_drawn_says_why_and_hinders_nobody(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    drop(platform, "day.csv", day_file(DAYS[0]))
    built = build(platform).targets

    def fails(_rows: pl.DataFrame, _newest: date) -> bytes:
        raise ZeroDivisionError("no scale")

    hourly = AIR.pictures["gold/air_hourly"]
    domain = replace(AIR, pictures={"gold/air_daily": Picture(fails), "gold/air_hourly": hourly})
    broken, whole = pictures(platform.lake, domain, built, TODAY, LOG)
    assert broken.metadata[PICTURE].value == "could not be drawn: ZeroDivisionError: no scale"
    assert "gold/air_daily: its picture could not be drawn" in caplog.text
    assert str(whole.metadata[PICTURE].value).startswith("![picture]")


def test_a_picture_sees_its_newest_day_and_the_days_before_it_only(platform: Platform) -> None:
    for day in DAYS:
        drop(platform, f"{day}.csv", day_file(day))
    build(platform)
    seen: list[tuple[list[str], str]] = []

    def draw(rows: pl.DataFrame, newest: date) -> bytes:
        seen.append((sorted({day.isoformat() for day in rows["day"]}), newest.isoformat()))
        return b""

    domain = replace(AIR, pictures={"gold/air_hourly": Picture(draw, before=1)})
    assert len(list(pictures(platform.lake, domain, {("gold/air_hourly", day) for day in DAYS[1:]}, TODAY, LOG))) == 1
    assert list(pictures(platform.lake, domain, {("gold/air_daily", DAYS[0])}, TODAY, LOG)) == []
    assert seen == [(DAYS[1:], DAYS[2])]
