from pathlib import Path
from typing import Any

import pytest
import yaml

from kaikai_assets.landing.sources import SourceError, read_source, read_sources
from kaikai_assets_tests.landing.making import PLAIN, described, put

WIDE = """
source: station
description: Ten columns.
format: csv
kind: readings
grain: PT5M
entity: {column: "Location ID", prefix: "AG-"}
time: {column: "UTC Date/Time", formats: [iso, "%d/%m/%Y %H:%M"], timezone: Africa/Dakar}
columns:
  pm25: "PM2.5 (μg/m³) raw"
  temperature: {from: "Temperature (°F)", unit: degF}
missing: ["", "NA", "-999"]
separator: ";"
decimal: ","
encoding: latin-1
"""
LONG = """
source: log
format: ndjson
entity: {from_name: "(\\\\d+)"}
time: {column: at}
long:
  parameter: parameter
  value: value
  parameters:
    pm25: pm25
    um003: {metric: pm003_count, unit: "1/l"}
    pm2.5: pm25
"""


def bad(changes: dict[str, Any], *removed: str) -> dict[str, Any]:
    return {key: value for key, value in (PLAIN | changes).items() if key not in removed}


def test_a_wide_description_says_all_that_stands_in_it(tmp_path: Path) -> None:
    source = read_source(put(tmp_path / "station.yaml", WIDE))
    assert source.entity.column == "Location ID"
    assert source.entity.prefix == "AG-"
    assert source.time is not None
    assert source.time.formats == ("iso", "%d/%m/%Y %H:%M")
    assert source.columns["temperature"].unit == "degF"
    assert source.columns["pm25"].unit is None
    assert source.fills == ("pm25", "temperature")
    assert source.required == ("Location ID", "UTC Date/Time", "PM2.5 (μg/m³) raw", "Temperature (°F)")
    assert (source.separator, source.decimal, source.encoding) == (";", ",", "iso8859-1")


def test_a_long_description_fills_each_metric_once(tmp_path: Path) -> None:
    source = read_source(put(tmp_path / "log.yaml", LONG))
    assert source.fills == ("pm25", "pm003_count")
    assert source.required == ("at", "parameter", "value")
    assert source.identifying == ("at",)
    assert source.grain == "instant"


@pytest.mark.parametrize("name", ["utf-8", "UTF8", "utf_8", "utf-8-sig"])
def test_utf8_has_one_name_however_it_is_written(name: str) -> None:
    assert described(encoding=name).encoding == "utf-8"


BAD: list[tuple[str, dict[str, Any]]] = [
    ("source", bad({}, "source")),
    ("source", bad({"source": "../raw"})),
    ("source", bad({"source": "a b"})),
    ("format", bad({"format": "xml"})),
    ("format", bad({}, "format")),
    ("kind", bad({"kind": "events"})),
    ("grain", bad({"grain": "5 minutes"})),
    ("grain", bad({"grain": "PT0M"})),
    ("match", bad({"match": "never"})),
    ("entity", bad({}, "entity")),
    ("entity", bad({"entity": {}})),
    ("entity", bad({"entity": {"column": "id", "from_name": "(x)"}})),
    ("entity.column", bad({"entity": {"column": ""}})),
    ("entity.column", bad({"entity": {"column": "record"}})),
    ("entity.from_name", bad({"entity": {"from_name": "([a-z"}})),
    ("entity.from_name", bad({"entity": {"from_name": "[a-z]+"}})),
    ("entity.collumn", bad({"entity": {"column": "id", "collumn": "id"}})),
    ("time.column", bad({"time": {"formats": ["iso"]}})),
    ("time.formats", bad({"time": {"column": "time", "formats": []}})),
    ("time.formats.1", bad({"time": {"column": "time", "formats": ["iso", "%Y-%m"]}})),
    ("time.formats", bad({"time": {"column": "time", "formats": "iso"}})),
    ("time.timezone", bad({"time": {"column": "time", "timezone": "Africa/Dakkar"}})),
    ("time.relative_to", bad({"time": {"column": "time", "relative_to": "2025-01-01", "unit": "s"}})),
    ("time.unit", bad({"time": {"column": "time", "relative_to": "2025-01-01T00:00:00Z", "unit": "days"}})),
    ("time", bad({"time": {"column": "time", "relative_to": "2025-01-01T00:00:00Z"}})),
    ("time", bad({"time": {"column": "time", "unit": "s"}})),
    ("time", bad({"time": {"column": "time", "formats": ["iso"], "relative_to": "2025-01-01T00:00:00Z", "unit": "s"}})),
    ("columns.pm25", bad({"columns": {"pm25": 5}})),
    ("columns.pm25", bad({"columns": {"pm25": {"unit": "ppm"}}})),
    ("columns.pm25.from.0", bad({"columns": {"pm25": ""}})),
    ("columns.pm25.from.1", bad({"columns": {"pm25": ["pm25", "text"]}})),
    ("columns.pm25", bad({"columns": {"pm25": []}})),
    ("columns.pm25.units", bad({"columns": {"pm25": {"from": "pm25", "units": "ppm"}}})),
    ("columns", bad({"columns": ["pm25"]})),
    ("long.value", bad({"long": {"parameter": "p", "parameters": {"a": "b"}}}, "columns")),
    ("long.parameters", bad({"long": {"parameter": "p", "value": "v", "parameters": {}}}, "columns")),
    ("missing.1", bad({"missing": ["", -999]})),
    ("separator", bad({"separator": ""})),
    ("separator", bad({"separator": ", "})),
    ("separator", bad({"separator": "é"})),
    ("separator", bad({"separator": '"'})),
    ("separator", bad({"separator": "\n"})),
    ("decimal", bad({"decimal": ";"})),
    ("encoding", bad({"encoding": "utf-9"})),
    ("encoding", bad({"encoding": "base64"})),
    ("colums", bad({"colums": {"pm25": "pm25"}})),
]


