from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st

from kaikai_assets.landing.readers import read_records
from kaikai_assets.landing.table_files import read_parquet, read_xlsx
from kaikai_assets.landing.unpack import UnreadableFile
from kaikai_assets_tests.landing.making import LIMIT, described, parquet_of, put, workbook, xlsx_of

NOON = datetime(2025, 3, 1, 12, 30, 15, 250000)  # noqa: DTZ001 - a table's own naive time
ROW = {"id": "s1", "time": "2025-03-01T06:05:00Z", "pm25": "1.5"}


def parquet(tmp_path: Path, frame: pl.DataFrame) -> pl.DataFrame:
    path = tmp_path / "x.parquet"
    frame.write_parquet(path)
    return read_parquet(path, LIMIT)


def xlsx(tmp_path: Path, *rows: Sequence[object] | None) -> pl.DataFrame:
    return read_xlsx(put(tmp_path / "x.xlsx", workbook({"one": rows})), None, LIMIT)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (pl.Series(["Médina"]), "Médina"),
        (pl.Series([0.1]), "0.1"),
        (pl.Series([0.1], dtype=pl.Float32), "0.1"),
        (pl.Series([1e-7]), "1e-7"),
        (pl.Series([0.30000000000000004]), "0.30000000000000004"),
        (pl.Series([float("nan")]), "NaN"),
        (pl.Series([2**63 - 1]), "9223372036854775807"),
        (pl.Series([True]), "true"),
        (pl.Series([NOON]), "2025-03-01T12:30:15.250000"),
        (pl.Series([NOON], dtype=pl.Datetime("ms")), "2025-03-01T12:30:15.250000"),
        (pl.Series([NOON], dtype=pl.Datetime("ns")), "2025-03-01T12:30:15.250000"),
        (pl.Series([NOON.replace(tzinfo=ZoneInfo("UTC"))]), "2025-03-01T12:30:15.250000+00:00"),
        (pl.Series([NOON.replace(tzinfo=ZoneInfo("Europe/Paris"))]), "2025-03-01T12:30:15.250000+01:00"),
        (pl.Series([date(2025, 3, 1)]), "2025-03-01"),
        (pl.Series([time(6, 5)]), "06:05:00"),
        (pl.Series([timedelta(seconds=90)]), "PT1M30S"),
        (pl.Series(["a"], dtype=pl.Categorical), "a"),
        (pl.Series(["1.50"]).str.to_decimal(scale=2), "1.50"),
        (pl.Series([None], dtype=pl.Null), None),
    ],
)
def test_a_value_of_parquet_has_the_text_that_says_it_exactly(
    tmp_path: Path, column: pl.Series, text: str | None
) -> None:
    found = parquet(tmp_path, pl.DataFrame({"v": column.extend_constant(None, 1)}))
    assert found.rows() == [(1, None, None, text), (2, None, None, None)]


@tried(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.floats(), min_size=1, max_size=20))
def test_a_float_of_parquet_is_its_own_text(tmp_path: Path, values: list[float]) -> None:
    found = parquet(tmp_path, pl.DataFrame({"v": values}))
    assert found["v"].cast(pl.Float64).equals(pl.Series("v", values))


def test_columns_that_hold_no_single_values_are_left_out(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": ["x"], "list": [[1]], "struct": [{"a": 1}], "bytes": [b"x"]})
    assert parquet(tmp_path, frame).columns == ["record", "defect", "text", "a"]


def test_columns_that_nobody_asks_for_may_have_any_name(tmp_path: Path) -> None:
    rows = [ROW | {"record": "7", "text": "t", "defect": "d"}]
    path = put(tmp_path / "x.parquet", parquet_of(rows))
    assert read_records(path, described(format="parquet"), LIMIT).rows() == [(1, None, None, *ROW.values())]
    path = put(tmp_path / "x.xlsx", workbook({"one": [list(row) for row in (rows[0], rows[0].values())]}))
    assert read_records(path, described(format="xlsx"), LIMIT).rows() == [(2, None, None, *ROW.values())]


def test_parquet_without_rows_is_a_file_of_no_records(tmp_path: Path) -> None:
    assert parquet(tmp_path, pl.DataFrame({"a": []}, schema={"a": pl.String})).height == 0


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"PAR1" * 10, b"not a table"])
def test_what_is_not_parquet_is_refused(tmp_path: Path, damage: bytes) -> None:
    with pytest.raises(UnreadableFile, match="not Parquet"):
        read_parquet(put(tmp_path / "x.parquet", damage), LIMIT)


