"""Sound CSV: what is read is what Python's csv module reads, record by record, with the right line numbers."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st

from kaikai_assets.landing.csv_files import Header, csv_header, read_csv
from kaikai_assets.landing.unpack import UnreadableFile
from kaikai_assets_tests.landing.making import LIMIT, described, put

SEPARATORS = st.sampled_from([",", ";", "\t", "|"])
# The strange ones are what other programs take for line ends, blanks, marks or the end of a text.
CHARACTERS = st.sampled_from([*'aé1 "\n\r,;\t|', "\r\n", "😀", "#", "\x00", "\x1e", "\x85", "\u2028", "\ufeff", "\\"])
CELLS = st.lists(CHARACTERS, max_size=4).map("".join)


def read(path: Path, *columns: str, separator: str = ",") -> pl.DataFrame:
    source = described(separator=separator)
    return pl.concat(read_csv(path, source, csv_header(path, source, LIMIT), list(columns), LIMIT))


@dataclass(frozen=True)
class Written:
    """A file as Python's csv module writes it, and the line each of its records stands on."""

    text: str
    names: list[str]
    rows: list[list[str]]
    lines: list[int]
    separator: str

    @property
    def found(self) -> list[tuple[object, ...]]:
        return [(line, None, None, *row) for line, row in zip(self.lines, self.rows, strict=True)]


@st.composite
def tables(draw: st.DrawFn, cells: st.SearchStrategy[str] = CELLS) -> Written:
    width = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=width), max_size=6))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    separator = draw(SEPARATORS)
    # With \n as line end, the writer leaves a lone \r unquoted, which its own reader takes for a line end.
    spare = draw(st.booleans()) and (end == "\r\n" or not any("\r" in cell for row in rows for cell in row))
    buffer = io.StringIO(newline="")
    writer = csv.writer(
        buffer, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_MINIMAL if spare else csv.QUOTE_ALL
    )
    names = [f"column {position}" for position in range(width)]
    lines = []
    for number, row in enumerate([names, *rows]):
        buffer.write(end * draw(st.sampled_from([0, 0, 0, 1, 2])))
        if number:
            lines.append(buffer.getvalue().count("\n") + 1)
        writer.writerow(row)
    buffer.write(end * draw(st.sampled_from([0, 0, 2])))
    text = buffer.getvalue()
    if draw(st.booleans()):
        text = text.removesuffix(end)
    return Written(text, names, rows, lines, separator)


def csv_rows(written: Written) -> list[list[str]]:
    reader = csv.reader(io.StringIO(written.text, newline=""), delimiter=written.separator, strict=True)
    return [row for row in reader if row][1:]


@tried(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=tables(), mark=st.booleans())
def test_every_table_is_read_as_the_csv_module_reads_it(tmp_path: Path, written: Written, mark: bool) -> None:
    path = put(tmp_path / "x.csv", ("\ufeff" if mark else "") + written.text)
    assert csv_rows(written) == written.rows
    assert read(path, *written.names, separator=written.separator).rows() == written.found


@tried(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=tables())
def test_a_damaged_record_changes_nothing_of_those_before_it(tmp_path: Path, written: Written) -> None:
    # It also makes sure that the file is read line by line, as the one before need not be.
    text = written.text if written.text.endswith("\n") else written.text + "\n"
    path = put(tmp_path / "x.csv", f"{text}1{written.separator * len(written.names)}")
    found = read(path, *written.names, separator=written.separator)
    assert found.rows()[:-1] == written.found
    assert found["defect"][-1] == f"{len(written.names) + 1} fields for {len(written.names)} columns"
    assert found["record"][-1] == text.count("\n") + 1


@tried(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=tables(), data=st.data())
def test_any_columns_can_be_asked_for_in_any_order(tmp_path: Path, written: Written, data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.sampled_from(written.names), unique=True))
    path = put(tmp_path / "x.csv", written.text)
    found = read(path, *wanted, separator=written.separator)
    positions = [written.names.index(name) for name in wanted]
    assert found.columns == ["record", "defect", "text", *wanted]
    assert found.rows() == [(*row[:3], *(row[3 + at] for at in positions)) for row in written.found]


