"""The report of a day on gold written by hand: what it says, and what it must not say."""

from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import polars as pl
import pytest

from kaikai_assets.domains.air.configuration import rules
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.domains.air.report import content
from kaikai_assets_tests.domains.air.gold import frame

DAY = date(2025, 3, 30)
"""The clocks of Paris go forward: 23 hours, from 23:00 UTC of the day before."""

SENSORS: list[dict[str, Any]] = [
    {"sensor_id": "S1", "location_name": "Dakar <script>alert(1)</script>", "location_type": "Urban"},
    {"sensor_id": "S2", "location_name": "Paris & Co", "location_type": "Urban", "timezone": "Europe/Paris"},
    {"sensor_id": "S3", "location_name": "Silent", "location_type": "Residential"},
    {"sensor_id": "S4", "location_name": "Bench", "status": "test"},
    {"sensor_id": "S5", "location_name": "Gone", "status": "retired"},
    {"sensor_id": "S6", "location_name": "Not yet", "valid_from": DAY + timedelta(days=1)},
]


def daily(sensor: str, mean: float | None, **more: Any) -> dict[str, Any]:
    complete = {"hours_valid": 24, "hours_expected": 24, "completeness": 1.0, "is_complete": True}
    row = {"sensor_id": sensor, "day": DAY, "sensor_status": "active", "timezone": "Africa/Dakar", "grain": "PT1H"}
    return {**row, "pm25_mean": mean, "pm25_n": 288, **complete, **more}


JUDGED = {"pm25_aqi": 112, "pm25_aqi_uncapped": 112, "pm25_aqi_category": "Unhealthy for Sensitive Groups"}
HALF = {"hours_valid": 17, "completeness": 17 / 23, "hours_expected": 23, "is_complete": False}


def hour(sensor: str, start: datetime, mean: float, **more: Any) -> dict[str, Any]:
    counts = {"pm25_n": 12, "pm25_good_n": 11, "pm25_failed_n": 2, "completeness": 1.0}
    return {"sensor_id": sensor, "day": start.date(), "hour": start, "pm25_mean": mean, **counts, **more}


def at(day: int, of_day: int) -> datetime:
    return datetime(2025, 3, day, of_day, tzinfo=UTC)


RULE = "pm25_hourly_above_35"


def alert(sensor: str, opened: datetime, end: datetime) -> dict[str, Any]:
    row = {"rule": RULE, "severity": "alert", "opened_at": opened, "last_violation_end": end, "n": 1}
    return {**row, "sensor_id": sensor, "peak": 3340.04, "threshold": 35.0}


GOLD = {
    "silver/air_sensors": frame("silver/air_sensors", *SENSORS),
    "gold/air_daily": frame(
        "gold/air_daily",
        daily("S1", 40.04, **JUDGED, exceeds_who_24h=True, pm25_corrected_mean=26.4, correction_version="epa-2021"),
        daily("S2", 9.0, **HALF, timezone="Europe/Paris"),
        daily("S4", 500.0, **JUDGED, exceeds_who_24h=True, sensor_status="test"),
    ),
    "gold/air_hourly": frame(
        "gold/air_hourly",
        hour("S1", at(29, 23), 900.0),
        hour("S1", at(30, 0), 40.0, pm25_nowcast=31.26, pm25_nowcast_aqi=91),
        hour("S1", at(30, 5), 41.0),
        hour("S2", at(29, 22), 900.0),
        hour("S2", at(29, 23), 36.0),
        hour("S2", at(30, 21), 9.5),
        hour("S2", at(30, 22), 900.0),
        hour("S4", at(30, 3), 500.0),
    ),
    "gold/air_zone_daily": frame(
        "gold/air_zone_daily",
        {"day": DAY, "zone": "Urban", "sensors": 1, "sensors_reporting": 2, "pm25_mean": 40.04, "pm25_aqi": 112}
        | {"pm25_aqi_category": "Unhealthy for Sensitive Groups", "rank": 1, "band": "bad"},
    ),
    "gold/air_alerts": frame(
        "gold/air_alerts",
        alert("S1", at(29, 22), at(30, 0)),
        alert("S1", at(30, 0), at(30, 1)),
        alert("S2", at(29, 22), at(30, 0)),
        alert("S4", at(30, 3), at(30, 4)),
    ),
    "gold/air_sensor_health": frame(
        "gold/air_sensor_health",
        {"day": DAY, "sensor_id": "S1", "is_offline": False, "is_degraded": False, "is_drifting": True}
        | {"drift_pct": -34.6},
        {"day": DAY, "sensor_id": "S2", "is_offline": True, "is_degraded": True},
        {"day": DAY - timedelta(days=1), "sensor_id": "S3", "is_offline": True, "is_degraded": True},
    ),
    "silver/air_quarantine": frame(
        "silver/air_quarantine",
        {"kind": "cell", "rule": "out_of_range", "sensor_id": "S1"},
        {"kind": "cell", "rule": "out_of_range", "sensor_id": "S2"},
        {"kind": "cell", "rule": "out_of_range"},
    ),
}
EMPTY = {table: rows.clear() for table, rows in GOLD.items()}