@pytest.mark.parametrize(("field", "content"), BAD, ids=[f"{i}-{field}" for i, (field, _) in enumerate(BAD)])
def test_a_bad_field_is_named_with_its_file(tmp_path: Path, field: str, content: dict[str, Any]) -> None:
    path = put(tmp_path / "plain.yaml", yaml.safe_dump(content, allow_unicode=True))
    with pytest.raises(SourceError) as refused:
        read_source(path)
    assert str(refused.value).startswith(f"{path}: {field}: ")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (bad({}, "time"), "a source of readings needs `time`"),
        (bad({}, "columns"), "give `columns` (wide layout) or `long` (long layout), not both"),
        (bad({"long": {"parameter": "p", "value": "v", "parameters": {"a": "b"}}}), "not both"),
        ([], "Input should be"),
        (None, "Input should be"),
    ],
)
def test_fields_that_do_not_go_together_are_named_with_their_file(tmp_path: Path, content: Any, reason: str) -> None:
    path = put(tmp_path / "plain.yaml", yaml.safe_dump(content))
    with pytest.raises(SourceError) as refused:
        read_source(path)
    assert str(path) in str(refused.value)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("source: [plain", "not valid YAML"),
        ("source: plain\nsource: other\n", "'source' is given twice"),
        ("columns:\n  pm25: a\n  pm25: b\n", "'pm25' is given twice"),
        ("source: !!python/object/apply:os.getcwd []\n", "not valid YAML"),
        ("source: café\n".encode("latin-1"), "cannot be read"),
        ("", "(whole file)"),
    ],
)
def test_a_file_that_is_no_description_is_named(tmp_path: Path, content: str | bytes, reason: str) -> None:
    path = put(tmp_path / "plain.yaml", content)
    with pytest.raises(SourceError) as refused:
        read_source(path)
    assert str(path) in str(refused.value)
    assert reason in str(refused.value)


def test_a_snapshot_needs_no_time(tmp_path: Path) -> None:
    content = bad({"kind": "snapshot"}, "time")
    assert read_source(put(tmp_path / "plain.yaml", yaml.safe_dump(content))).identifying == ("id",)


def test_a_description_must_have_the_name_of_its_file(tmp_path: Path) -> None:
    put(tmp_path / "other.yaml", yaml.safe_dump(PLAIN))
    with pytest.raises(SourceError, match=r"other\.yaml: source: is 'plain', must be the file's name 'other'"):
        read_sources([tmp_path])


def test_a_later_folder_replaces_a_description_and_adds_others(tmp_path: Path) -> None:
    for folder, source, grain in [("a", "plain", "PT5M"), ("b", "plain", "PT1H"), ("b", "more", "P1D")]:
        content = yaml.safe_dump(PLAIN | {"source": source, "grain": grain})
        put(tmp_path / folder / f"{source}.yaml", content)
    put(tmp_path / "b" / "notes.txt", "not a description")
    found = read_sources([tmp_path / "a", tmp_path / "b", tmp_path / "missing"])
    assert {name: source.grain for name, source in found.items()} == {"plain": "PT1H", "more": "P1D"}


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_members_of_objects_are_optional_but_the_identifying_ones(form: str) -> None:
    source = described(format=form)
    assert source.missing_from(["id", "time"]) == []
    assert source.missing_from(["pm25", "id"]) == ["time"]


def test_every_mapped_column_of_a_table_is_needed() -> None:
    assert described().missing_from(["pm25", "id", "extra"]) == ["time"]


def test_of_a_column_with_several_names_one_must_be_there() -> None:
    source = described(columns={"pm25": ["pm25", "pm2.5", "PM25"]})
    assert source.mapped == ("id", "time", "pm25", "pm2.5", "PM25")
    assert source.required == ("id", "time", "pm25")
    for name in ("pm25", "pm2.5", "PM25"):
        assert source.missing_from(["id", "time", name]) == []
    assert source.missing_from(["id", "time", "pm10"]) == ["pm25"]
    optional = described(columns={"pm25": {"from": ["pm25", "pm2.5"], "optional": True}})
    assert optional.missing_from(["id", "time"]) == []