def test_the_types_do_not_depend_on_what_stands_in_the_file(tmp_path: Path) -> None:
    schema = {"record": pl.Int64, "defect": pl.String, "text": pl.String, "b": pl.String}
    for content in ["a,b\n", "a,b\n1,2\n", "a,b\n1\n", "a,b\n\n\n", 'a,b\n1,"2\n3"\n']:
        assert dict(read(put(tmp_path / "x.csv", content), "b").schema) == schema


@pytest.mark.parametrize("content", ["a,b\n", "a,b", "\ufeffa,b\r\n", "\n\na,b\n\n\n"])
def test_a_header_alone_is_a_file_of_no_records(tmp_path: Path, content: str) -> None:
    assert read(put(tmp_path / "x.csv", content), "a", "b").height == 0


@pytest.mark.parametrize("content", ["", "\n", "\r\n\r\n", "\ufeff", "  \n"])
def test_a_file_without_a_header_is_refused_as_empty(tmp_path: Path, content: str) -> None:
    with pytest.raises(UnreadableFile, match="empty file"):
        csv_header(put(tmp_path / "x.csv", content), described(), LIMIT)


def test_names_are_read_without_outer_blanks_and_may_be_blank_more_than_once(tmp_path: Path) -> None:
    path = put(tmp_path / "x.csv", '\n \n" a ", b ,,\r\n1,2,3,4\r\n')
    assert csv_header(path, described(), LIMIT) == Header(["a", "b", "", ""], 3)
    assert read(path, "b", "a").rows() == [(4, None, None, "2", "1")]


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="header repeats column 'a'"):
        csv_header(put(tmp_path / "x.csv", "a,b, a\n"), described(), LIMIT)


@pytest.mark.parametrize("content", ['"a\nb",c\n', 'a,"b"c\n', "a,b\rc,d\r"])
def test_a_header_that_is_not_csv_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(UnreadableFile, match="header is not CSV"):
        csv_header(put(tmp_path / "x.csv", content), described(), LIMIT)


@pytest.mark.parametrize("cell", ["NA", "null", "NaN", "-999", "", " ", "007", "1e5", "true", "#N/A", "'", "a\\b"])
def test_a_cell_keeps_its_text_whatever_it_looks_like(tmp_path: Path, cell: str) -> None:
    assert read(put(tmp_path / "x.csv", f"a,b\n1,{cell}\n{cell},2\n"), "a", "b").rows() == [
        (2, None, None, "1", cell),
        (3, None, None, cell, "2"),
    ]


def test_a_mark_at_the_start_of_the_first_record_is_its_own(tmp_path: Path) -> None:
    assert read(put(tmp_path / "x.csv", "a,b\n\ufeff1,2\n"), "a").rows() == [(2, None, None, "\ufeff1")]


@pytest.mark.parametrize("tail", ["", "3\n"], ids=["sound", "beside a damaged record"])
def test_a_cell_may_be_longer_than_the_csv_module_allows(tmp_path: Path, tail: str) -> None:
    long = "x" * 200_000
    found = read(put(tmp_path / "x.csv", f"a,b\n1,{long}\n{tail}"), "b")
    assert found["b"][0] == long


def test_a_file_without_line_ends_is_refused_before_it_is_gathered(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="line 2 is longer than"):
        read(put(tmp_path / "x.csv", b"a,b\n" + b"1" * (1 << 25)), "a")


def test_many_records_keep_their_order_and_lines(tmp_path: Path) -> None:
    n = 200_000
    path = put(tmp_path / "x.csv", "a,b\n" + "".join(f"{i},\n" for i in range(n)))
    found = read(path, "a")
    assert found["record"].to_list() == list(range(2, n + 2))
    assert found["a"].to_list() == [str(i) for i in range(n)]


@pytest.mark.parametrize("name", ["a b.csv", "data[1].csv", "what?.csv", "*.csv", "line\nbreak.csv", "é.csv", "~.csv"])
def test_the_name_of_the_file_means_nothing(tmp_path: Path, name: str) -> None:
    put(tmp_path / "data1.csv", "a,b\nwrong,file\n")
    assert read(put(tmp_path / name, "a,b\n1,2\n"), "a").rows() == [(2, None, None, "1")]


def test_the_name_of_the_file_need_not_be_text(tmp_path: Path) -> None:
    path = Path(f"{tmp_path}/mesure_\udce9.csv")
    assert read(put(path, "a,b\n1,2\n"), "a").rows() == [(2, None, None, "1")]
