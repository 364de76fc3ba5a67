"""A landed file as bronze rows, and the days that landing counted before."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kaikai_assets.landing.days import count_days
from kaikai_assets.landing.parse import parse
from kaikai_assets.landing.sources import Source
from kaikai_assets_tests.landing.making import LIMIT, MAKERS, PACKERS, described, put

ARRIVED = datetime(2025, 3, 2, 8, 0, 0, 123456, tzinfo=UTC)
TODAY = ARRIVED.date()
FIRST = date(2020, 1, 1)
TIMES = {
    "2025-02-28T23:59:59Z": date(2025, 2, 28),
    "2025-03-01T00:00:00Z": date(2025, 3, 1),
    "2025-03-01T01:00:00+02:00": date(2025, 2, 28),
    "2025-03-01 23:59:59.999999": date(2025, 3, 1),
    "2020-01-01T00:00:00Z": date(2020, 1, 1),
    "2025-03-03T23:59:59Z": date(2025, 3, 3),
    "2019-12-31T23:59:59Z": TODAY,
    "2025-03-04T00:00:00Z": TODAY,
    "1970-01-01T00:00:00Z": TODAY,
    "0001-01-01T00:00:00Z": TODAY,
    "9999-12-31T23:59:59Z": TODAY,
    "soon": TODAY,
    "": TODAY,
}
ROWS = [{"id": f"s{n}", "time": time, "pm25": str(n)} for n, time in enumerate(TIMES)]
EXPECTED = {day: list(TIMES.values()).count(day) for day in sorted(set(TIMES.values()))}


def parsed(path: Path, source: Source, *metrics: str) -> pl.DataFrame:
    pieces = parse(
        path,
        source,
        entity="sensor",
        metrics=metrics or ("pm25",),
        raw_file="air/plain/x/x.csv",
        arrival_seq=7,
        arrived_at=ARRIVED,
        first_day=FIRST,
        max_bytes=LIMIT,
    )
    return pl.concat(pieces)


def counted(path: Path, source: Source) -> dict[date, int]:
    return count_days(path, source, first_day=FIRST, arrived_at=ARRIVED, max_bytes=LIMIT)


def by_day(rows: pl.DataFrame) -> dict[date, int]:
    return dict(rows.group_by("day").len().sort("day").iter_rows())


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("form", MAKERS)
def test_bronze_rows_lie_on_the_days_that_landing_counted(tmp_path: Path, form: str, packed: str) -> None:
    path, source = put(tmp_path / f"x.{form}{packed}", PACKERS[packed](MAKERS[form](ROWS))), described(format=form)
    rows = parsed(path, source)
    assert counted(path, source) == by_day(rows) == EXPECTED
    assert rows.select("day", "sensor", "pm25").rows() == [
        (day, row["id"], row["pm25"]) for day, row in zip(TIMES.values(), ROWS, strict=True)
    ]
    assert rows["time"].fill_null("").to_list() == list(TIMES)


def test_damaged_records_lie_on_their_day_where_the_time_can_be_read_and_else_on_the_arrival_day(
    tmp_path: Path,
) -> None:
    content = 'id,time,pm25\ns1,2025-02-01T00:00:00Z\ns2,2025-02-02T00:00:00Z,1,2\ns3,"2025-02-03\ns4\n'
    path = put(tmp_path / "x.csv", content)
    rows = parsed(path, described())
    assert rows["day"].to_list() == [date(2025, 2, 1), date(2025, 2, 2), TODAY, TODAY]
    assert rows["text"].to_list() == content.splitlines()[1:]
    assert counted(path, described()) == by_day(rows)


def test_bad_lines_of_json_lie_on_the_arrival_day(tmp_path: Path) -> None:
    path = put(tmp_path / "x.ndjson", '{"id": 1, "time": "2025-02-01"}\n{"id": 2\n42\n{"id": 3}\n')
    source = described(format="ndjson")
    assert parsed(path, source)["day"].to_list() == [date(2025, 2, 1), TODAY, TODAY, TODAY]
    assert counted(path, source) == by_day(parsed(path, source))


def test_a_row_says_where_it_comes_from(tmp_path: Path) -> None:
    row = parsed(put(tmp_path / "x.csv", "pm25,id,extra,time\n1.50, s1 ,x,2025-03-01T06:05:00+01:00\n"), described())
    assert row.row(0, named=True) == {
        "day": date(2025, 3, 1),
        "source": "plain",
        "raw_file": "air/plain/x/x.csv",
        "record": 2,
        "arrival_seq": 7,
        "arrived_at": ARRIVED,
        "event_time": datetime(2025, 3, 1, 5, 5, tzinfo=UTC),
        "defect": None,
        "text": None,
        "parameter": None,
        "pm25": "1.50",
        "sensor": " s1 ",
        "time": "2025-03-01T06:05:00+01:00",
    }


def test_metrics_that_the_source_does_not_fill_are_null(tmp_path: Path) -> None:
    rows = parsed(put(tmp_path / "x.csv", "id,time,pm25\ns1,,1\n"), described(), "pm25", "co2")
    assert rows.select("pm25", "co2").rows() == [("1", None)]
    assert rows.schema["co2"] == pl.String


@pytest.mark.parametrize("form", MAKERS)
def test_an_optional_column_that_a_file_lacks_is_null(tmp_path: Path, form: str) -> None:
    columns = {"pm25": "pm25", "co2": {"from": "CO2", "optional": True}}
    path, source = put(tmp_path / "x", MAKERS[form](ROWS)), described(format=form, columns=columns)
    rows = parsed(path, source, "pm25", "co2")
    assert rows["co2"].null_count() == len(ROWS)
    assert rows["pm25"].to_list() == [row["pm25"] for row in ROWS]
    path = put(tmp_path / "x", MAKERS[form]([row | {"CO2": "400"} for row in ROWS]))
    assert set(parsed(path, source, "pm25", "co2")["co2"]) == {"400"}


def test_an_arrival_is_of_its_utc_day_wherever_the_clock_stands(tmp_path: Path) -> None:
    path = put(tmp_path / "x.csv", "id,time,pm25\ns1,never,1\n")
    late = datetime(2025, 3, 2, 23, tzinfo=timezone(timedelta(hours=-5)))
    limits: dict[str, Any] = {"first_day": FIRST, "arrived_at": late, "max_bytes": LIMIT}
    rows = parse(path, described(), entity="sensor", metrics=["pm25"], raw_file="x", arrival_seq=1, **limits)
    assert count_days(path, described(), **limits) == {date(2025, 3, 3): 1} == by_day(pl.concat(rows))


LONG: dict[str, Any] = {
    "columns": {},
    "long": {
        "parameter": "what",
        "value": "value",
        "parameters": {"pm25": "pm25", "PM2.5": "pm25", "co2": {"metric": "co2", "unit": "ppb"}},
    },
}


def test_a_long_record_fills_the_metric_of_its_parameter(tmp_path: Path) -> None:
    content = "id,time,what,value\ns1,,pm25,1\ns1,, PM2.5 ,2\ns1,,co2,3\ns1,,rain,4\ns1,,,5\n"
    rows = parsed(put(tmp_path / "x.csv", content), described(**LONG), "pm25", "co2", "humidity")
    assert rows.select("parameter", "pm25", "co2", "humidity").rows() == [
        ("pm25", "1", None, None),
        ("PM2.5", "2", None, None),
        ("co2", None, "3", None),
        ("rain", None, None, None),
        ("", None, None, None),
    ]
    assert counted(tmp_path / "x.csv", described(**LONG)) == {TODAY: 5}


def test_the_entity_may_stand_in_the_name_only(tmp_path: Path) -> None:
    source = described(entity={"from_name": r"station[ _](\d+)"})
    rows = parsed(put(tmp_path / "station_042.csv", "time,pm25\n,1\n,2\n"), source)
    assert rows["sensor"].to_list() == ["042", "042"]


def test_a_file_without_records_makes_no_rows_and_no_days(tmp_path: Path) -> None:
    path = put(tmp_path / "x.csv", "id,time,pm25\n")
    assert counted(path, described()) == {}
    assert parsed(path, described()).height == 0
    assert parsed(path, described()).schema["event_time"] == pl.Datetime("us", "UTC")


def test_all_records_of_a_snapshot_count_for_the_arrival_day(tmp_path: Path) -> None:
    source = described(kind="snapshot", time=None, columns={"name": "name"})
    path = put(tmp_path / "x.csv", "id,name\ns1,a\ns2,b\n\n")
    assert counted(path, source) == {TODAY: 2}


@pytest.mark.parametrize("form", list(MAKERS))
def test_of_a_column_with_several_names_the_first_that_is_filled_counts(tmp_path: Path, form: str) -> None:
    rows: list[dict[str, str | None]] = [
        {"id": "a", "time": "2025-03-01", "pm25": "1", "pm2.5": ""},
        {"id": "b", "time": "2025-03-01", "pm25": " ", "pm2.5": "2"},
        {"id": "c", "time": "2025-03-01", "pm25": "3", "pm2.5": "4"},
        {"id": "d", "time": "2025-03-01", "pm25": "", "pm2.5": ""},
    ]
    if form in ("json", "ndjson"):
        # A name with a dot is a path there.
        rows = [{("pm2_5" if name == "pm2.5" else name): value for name, value in row.items()} for row in rows]
    path = put(tmp_path / f"file.{form}", MAKERS[form](rows))
    source = described(format=form, columns={"pm25": ["pm25", "pm2_5" if form in ("json", "ndjson") else "pm2.5"]})
    assert parsed(path, source, "pm25")["pm25"].to_list() == ["1", "2", "3", None]


def test_numbers_since_an_instant_are_times_in_landing_and_in_bronze(tmp_path: Path) -> None:
    texts = ["0", "-0", " 3600 ", "0.25", "", "soon", "nan", "1e300"]
    content = "id,time,pm25\n" + "".join(f"a,{text},1\n" for text in texts)
    path = put(tmp_path / "file.csv", content)
    source = described(time={"column": "time", "relative_to": "2025-03-01T23:00:00-01:00", "unit": "s"})
    start = datetime(2025, 3, 2, tzinfo=UTC)
    expected = [start, start, start + timedelta(hours=1), start + timedelta(milliseconds=250)]
    assert parsed(path, source, "pm25")["event_time"].to_list() == [*expected, None, None, None, None]
    counted = count_days(path, source, first_day=FIRST, arrived_at=ARRIVED, max_bytes=LIMIT)
    assert counted == {TODAY: len(texts)}
    earlier = described(time={"column": "time", "relative_to": "2025-03-01T23:00:00Z", "unit": "min"})
    found = count_days(path, earlier, first_day=FIRST, arrived_at=ARRIVED, max_bytes=LIMIT)
    assert found == {date(2025, 3, 1): 3, TODAY: 5}