class Page(HTMLParser):
    """Texts of a page: all of it, and cells by table (its caption) and row."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.tables: list[list[list[str]]] = []
        self.text = ""
        self.in_cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.in_cell = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.in_cell:
            self.tables[-1][-1][-1] += data.strip()

    def row(self, *head: str) -> dict[str, str]:
        """The one row of the page that begins so, by the heads of its columns."""
        (found,) = [
            dict(zip(table[0], row, strict=True))
            for table in self.tables
            for row in table[1:]
            if row[: len(head)] == list(head)
        ]
        return found


def html_of(inputs: Mapping[str, pl.DataFrame], day: date) -> str:
    assert AIR.report is not None
    return AIR.report.make(inputs, day)


def page(inputs: Mapping[str, pl.DataFrame]) -> Page:
    return Page(html_of(inputs, DAY))


def with_rows(table: str, *rows: dict[str, Any]) -> dict[str, pl.DataFrame]:
    return {**GOLD, table: frame(table, *rows)}


def test_the_page_needs_nothing_but_itself_and_runs_nothing() -> None:
    html = html_of(GOLD, DAY)
    made = Page(html)
    assert {link.partition(",")[0] for link in made.links} == {"data:image/svg+xml;base64"}
    assert len(made.links) == 3
    assert not made.tags & {"script", "link", "iframe", "object"}
    assert "url(" not in html
    assert "@import" not in html
    assert html_of({name: rows.reverse() for name, rows in GOLD.items()}, DAY) == html


def test_names_from_files_are_text_and_never_markup() -> None:
    made = page(GOLD)
    assert "script" not in made.tags
    assert "Dakar <script>alert(1)</script>" in made.text
    assert "Paris & Co" in made.text


def test_a_sensor_is_shown_with_its_figures_and_a_dash_for_each_that_is_missing() -> None:
    made = page(GOLD)
    dakar = made.row("S1Dakar <script>alert(1)</script>, Urban")
    assert [dakar[name] for name in ("Mean", "AQI", "Category", "> WHO 24 h")] == [
        "40.0",
        "112",
        "Unhealthy for Sensitive Groups",
        "yes",
    ]
    assert (dakar["NowCast"], dakar["Corrected mean"], dakar["Complete"]) == (
        "31.3at 00:00",
        "26.4epa-2021",
        "100\u202f%",
    )
    paris = made.row("S2Paris & Co, Urban")
    assert [paris[name] for name in ("Mean", "AQI", "Category", "> WHO 24 h", "Complete")] == [
        "9.0",
        "–",
        "–",
        "–",
        "73.9\u202f%",
    ]


def test_a_sensor_without_data_is_shown_without_any_zero() -> None:
    silent = page(GOLD).row("S3Silent, Residential")
    assert set(list(silent.values())[1:]) == {"–", "active"}


def test_test_sensors_are_shown_and_not_counted_retired_and_later_ones_are_not_shown() -> None:
    made = page(GOLD)
    assert made.row("S4Bench", "500.0")["Status"] == "test"
    assert "1 of 3sensors with a complete day" in made.text
    assert "112highest AQI, Dakar <script>alert(1)</script>: Unhealthy for Sensitive Groups" in made.text
    assert "1 of 1of these above the WHO 24-hour guideline of 15 µg/m³" in made.text
    assert "Gone" not in made.text
    assert "Not yet" not in made.text


def test_what_is_missing_is_said() -> None:
    made = page(GOLD)
    assert "S2 Paris & Co: 17 of 23 hours are complete" in made.text
    assert "S3 Silent: no data at all on this day." in made.text


def test_hours_and_alerts_are_those_of_each_sensors_local_day() -> None:
    of_day = content.hours(GOLD, DAY).sort("sensor_id", "hour")
    elapsed = [("S1", 0), ("S1", 5), ("S2", 0), ("S2", 22), ("S4", 3)]
    assert of_day.select("sensor_id", "elapsed").rows() == elapsed
    found = content.alerts(GOLD, DAY, rules())
    opened = [("S2", at(29, 22)), ("S1", at(30, 0)), ("S4", at(30, 3))]
    assert found.select("sensor_id", "opened_at").rows() == opened
    assert page(GOLD).row("S1Dakar <script>alert(1)</script>", "active", f"alert: {RULE}")["Peak"] == "3340.0"


def test_alerts_are_counted_where_the_sensor_counts_and_an_hour_of_the_day_violates() -> None:
    made = page(GOLD)
    assert made.row("S4Bench", "test", f"alert: {RULE}")["Peak"] == "3340.0"
    assert "2alerts with a violating hour in the day; test and retired sensors not counted" in made.text
    over_the_day = alert("S2", at(29, 20), at(31, 4)), alert("S1", at(29, 22), at(31, 2))
    still = with_rows("gold/air_alerts", *over_the_day)
    well = {"gold/air_hourly": still["gold/air_hourly"].with_columns(completeness=pl.lit(0.5))}
    assert content.alerts(still, DAY, rules())["sensor_id"].to_list() == ["S2", "S1"]
    assert "0alerts with a violating hour in the day" in page({**still, **well}).text


def test_the_health_of_a_sensor_stands_beside_its_status() -> None:
    made = page(GOLD)
    assert made.row("S1Dakar <script>alert(1)</script>, Urban")["Status"] == "activedrifting -35\u202f%"
    assert made.row("S2Paris & Co, Urban")["Status"] == "activeoffline at the day’s end, degraded"
    assert made.row("S3Silent, Residential")["Status"] == "active"
    assert "silent at its end for over 30 minutes" in made.text


def test_pictures_name_sensors_as_the_registry_did_on_the_day() -> None:
    moved = {"sensor_id": "S1", "location_name": "Thiès", "valid_from": DAY + timedelta(days=1)}
    before = {"sensor_id": "S1", "location_name": "Dakar", "valid_to": DAY + timedelta(days=1)}
    made = page(with_rows("silver/air_sensors", before, moved))
    drawn = [b64decode(link.partition(",")[2]).decode() for link in made.links]
    assert len(drawn) == 3
    assert all("S1 Dakar" in one and "Thiès" not in one for one in drawn)


def test_a_sensor_is_missing_only_where_the_registry_expects_it_on_the_day() -> None:
    later = {"sensor_id": "S7", "location_name": "Tomorrow", "installation_date": DAY + timedelta(days=1)}
    today = {"sensor_id": "S8", "location_name": "Today", "installation_date": DAY}
    made = page(with_rows("silver/air_sensors", *SENSORS, later, today))
    assert "S8 Today: no data at all on this day." in made.text
    assert "Tomorrow" not in made.text


def test_readings_are_counted_by_what_their_checks_found() -> None:
    made = page(GOLD)
    assert list(made.row("S1", "24").values()) == ["S1", "24", "22", "2", "4"]
    assert list(made.row("out_of_range").values()) == ["out_of_range", "cell", "3", "2"]


def test_zones_are_ranked_where_the_registry_has_them_and_said_to_be_missing_where_not() -> None:
    assert page(GOLD).row("Urban")["Band"] == "bad"
    unknown = {"day": DAY, "zone": "Unknown", "sensors": 1, "sensors_reporting": 2, "pm25_mean": 40.0}
    made = page(with_rows("gold/air_zone_daily", unknown))
    assert "No zone is ranked" in made.text
    assert "Unknown" not in made.text


@pytest.mark.parametrize("inputs", [EMPTY, {**EMPTY, "silver/air_sensors": GOLD["silver/air_sensors"]}])
def test_a_day_without_data_says_so(inputs: Mapping[str, pl.DataFrame]) -> None:
    made = page(inputs)
    assert f"There are no readings of PM2.5 for {DAY}." in made.text
    assert "There is no day with data among them." in made.text
    assert "every sensor has a complete day" not in made.text
    nobody = not inputs["silver/air_sensors"].height
    assert ("No sensor is known: none sent anything" in made.text) == nobody
    assert ("S3 Silent: no data at all on this day." in made.text) != nobody
    assert "0.0" not in made.text


def test_definitions_cite_the_rules_that_are_in_use() -> None:
    made = page(GOLD)
    assert "epa-2021, for airgradient: US EPA" in made.text
    assert "WHO global air quality guidelines 2021" in made.text
    assert "time zones here: Africa/Dakar, Europe/Paris" in made.text
    assert "No sensor of this day has one." in page(EMPTY).text


def test_hours_are_told_by_the_clock_of_the_sensor_also_where_the_day_has_25() -> None:
    day, last = date(2025, 10, 26), datetime(2025, 10, 26, 22, tzinfo=UTC)
    inputs = {
        "gold/air_daily": frame("gold/air_daily", {"sensor_id": "S1", "day": day, "timezone": "Europe/Paris"}),
        "gold/air_hourly": frame("gold/air_hourly", {"sensor_id": "S1", "day": day, "hour": last}),
    }
    assert content.hours(inputs, day).select("elapsed", "clock").rows() == [(24, "23:00")]