def test_parquet_whose_texts_are_not_utf8_is_refused(tmp_path: Path) -> None:
    latin = pa.array(["Thiès".encode("latin-1")], pa.binary())
    table = pa.table({"id": pa.Array.from_buffers(pa.utf8(), 1, latin.buffers())})
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(UnreadableFile, match=r"not Parquet: .*UTF8"):
        read_parquet(tmp_path / "x.parquet", LIMIT)


# Made once: a workbook holds the instant at which it was made.
WHOLE = {"parquet": parquet_of([ROW] * 50), "xlsx": xlsx_of([ROW] * 50)}


@tried(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), form=st.sampled_from(sorted(WHOLE)))
def test_a_damaged_table_is_read_or_refused_and_never_anything_else(
    tmp_path: Path, data: st.DataObject, form: str
) -> None:
    whole = WHOLE[form]
    content = bytearray(whole)
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=4)):
        content[at] ^= data.draw(st.integers(1, 255))
    content = content[: data.draw(st.sampled_from([len(whole), len(whole), len(whole) // 2, len(whole) - 1]))]
    path = put(tmp_path / f"x.{form}", bytes(content))
    try:
        columns = read_records(path, described(format=form), LIMIT).columns
    except UnreadableFile:
        return
    assert columns == ["record", "defect", "text", *ROW]


def test_a_workbook_is_read_row_by_row_and_its_empty_rows_are_no_records(tmp_path: Path) -> None:
    found = xlsx(
        tmp_path,
        ["id", "time", "pm25"],
        ["s1", NOON, 1.5],
        [None, None, None],
        ["s2", "2025-03-01", 25.0],
        ["  ", "", None],
        ["s3", date(2025, 3, 2), None],
        [None, None, None],
        *[[None, " ", None]] * 800,
    )
    assert found.rows() == [
        (2, None, None, "s1", "2025-03-01 12:30:15.250", "1.5"),
        (4, None, None, "s2", "2025-03-01", "25"),
        (6, None, None, "s3", "2025-03-02 00:00:00", None),
    ]


def test_empty_rows_above_the_header_do_not_shift_the_row_numbers(tmp_path: Path) -> None:
    found = xlsx(tmp_path, None, None, ["id", "v"], None, ["s1", 1])
    assert found.rows() == [(5, None, None, "s1", "1")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        ("0.10", "0.10"),
        (42.0, "42"),
        (12345678901234, "12345678901234"),
        (0.1 + 0.2, "0.3"),
        (-0.5, "-0.5"),
    ],
)
def test_a_cell_has_the_text_a_person_would_write(tmp_path: Path, value: object, text: str) -> None:
    assert xlsx(tmp_path, ["id", "v"], ["s1", value])["v"].to_list() == [text]


def test_names_of_a_sheet_are_read_without_outer_blanks_and_columns_without_name_are_left_out(tmp_path: Path) -> None:
    found = xlsx(tmp_path, [" id ", None, 2024], ["s1", "x", 1, "beyond the header"])
    assert found.columns == ["record", "defect", "text", "id", "2024"]
    assert found.rows() == [(2, None, None, "s1", "1")]


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="header repeats column 'id'"):
        xlsx(tmp_path, ["id", "id "], ["s1", "s2"])


def test_a_header_alone_is_a_file_of_no_records(tmp_path: Path) -> None:
    assert xlsx(tmp_path, ["id", "v"]).height == 0


def test_an_empty_sheet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="empty sheet"):
        xlsx(tmp_path)


def test_the_described_sheet_is_read(tmp_path: Path) -> None:
    path = put(tmp_path / "x.xlsx", workbook({"one": [["a"], ["1"]], "two": [["a"], ["2"]]}))
    assert read_xlsx(path, None, LIMIT)["a"].to_list() == ["1"]
    assert read_xlsx(path, "two", LIMIT)["a"].to_list() == ["2"]
    with pytest.raises(UnreadableFile, match=r'not a readable workbook: .*"three"'):
        read_xlsx(path, "three", LIMIT)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"not a workbook"])
def test_what_is_no_workbook_is_refused(tmp_path: Path, damage: bytes) -> None:
    with pytest.raises(UnreadableFile, match="not a readable workbook"):
        read_xlsx(put(tmp_path / "x.xlsx", damage), None, LIMIT)
