"""From a row of any table back to the raw records, in their files as they stand."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaikai_assets.build.steps import Domain
from kaikai_assets.definitions import DOMAINS, build_platform
from kaikai_assets.domains.air.configuration import rule_sets
from kaikai_assets.domains.air.contracts import AlertDays, Measurements
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.landing.sources import SourceError
from kaikai_assets.operations.selection import NoSuchRow
from kaikai_assets.operations.trace import Trace, trace
from kaikai_assets.platform import Platform
from kaikai_assets.quality.contracts import columns, metrics
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.product import build, drop, table
from kaikai_assets_tests.landing.making import MAKERS, PACKERS

HEADER = "sensor_id,timestamp,pm25,temperature,humidity,co2"
MEASURED = HEADER.split(",")[2:]
UNITS = {"csv": "line", "ndjson": "line", "json": "element", "parquet": "row", "xlsx": "row"}
SILVER = "silver/air_measurements"
FLAGS = "silver/air_flags"
OWN = """source: {}
format: csv
grain: {}
match: folder
entity: {{column: id}}
time: {{column: day}}
columns: {{pm25: pm25}}
"""


def deliver(platform: Platform, name: str, *lines: str, header: str = HEADER) -> None:
    drop(platform, name, "\n".join([header, *lines]) + "\n")
    assert not platform.land(AIR).rejected


def hour(day: str = "2025-03-01", at: int = 10, sensor: str = "S1", pm25: float = 20.0) -> list[str]:
    return [f"{sensor},{day}T{at:02}:{minute:02}:00Z,{pm25 + minute},25,50,400" for minute in range(0, 60, 5)]


def told(found: Trace) -> list[tuple[str, int, str]]:
    """Name of the file, number, and role of each record."""
    rows = found.records.select("raw_file", "record", "role").iter_rows()
    return [(Path(raw_file).name, record, role) for raw_file, record, role in rows]


def texts(found: Trace) -> list[str]:
    return found.records["text"].to_list()


def layers(found: Trace) -> dict[str, int]:
    return {layer.table: layer.rows.height for layer in found.layers}


def check_bytes(platform: Platform, found: Trace) -> None:
    """Every shown line stands at its place in a raw file."""
    for file in found.files:
        lines = (platform.settings.raw / file.file.raw_file).read_bytes().split(b"\n")
        for record, line, text in file.records.select("record", "line", "text").iter_rows():
            assert record == line
            assert lines[line - 1].removesuffix(b"\r") == text.encode()


# by example ------------------------------------------------------------------------------------------------------


def test_an_hour_is_traced_to_its_readings_and_each_to_its_line(platform: Platform) -> None:
    deliver(platform, "day.csv", *hour(at=9), *hour(at=10), *hour(at=10, sensor="S2"))
    build(platform)
    found = trace(platform, "gold/air_hourly", {"hour": "2025-03-01 10:00", "sensor_id": "S1"})
    assert layers(found) == {SILVER: 12, FLAGS: 12}
    assert told(found) == [("day.csv", line, "leading") for line in range(14, 26)]
    assert texts(found) == hour(at=10)
    (file,) = found.files
    assert file.header == (1, HEADER)
    assert (file.file.arrival_seq, file.file.source, file.unit) == (1, "kaikai_csv", "line")
    assert found.notes == ()
    check_bytes(platform, found)


def test_a_correction_a_duplicate_and_a_rejected_record_say_what_they_did(platform: Platform) -> None:
    deliver(platform, "first.csv", "S1,2025-03-01T10:00:00Z,10,25,50,400", "S1,2025-03-01T10:05:00Z,x,25,50,400")
    deliver(
        platform,
        "second.csv",
        "S1,2025-03-01T10:00:00Z,12,,,",
        "S1,2025-03-01T10:00:00Z,10,25,50,400",
        "S1,2025-03-01T10:10:00Z,,,,",
        "S1,2025-03-01T11:00:00Z,,,,",
        "S2,2025-03-01T10:10:00Z,,,,",
    )
    build(platform)
    found = trace(platform, "gold/air_hourly", {"hour": "2025-03-01T10:00Z"})
    rows = found.records.select("role", "leads", "outdone", "cells", "reason").rows()
    others = ["temperature", "humidity", "co2"]
    assert rows == [
        ("leading", others, ["pm25"], [], None),
        ("leading", others, [], ["pm25: not_a_number"], None),
        ("leading", ["pm25"], [], [], None),
        ("absorbed", [], ["pm25"], [], None),
        ("rejected", [], [], [], "no_metric: no metric is filled"),
    ]
    assert [record for _, record, _ in told(found)] == [2, 3, 2, 3, 4]
    of_pm25 = trace(platform, "gold/air_hourly", {"hour": "2025-03-01T10:00Z"}, "pm25_mean")
    assert texts(of_pm25) == ["S1,2025-03-01T10:00:00Z,12,,,"]
    assert layers(of_pm25) == {SILVER: 1}


def test_flags_are_traced_to_the_reading_that_they_are_of(platform: Platform) -> None:
    deliver(platform, "a.csv", *hour())
    build(platform)
    found = trace(platform, "silver/air_flags", {"time": "2025-03-01T10:05Z"}, "pm25_qc")
    assert layers(found) == {SILVER: 1}
    assert texts(found) == hour()[1:2]


def test_content_that_was_rejected_before_is_absorbed_as_in_the_accounts(platform: Platform) -> None:
    deliver(platform, "first.csv", "S1,2025-03-01T10:00:00Z,1,,,", "S1,2025-03-01T10:10:00Z,,,,")
    deliver(platform, "second.csv", "S1,2025-03-01T10:10:00Z,,,,")
    build(platform)
    found = trace(platform, "gold/air_hourly", {"sensor_id": "S1"})
    assert [role for _, _, role in told(found)] == ["leading", "rejected", "absorbed"]
    (account,) = platform.ledger.targets.accounts("air")
    assert (account.leading, account.rejected, account.absorbed) == (1, 1, 1)


def test_a_day_is_traced_over_its_hours_by_the_local_day_of_its_sensor(platform: Platform) -> None:
    registry = "sensor_id,location_name,location_type,latitude,longitude,installation_date,timezone"
    deliver(platform, "kaikai_sensors/s.csv", "S1,A,,14,-17,,Asia/Tokyo", "S2,B,,14,-17,,", header=registry)
    deliver(platform, "day.csv", *[line for at in (14, 15, 20) for line in hour(at=at)], *hour(at=15, sensor="S2"))
    deliver(platform, "next.csv", *hour("2025-03-02", at=14), *hour("2025-03-02", at=15))
    build(platform)
    found = trace(platform, "gold/air_daily", {"day": "2025-03-02", "sensor_id": "S1"})
    assert layers(found) == {"gold/air_hourly": 3, SILVER: 36, FLAGS: 36, "silver/air_sensors": 1}
    assert texts(found) == ["S1,A,,14,-17,,Asia/Tokyo", *hour(at=15), *hour(at=20), *hour("2025-03-02", at=14)]


def test_a_zone_is_traced_to_the_days_of_its_sensors(platform: Platform) -> None:
    registry = "sensor_id,location_name,location_type,latitude,longitude,installation_date,timezone,status"
    sites = [f"{name},A,{zone},14,-17,,{tz},{status}" for name, zone, tz, status in (
        ("S1", "Urban", "Asia/Tokyo", ""), ("S2", "Urban", "", ""),
        ("S3", "Rural", "", ""), ("S4", "Urban", "", "test"),
    )]  # fmt: skip
    deliver(platform, "kaikai_sensors/s.csv", *sites, header=registry)
    deliver(platform, "before.csv", *hour("2025-02-28", at=20), *hour("2025-02-28", at=20, sensor="S2"))
    deliver(platform, "day.csv", *[line for n in (1, 2, 3, 4) for line in hour(sensor=f"S{n}")])
    build(platform)
    found = trace(platform, "gold/air_zone_daily", {"day": "2025-03-01", "zone": "Urban"})
    # It is the first of March in Tokyo before it is in Dakar.
    assert layers(found)["gold/air_daily"] == 2
    expected = [*hour("2025-02-28", at=20), *hour(), *hour(sensor="S2")]
    assert sorted(found.records.filter(pl.col("source") == "kaikai_csv")["text"]) == sorted(expected)


def test_a_sensor_that_moves_has_two_of_that_day_each_of_its_own_hours(platform: Platform) -> None:
    registry = "sensor_id,location_name,location_type,latitude,longitude,installation_date,timezone,valid_from"
    deliver(
        platform,
        "kaikai_sensors/s.csv",
        "S1,A,,14,-17,,Africa/Dakar,",
        "S1,B,,35,139,,Asia/Tokyo,2025-03-02",
        header=registry,
    )
    deliver(platform, "a.csv", *[line for at in (1, 20, 21) for line in hour(at=at)], *hour("2025-03-02", at=1))
    build(platform)
    moved = trace(platform, "gold/air_daily", {"day": "2025-03-02"})
    assert moved.row.rows["timezone"].to_list() == ["Asia/Tokyo"]
    assert moved.records.filter(pl.col("source") == "kaikai_csv")["text"].to_list() == hour("2025-03-02", at=1)
    before = trace(platform, "gold/air_daily", {"day": "2025-03-01"})
    assert layers(before)["gold/air_hourly"] == 3
    assert [name for name, _, _ in told(before)] == ["s.csv"] + ["a.csv"] * 36


def test_an_hour_of_two_grains_is_traced_to_the_one_that_it_was_made_of(platform: Platform) -> None:
    folder = platform.settings.data / "sources" / "air"
    folder.mkdir(parents=True)
    (folder / "hours.yaml").write_text(OWN.format("hours", "PT1H"), encoding="utf-8")
    whole, odd = "S1,2025-03-01T10:00:00Z,17", "S1,2025-03-01T10:30:00Z,18"
    deliver(platform, "hours/h.csv", whole, odd, header="id,day,pm25")
    deliver(platform, "day.csv", *hour())
    build(platform)
    found = trace(platform, "gold/air_hourly", {"sensor_id": "S1"})
    assert found.row.rows["grain"].to_list() == ["instant"]
    assert texts(found) == hour()
    # A rejected record of the other grain would not have been part of the day either.
    assert texts(trace(platform, "gold/air_daily", {"sensor_id": "S1"})) == hour()
    of_whole = trace(platform, SILVER, {"grain": "PT1H"})
    assert texts(of_whole) == [whole]
    assert texts(trace(platform, "silver/air_quarantine", {"rule": "time_off_grain"})) == [odd]


def test_a_day_as_delivered_is_traced_to_its_one_record_and_not_to_hours(platform: Platform) -> None:
    folder = platform.settings.data / "sources" / "air"
    folder.mkdir(parents=True)
    (folder / "days.yaml").write_text(OWN.format("days", "P1D"), encoding="utf-8")
    deliver(platform, "days/d.csv", "S1,2025-03-01,17", "S1,2025-03-02,18", header="id,day,pm25")
    deliver(platform, "day.csv", *hour()[:3])
    build(platform)
    found = trace(platform, "gold/air_daily", {"day": "2025-03-01", "sensor_id": "S1"})
    assert layers(found) == {SILVER: 1}
    assert texts(found) == ["S1,2025-03-01,17"]


HOURLY = "pm25_hourly_above_35"
OF_HOURS = {"rule_set": "kaikai-v1", "rule": HOURLY}


def test_an_alert_over_midnight_is_traced_through_both_days(platform: Platform) -> None:
    high = [*hour(at=22, pm25=90), *hour(at=23, pm25=95), *hour("2025-03-02", at=0, pm25=99)]
    deliver(platform, "a.csv", *hour(at=21, pm25=1), *high, *hour("2025-03-02", at=1, pm25=1))
    build(platform)
    (alert,) = table(platform, "gold/air_alerts").filter(rule=HOURLY)["alert_id"]
    found = trace(platform, "gold/air_alerts", {"alert_id": alert}, "peak")
    assert layers(found) == {"gold/air_alert_days": 2, "gold/air_hourly": 3, SILVER: 36}
    assert texts(found) == high
    traced = [("peak",), ("pm25_mean", "completeness"), ("pm25", "covered_min")]
    assert [layer.traced for layer in found.layers] == traced
    assert (
        texts(trace(platform, "gold/air_alert_days", OF_HOURS | {"day": "2025-03-02", "state": "violating"}))
        == high[24:]
    )
    of_readings = {"rule": "pm25_reading_above_35", "opened_at": "2025-03-01T21:35:00Z"}
    found = trace(platform, "gold/air_alerts", of_readings, "peak")
    assert layers(found) == {"gold/air_alert_days": 2, SILVER: 41}
    assert texts(found) == [*hour(at=21, pm25=1)[7:], *high]


def test_a_gap_within_an_alert_is_no_part_of_it(platform: Platform) -> None:
    incomplete = hour(at=11, pm25=90)[:3]
    deliver(platform, "a.csv", *hour(at=10, pm25=90), *incomplete, *hour(at=12, pm25=90))
    build(platform)
    found = trace(platform, "gold/air_alerts", {"sensor_id": "S1", "rule": HOURLY})
    assert found.row.rows["n"].to_list() == [2]
    assert layers(found) == {"gold/air_alert_days": 1, "gold/air_hourly": 2, SILVER: 24, FLAGS: 24}


def test_what_stands_in_the_quarantine_is_traced_to_the_line_where_it_came_first(platform: Platform) -> None:
    deliver(platform, "a.csv", "S1,2025-03-01T10:00:00Z,x,25,50,400", ",2025-03-01T10:05:00Z,1,,,", "S1,2025")
    build(platform)
    cell = trace(platform, "silver/air_quarantine", {"kind": "cell"})
    assert texts(cell) == ["S1,2025-03-01T10:00:00Z,x,25,50,400"]
    assert cell.records.select("role", "cells").rows() == [("leading", ["pm25: not_a_number"])]
    record = trace(platform, "silver/air_quarantine", {"rule": "no_entity"})
    assert record.records.select("role", "text").rows() == [("rejected", ",2025-03-01T10:05:00Z,1,,,")]
    damaged = trace(platform, "silver/air_quarantine", {"rule": "damaged_record"})
    assert damaged.records.select("role", "text").rows() == [("rejected", "S1,2025")]
    assert texts(trace(platform, "bronze/air_measurements", {"record": "4"})) == ["S1,2025"]


def test_a_period_of_the_registry_is_traced_to_the_lines_that_describe_it(platform: Platform) -> None:
    registry = "sensor_id,location_name,location_type,latitude,longitude,installation_date"
    deliver(platform, "kaikai_sensors/a.csv", "S1,A,Urban,14,-17,", "S2,B,Urban,95,-17,", header=registry)
    deliver(platform, "kaikai_sensors/b.csv", "S1,A2,Urban,14,-17,", "S1,A,Urban,14,-17,", ",C,,,,", header=registry)
    build(platform)
    found = trace(platform, "silver/air_sensors", {"sensor_id": "S1"})
    assert [role for _, _, role in told(found)] == ["leading", "leading", "absorbed"]
    assert texts(found)[1] == "S1,A2,Urban,14,-17,"
    assert texts(trace(platform, "silver/air_sensors", {"sensor_id": "S1", "valid_from": ""}, "location_name")) == [
        "S1,A2,Urban,14,-17,"
    ]
    bad = trace(platform, "silver/air_sensors_quarantine", {"column": "latitude"})
    assert texts(bad) == ["S2,B,Urban,95,-17,"]
    assert texts(trace(platform, "silver/air_sensors_quarantine", {"rule": "no_entity"})) == [",C,,,,"]


@pytest.mark.parametrize("form", MAKERS)
def test_readings_of_every_format_are_traced_also_when_packed(platform: Platform, form: str) -> None:
    folder = platform.settings.data / "sources" / "air"
    folder.mkdir(parents=True)
    (folder / "own.yaml").write_text(OWN.format("own", "instant").replace("csv", form), encoding="utf-8")
    written = {}
    for packing, pack in PACKERS.items():
        sensor = f"S{packing}"
        rows = [{"id": sensor, "day": f"2025-03-01T10:0{minute}:00Z", "pm25": f"{minute}.5"} for minute in range(3)]
        drop(platform, f"own/{sensor}.{form}{packing}", pack(MAKERS[form](rows)))
        header = ["id,day,pm25"] if form == "csv" else []
        written[sensor] = [*header, *(",".join(row.values()) if form == "csv" else json.dumps(row) for row in rows)]
    assert not platform.land(AIR).rejected
    build(platform)
    for sensor, lines in written.items():
        found = trace(platform, "gold/air_hourly", {"sensor_id": sensor}, "pm25_mean")
        (file,) = found.files
        assert (file.unit, file.problem) == (UNITS[form], None)
        assert [*([file.header[1]] if file.header else []), *texts(found)] == lines


# what cannot be shown --------------------------------------------------------------------------------------------


def raw_file(platform: Platform, name: str) -> Path:
    return next(platform.settings.raw.rglob(name))


def test_a_raw_file_that_is_gone_or_edited_is_named_and_the_rest_is_shown(platform: Platform) -> None:
    for at, name in enumerate(["gone.csv", "edited.csv", "here.csv"]):
        deliver(platform, name, hour()[at])
    build(platform)
    raw_file(platform, "gone.csv").unlink()
    edited = raw_file(platform, "edited.csv")
    edited.chmod(0o644)
    edited.write_text(edited.read_text().replace("25.0", "99.0"))
    found = trace(platform, "gold/air_hourly", {"sensor_id": "S1"})
    assert [file.problem for file in found.files] == [
        "the file is gone",
        "its bytes are not those that landed",
        None,
    ]
    assert texts(found) == [None, None, hour()[2]]
    assert [role for _, _, role in told(found)] == ["leading"] * 3


def test_a_registry_file_that_is_gone_leaves_a_note(platform: Platform) -> None:
    registry = "sensor_id,location_name,location_type,latitude,longitude,installation_date"
    deliver(platform, "kaikai_sensors/a.csv", "S1,A,Urban,14,-17,", header=registry)
    deliver(platform, "kaikai_sensors/b.csv", "S1,B,Urban,14,-17,", header=registry)
    build(platform)
    raw_file(platform, "b.csv").unlink()
    found = trace(platform, "silver/air_sensors", {"sensor_id": "S1"})
    assert texts(found) == ["S1,A,Urban,14,-17,"]
    (note,) = found.notes
    assert "b.csv: the file is gone; what it says of the registry is not known" in note


def test_a_source_without_a_description_is_named(platform: Platform) -> None:
    description = platform.settings.data / "sources" / "air" / "own.yaml"
    description.parent.mkdir(parents=True)
    description.write_text(OWN.format("own", "PT1H"), encoding="utf-8")
    deliver(platform, "own/a.csv", "S1,2025-03-01T10:00:00Z,1", header="id,day,pm25")
    build(platform)
    description.unlink()
    with pytest.raises(SourceError, match="source 'own' has no description any more"):
        trace(platform, "gold/air_hourly", {"sensor_id": "S1"})


def test_a_row_that_is_not_built_from_all_that_landed_says_so(platform: Platform) -> None:
    deliver(platform, "a.csv", *hour())
    build(platform)
    deliver(platform, "b.csv", *hour(at=11))
    found = trace(platform, "gold/air_hourly", {"sensor_id": "S1"})
    assert found.notes[0] == "gold/air_hourly 2025-03-01 is pending: not built from all that is known now"
    assert texts(found) == hour()


def test_the_names_under_which_the_same_content_came_again_are_told(platform: Platform) -> None:
    deliver(platform, "a.csv", *hour())
    deliver(platform, "copies/b c.csv", *hour())
    build(platform)
    (file,) = trace(platform, "gold/air_hourly", {"sensor_id": "S1"}).files
    assert [name for name, _ in file.again] == ["copies/b c.csv"]


# which row -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "key", "column", "message"),
    [
        ("gold/air_nope", {}, None, r"no table 'gold/air_nope'; there are: bronze/air_measurements, silver/"),
        (
            "gold/air_hourly",
            {"sensor": "S1"},
            None,
            r"no column 'sensor'; its key is day, sensor_id, hour; its columns",
        ),
        ("gold/air_hourly", {"hour": "noon"}, None, r"hour is of type Datetime.*, which 'noon' is not"),
        ("gold/air_hourly", {"day": "2025-02-30"}, None, r"day is of type Date, which '2025-02-30' is not"),
        ("gold/air_hourly", {"pm25_n": "x"}, None, r"pm25_n is of type Int64, which 'x' is not"),
        ("gold/air_daily", {"is_complete": "maybe"}, None, r"is_complete is of type Boolean, which 'maybe' is not"),
        ("gold/air_hourly", {"sensor_id": "S9"}, None, r"no row with sensor_id=S9; its key is day, sensor_id, hour"),
        ("gold/air_hourly", {"sensor_id": "S1", "hour": "2025-03-01T10:00"}, "x", r"no column 'x'"),
        ("gold/air_hourly", {"sensor_id": "S1", "hour": "2025-03-01T10:00"}, "grain", r"made of no measured value"),
    ],
)
def test_a_key_that_names_no_row_is_answered_with_what_there_is(
    platform: Platform, of: str, key: dict[str, str], column: str | None, message: str
) -> None:
    deliver(platform, "a.csv", *hour())
    build(platform)
    with pytest.raises(NoSuchRow, match=message):
        trace(platform, of, key, column)


def test_several_rows_are_listed_by_what_tells_them_apart(platform: Platform) -> None:
    deliver(platform, "a.csv", *[line for at in range(12) for line in hour(at=at)[:1]])
    build(platform)
    with pytest.raises(NoSuchRow) as error:
        trace(platform, "gold/air_hourly", {"sensor_id": "S1"})
    first, second, *_, last = str(error.value).splitlines()
    assert first == "gold/air_hourly has 12 rows with sensor_id=S1:"
    assert second == "  day=2025-03-01 hour=2025-03-01T00:00:00Z"
    assert last == "  ... and 2 more"


# every domain ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=list(DOMAINS))
def test_every_table_of_a_domain_says_what_its_rows_are_made_of(domain: Domain) -> None:
    for name, contract in domain.contracts.items():
        names = {column.name for column in columns(contract)}
        assert name in domain.spans or name == domain.registry or {"raw_file", "record"} <= names, name
        if name in domain.spans:
            assert set(domain.spans[name].by) <= names


def test_the_columns_of_alerts_are_made_of_the_metrics_of_the_rules() -> None:
    of = {column.name: column for column in columns(AlertDays)}
    judged = {condition.metric for rules in rule_sets() for rule in rules.rules for condition in rule.all}
    assert set(of["peak"].made_of) == judged


# by property -----------------------------------------------------------------------------------------------------


@contextmanager
def fresh() -> Iterator[Platform]:
    folder = Path(tempfile.mkdtemp())
    try:
        yield build_platform(Settings(data=folder, settle_s=0))
    finally:
        shutil.rmtree(folder)


times = st.builds("2025-03-0{}T{:02}:{:02}:00Z".format, st.integers(1, 2), st.sampled_from([0, 23]), st.integers(0, 2))
cells = st.sampled_from(["1", "36.5", "40", "600", "", "NA", "-1", "x", "9999", "1e3"])
readings = st.builds(",".join, st.tuples(st.sampled_from(["S1", "S2"]), times, cells, cells, st.just("50"), cells))
damaged = st.sampled_from(["S1", '"S1,2025-03-01T00:00:00Z,1,2,3,4', ",,,,,", "S1,,1,1,1,1"])
files = st.lists(st.lists(readings | readings | readings | damaged, min_size=1, max_size=8), min_size=1, max_size=4)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files, st.booleans())
def test_the_traced_lines_recompute_every_figure(deliveries: list[list[str]], again: bool) -> None:
    with fresh() as platform:
        for number, lines in enumerate([*deliveries, *(deliveries[:1] if again else [])]):
            deliver(platform, f"kaikai_csv/{number}.csv", *lines)
        assert build(platform).failed == {}
        for row in table(platform, SILVER).to_dicts():
            key = {name: str(row[name]) for name in ("day", "grain", "sensor_id", "time")}
            found = trace(platform, SILVER, key)
            check_bytes(platform, found)
            values = {
                metric: float(line.split(",")[HEADER.split(",").index(metric)])
                for leads, line in found.records.select("leads", "text").iter_rows()
                for metric in leads
            }
            stored = {metric.name: row[metric.name] for metric in metrics(Measurements)}
            assert values == {metric: value for metric, value in stored.items() if value is not None}
        for row in table(platform, "gold/air_hourly").to_dicts():
            key = {name: str(row[name]) for name in ("day", "sensor_id", "hour")}
            for metric in MEASURED:
                if not row[f"{metric}_n"]:
                    continue
                led = trace(platform, "gold/air_hourly", key, f"{metric}_mean")
                check_bytes(platform, led)
                at = HEADER.split(",").index(metric)
                said = [float(line.split(",")[at]) for line in texts(led)]
                assert len(said) == row[f"{metric}_n"]
                assert sum(said) / len(said) == pytest.approx(row[f"{metric}_mean"], abs=1e-6)
