"""Days are committed whole, with what they were built from; runs that are in each other's way find out."""

from collections.abc import Callable, ItemsView
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import numpy as np
import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

from kaikai_assets.lake.tables import Build, Conflict, Lake, TypeChanged
from kaikai_assets_tests.lake.writers import SCHEMA, builds, commit_days, contend, contend_whole, day, rows
from kaikai_assets_tests.ledger.processes import at_once

TABLE = "silver/readings"
WHOLE_SCHEMA = {"sensor": pl.String(), "value": pl.Float64()}


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return str(tmp_path / "lake")


@pytest.fixture
def lake(uri: str) -> Lake:
    return Lake(uri)


def stored(lake: Lake, table: str = TABLE) -> dict[int, list[float]]:
    """Values by day number."""
    found = lake.read(table, SCHEMA).sort("day", "sensor")
    numbers = {day(number): number for number in range(400)}
    return {numbers[d]: values for d, values in found.group_by("day", maintain_order=True).agg("value").iter_rows()}


def whole(*values: float) -> pl.DataFrame:
    return pl.DataFrame({"sensor": [f"S{n}" for n in range(len(values))], "value": values}, schema=WHOLE_SCHEMA)


class Interrupted(dict[str, Build]):
    """Builds during whose commit something else happens: after the table was opened, before it is written."""

    def __init__(self, builds: dict[str, Build], meanwhile: Callable[[], object]) -> None:
        super().__init__(builds)
        self._meanwhile = [meanwhile]

    def items(self) -> ItemsView[str, Build]:  # type: ignore[override]
        while self._meanwhile:
            self._meanwhile.pop()()
        return super().items()


# one run ---------------------------------------------------------------------------------------------------------


def test_what_was_committed_is_read_with_its_builds(lake: Lake) -> None:
    frame = rows([0, 1], 1.5, each=2)
    assert lake.commit(TABLE, frame, builds([0], 3, "a") | builds([1], 4, "b")) == set()
    assert_frame_equal(lake.read(TABLE, SCHEMA), frame, check_row_order=False)
    assert lake.builds(TABLE) == {"2025-01-01": Build(3, "a"), "2025-01-02": Build(4, "b")}


def test_a_day_of_many_megabytes_is_written_whole(lake: Lake) -> None:
    random = np.random.default_rng(1)
    frame = pl.DataFrame({"day": [day(0)], "sensor": ["S1"]}).join(
        pl.DataFrame({"value": random.random(500_000)}), how="cross"
    )
    lake.commit(TABLE, frame, builds([0], 1, "a"))
    assert DeltaTable(lake.uri(TABLE)).get_add_actions().column("size_bytes")[0].as_py() > 3 << 20
    assert_frame_equal(lake.read(TABLE, SCHEMA), frame, check_row_order=False)


def test_rows_without_any_value_stay_as_many(lake: Lake) -> None:
    nothing = rows([1], 1.0, each=3).select("day", value=pl.lit(None, pl.Float64))
    lake.commit("nothing", nothing, builds([1], 1))
    assert lake.read("nothing", dict(nothing.schema)).equals(nothing)


def test_a_folder_may_be_called_as_people_call_folders(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "Écoles de Saint-Louis, 50% (copie)" / "lake"))
    for value in (1.0, 2.0):
        lake.commit(TABLE, rows([0, 1], value), builds([0, 1], 1, f"{value}"))
    assert stored(lake) == {0: [2.0], 1: [2.0]}
    assert lake.read(TABLE, SCHEMA, [day(1)]).height == 1


def test_all_types_of_contracts_come_back_as_they_were(lake: Lake) -> None:
    at = datetime(2025, 1, 1, 23, 59, 59, 999999, tzinfo=UTC)
    frame = pl.DataFrame(
        {"day": [day(0)] * 2, "at": [at, None], "flag": [9, None], "yes": [True, None], "n": [2**62, None]},
        schema_overrides={"at": pl.Datetime("us", "UTC"), "flag": pl.UInt8},
    )
    lake.commit(TABLE, frame, builds([0], 1))
    assert_frame_equal(lake.read(TABLE, dict(frame.schema)), frame, check_row_order=False)


def test_only_the_committed_days_are_replaced(lake: Lake) -> None:
    lake.commit(TABLE, rows([0, 1, 2], 1.0, each=2), builds([0, 1, 2], 1, "old"))
    lake.commit(TABLE, rows([0, 2], 2.0), builds([0, 2], 2, "new"))
    assert stored(lake) == {0: [2.0], 1: [1.0, 1.0], 2: [2.0]}
    assert [build.digest for _, build in sorted(lake.builds(TABLE).items())] == ["new", "old", "new"]


def test_a_day_without_rows_replaces_the_rows_it_had(lake: Lake) -> None:
    lake.commit(TABLE, rows([0, 1], 1.0), builds([0, 1], 1))
    lake.commit(TABLE, rows([], 0), builds([0], 2))
    assert stored(lake) == {1: [1.0]}
    assert list(lake.builds(TABLE)) == ["2025-01-02"]


def test_rows_of_other_days_than_those_committed_are_not_written(lake: Lake) -> None:
    lake.commit(TABLE, rows([0, 1], 1.0), builds([0, 1], 1))
    lake.commit(TABLE, rows([0, 1, 2], 2.0), builds([0], 1))
    assert stored(lake) == {0: [2.0], 1: [1.0]}


def test_rows_of_days_in_any_order_are_one_file_a_day(lake: Lake, uri: str) -> None:
    mixed = pl.concat([rows([2, 0, 1], 1.0), rows([1, 0, 2], 2.0)])
    lake.commit(TABLE, mixed, builds([0, 1, 2], 1))
    assert [sorted(values) for values in stored(lake).values()] == [[1.0, 2.0]] * 3
    files = pl.DataFrame(DeltaTable(f"{uri}/{TABLE}").get_add_actions())["path"]
    assert sorted(file.split("/")[0] for file in files) == [f"day={day(number)}" for number in range(3)]


def test_a_table_that_was_never_committed_has_no_rows_and_no_builds(lake: Lake) -> None:
    assert_frame_equal(lake.read(TABLE, SCHEMA), rows([], 0))
    assert_frame_equal(lake.read(TABLE, SCHEMA, [day(0)]), rows([], 0))
    assert lake.builds(TABLE) == {}


def test_a_table_whose_first_commit_has_no_rows_exists_and_takes_rows_later(lake: Lake) -> None:
    lake.commit(TABLE, rows([], 0), builds([0], 1))
    assert_frame_equal(lake.read(TABLE, SCHEMA), rows([], 0))
    assert lake.builds(TABLE) == {}
    lake.commit(TABLE, rows([0], 1.0), builds([0], 1))
    assert stored(lake) == {0: [1.0]}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([0, 1, 2, 3], [0, 1, 3]),
        ([1], [1]),
        ([3, 0], [0, 3]),
        ([0, 0, 2], [0]),
        ([2], []),
        ([-5, 90], []),
        ([], []),
    ],
)
def test_days_are_read_alone_with_gaps_and_where_there_are_none(
    lake: Lake, wanted: list[int], found: list[int]
) -> None:
    lake.commit(TABLE, rows([0, 1, 3], 1.0), builds([0, 1, 3], 1))
    read = lake.read(TABLE, SCHEMA, [day(number) for number in wanted])
    assert read.schema == pl.Schema(SCHEMA)
    assert sorted(read["day"]) == [day(number) for number in found]


def test_a_day_of_a_wide_table_keeps_its_build(lake: Lake) -> None:
    # Delta keeps statistics of the first 32 columns only, and the build is read from them.
    wide = rows([0], 1.0).with_columns(pl.lit(n).alias(f"column{n}") for n in range(60))
    lake.commit(TABLE, wide, builds([0], 7, "f" * 32))
    lake.commit(TABLE, wide.with_columns(more=1), builds([0], 8, "e" * 32))
    assert lake.builds(TABLE) == {"2025-01-01": Build(8, "e" * 32)}


def test_a_build_survives_being_written_as_text() -> None:
    build = Build(12, "0af-3")
    assert Build.parse(str(build)) == build
    assert str(Build(9, "z")) < str(Build(10, "a"))


# tables without days ---------------------------------------------------------------------------------------------


def test_a_table_without_days_is_replaced_as_a_whole(lake: Lake) -> None:
    assert lake.commit(TABLE, whole(1.0, 2.0), {"": Build(1, "a")}) == set()
    lake.commit(TABLE, whole(3.0), {"": Build(2, "b")})
    assert_frame_equal(lake.read(TABLE, WHOLE_SCHEMA), whole(3.0))
    assert lake.builds(TABLE) == {"": Build(2, "b")}


def test_a_table_without_days_may_become_empty_and_fill_again(lake: Lake) -> None:
    for values in ((), (1.0,), (), (2.0,)):
        lake.commit(TABLE, whole(*values), {"": Build(1, "a")})
        assert_frame_equal(lake.read(TABLE, WHOLE_SCHEMA), whole(*values))


def test_a_table_without_days_takes_any_new_columns_and_types(lake: Lake) -> None:
    lake.commit(TABLE, whole(1.0), {"": Build(1, "a")})
    other = pl.DataFrame({"value": ["x"], "more": [1]})
    lake.commit(TABLE, other, {"": Build(2, "b")})
    assert_frame_equal(lake.read(TABLE, dict(other.schema)), other)
    assert lake.builds(TABLE) == {"": Build(2, "b")}


# contracts that change -------------------------------------------------------------------------------------------

WIDER = {**SCHEMA, "more": pl.Int64()}


def test_a_column_that_a_newer_contract_adds_is_null_in_older_days(lake: Lake) -> None:
    lake.commit(TABLE, rows([0, 1], 1.0), builds([0, 1], 1))
    assert lake.read(TABLE, WIDER)["more"].to_list() == [None, None]
    lake.commit(TABLE, rows([1, 2], 2.0).with_columns(more=5), builds([1, 2], 2))
    assert lake.read(TABLE, WIDER).sort("day").select("value", "more").rows() == [(1.0, None), (2.0, 5), (2.0, 5)]
    assert lake.builds(TABLE) == builds([0], 1) | builds([1, 2], 2)


def test_a_column_that_a_newer_contract_drops_is_not_asked_of_it(lake: Lake) -> None:
    lake.commit(TABLE, rows([0, 1], 1.0).with_columns(more=5), builds([0, 1], 1))
    lake.commit(TABLE, rows([1], 2.0), builds([1], 1))
    assert stored(lake) == {0: [1.0], 1: [2.0]}
    assert lake.read(TABLE, WIDER).sort("day")["more"].to_list() == [5, None]


def test_columns_are_told_by_name_and_not_by_place(lake: Lake) -> None:
    lake.commit(TABLE, rows([0], 1.0), builds([0], 1))
    lake.commit(TABLE, rows([1], 2.0).select("value", "sensor", "day"), builds([1], 1))
    assert stored(lake) == {0: [1.0], 1: [2.0]}


@pytest.mark.parametrize("changed", [pl.Int64, pl.String, pl.Float32])
def test_another_type_is_refused_before_anything_is_written(lake: Lake, changed: type[pl.DataType]) -> None:
    lake.commit(TABLE, rows([0], 1.0), builds([0], 1))
    with pytest.raises(TypeChanged, match=rf"{TABLE}: value is stored as double, not \w+: remove .*{TABLE} and build"):
        lake.commit(TABLE, rows([0, 1], 2.0).with_columns(pl.col("value").cast(changed)), builds([0, 1], 1))
    assert stored(lake) == {0: [1.0]}


def test_fractions_are_not_cut_off_where_a_column_held_integers(lake: Lake) -> None:
    lake.commit(TABLE, rows([0], 1.0).with_columns(pl.col("value").cast(pl.Int64)), builds([0], 1))
    with pytest.raises(TypeChanged, match="value is stored as long, not double"):
        lake.commit(TABLE, rows([1], 1.5), builds([1], 1))


# several runs ----------------------------------------------------------------------------------------------------


def test_a_part_whose_stored_build_has_seen_more_is_refused_and_the_others_are_committed(lake: Lake) -> None:
    lake.commit(TABLE, rows([0, 1, 2], 1.0), builds([0], 5, "a") | builds([1], 6, "a") | builds([2], 7, "a"))
    assert lake.commit(TABLE, rows([0, 1, 2, 3], 2.0), builds([0, 1, 2, 3], 6, "b")) == {"2025-01-03"}
    assert stored(lake) == {0: [2.0], 1: [2.0], 2: [1.0], 3: [2.0]}
    assert lake.commit(TABLE, rows([2], 3.0), builds([2], 6)) == {"2025-01-03"}
    assert stored(lake)[2] == [1.0]


def test_a_whole_table_is_refused_likewise(lake: Lake) -> None:
    lake.commit(TABLE, whole(1.0), {"": Build(5, "a")})
    assert lake.commit(TABLE, whole(2.0), {"": Build(4, "b")}) == {""}
    assert lake.read(TABLE, WHOLE_SCHEMA)["value"].to_list() == [1.0]


@pytest.mark.parametrize("before", [None, [0], [1], [0, 1]])
@pytest.mark.parametrize("theirs", [[0], [0, 1], [0, 5]])
@pytest.mark.parametrize("mine", [[0], [0, 1], [0, 7]])
def test_a_commit_of_a_day_that_another_run_committed_in_between_is_a_conflict(
    lake: Lake, uri: str, before: list[int] | None, theirs: list[int], mine: list[int]
) -> None:
    if before is not None:
        lake.commit(TABLE, rows(before, 0.0), builds(before, 1))
    expected = {number: [0.0] for number in before or []} | {number: [1.0] for number in theirs}

    def meanwhile() -> None:
        Lake(uri).commit(TABLE, rows(theirs, 1.0), builds(theirs, 2))

    with pytest.raises(Conflict, match=TABLE):
        lake.commit(TABLE, rows(mine, 2.0), Interrupted(builds(mine, 3), meanwhile))
    assert stored(lake) == expected
    # Tried again, it comes after the other.
    assert lake.commit(TABLE, rows(mine, 2.0), builds(mine, 3)) == set()
    assert stored(lake) == expected | {number: [2.0] for number in mine}


def test_a_run_that_tries_again_after_a_conflict_is_refused_where_the_other_has_seen_more(lake: Lake, uri: str) -> None:
    def meanwhile() -> None:
        Lake(uri).commit(TABLE, rows([0], 1.0), builds([0], 9))

    with pytest.raises(Conflict):
        lake.commit(TABLE, rows([0], 2.0), Interrupted(builds([0], 3), meanwhile))
    assert lake.commit(TABLE, rows([0], 2.0), builds([0], 3)) == {"2025-01-01"}
    assert stored(lake) == {0: [1.0]}


@pytest.mark.parametrize("theirs", [[], [1]])
def test_a_day_emptied_or_filled_in_between_is_a_conflict_too(lake: Lake, uri: str, theirs: list[int]) -> None:
    lake.commit(TABLE, rows([0], 0.0), builds([0], 1))

    def meanwhile() -> None:
        Lake(uri).commit(TABLE, rows(theirs, 1.0), builds([0, *theirs], 2))

    with pytest.raises(Conflict):
        lake.commit(TABLE, rows([0, 1], 2.0), Interrupted(builds([0, 1], 3), meanwhile))
    assert stored(lake) == {number: [1.0] for number in theirs}


@pytest.mark.parametrize("before", [None, [], [0]])
def test_other_days_committed_in_between_are_not_in_the_way(lake: Lake, uri: str, before: list[int] | None) -> None:
    if before is not None:
        lake.commit(TABLE, rows(before, 0.0), builds([0], 1))

    def meanwhile() -> None:
        Lake(uri).commit(TABLE, rows([1, 3], 1.0), builds([1, 3], 2))

    lake.commit(TABLE, rows([2], 2.0), Interrupted(builds([2], 1), meanwhile))
    assert stored(lake) == {number: [0.0] for number in before or []} | {1: [1.0], 2: [2.0], 3: [1.0]}


@pytest.mark.parametrize("before", [None, (), (0.0,)])
@pytest.mark.parametrize("theirs", [(), (1.0,)])
def test_any_commit_in_between_is_a_conflict_for_a_table_without_days(
    lake: Lake, uri: str, before: tuple[float, ...] | None, theirs: tuple[float, ...]
) -> None:
    if before is not None:
        lake.commit(TABLE, whole(*before), {"": Build(1, "a")})

    def meanwhile() -> None:
        Lake(uri).commit(TABLE, whole(*theirs), {"": Build(2, "b")})

    with pytest.raises(Conflict, match=TABLE):
        lake.commit(TABLE, whole(2.0, 2.0), Interrupted({"": Build(3, "c")}, meanwhile))
    assert_frame_equal(lake.read(TABLE, WHOLE_SCHEMA), whole(*theirs))


def test_a_column_added_in_between_is_at_worst_a_conflict(lake: Lake, uri: str) -> None:
    lake.commit(TABLE, rows([0], 0.0), builds([0], 1))

    def meanwhile() -> None:
        Lake(uri).commit(TABLE, rows([1], 1.0).with_columns(more=5), builds([1], 1))

    with pytest.raises(Conflict):
        lake.commit(TABLE, rows([2], 2.0), Interrupted(builds([2], 1), meanwhile))
    lake.commit(TABLE, rows([2], 2.0), builds([2], 1))
    assert lake.read(TABLE, WIDER).sort("day")["more"].to_list() == [None, 5, None]


def test_threads_that_commit_the_same_day_leave_the_rows_of_one_of_them(uri: str) -> None:
    Lake(uri).commit(TABLE, rows([0], -1.0), builds([0], 1))
    gate = Barrier(4)

    def commit(value: float) -> bool:
        lake = Lake(uri)
        gate.wait(30)
        try:
            lake.commit(TABLE, rows([0], value, each=3), builds([0], 1, f"{value}"))
        except Conflict:
            return False
        return True

    committed = 0
    for turn in range(5):
        with ThreadPoolExecutor(4) as pool:
            committed += sum(pool.map(commit, [turn * 10.0 + n for n in range(4)]))
        ((_, values),) = stored(Lake(uri)).items()
        assert len(values) == 3
        assert values == [float(Lake(uri).builds(TABLE)["2025-01-01"].digest)] * 3
    assert 5 <= committed == DeltaTable(f"{uri}/{TABLE}").version() - 1


@pytest.mark.parametrize("turn", range(8))
def test_threads_that_make_a_table_at_once_all_commit_their_day(uri: str, turn: int) -> None:
    gate = Barrier(6)

    def commit(number: int) -> None:
        lake = Lake(uri)
        gate.wait(30)
        lake.commit(f"silver/table{turn}", rows([number], 1.0), builds([number], 1))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(commit, range(6)))
    assert stored(Lake(uri), f"silver/table{turn}") == {number: [1.0] for number in range(6)}
    assert DeltaTable(f"{uri}/silver/table{turn}").version() == 6


def test_processes_that_commit_different_days_of_new_tables_at_once_are_never_in_the_way(uri: str) -> None:
    shares = [list(range(start, 16, 4)) for start in range(4)]
    tables = [f"silver/table{n}" for n in range(5)]
    conflicts = at_once(commit_days, [(uri, tables, share, float(n)) for n, share in enumerate(shares)])
    assert conflicts == [0, 0, 0, 0]
    expected = {number: [float(n)] for n, share in enumerate(shares) for number in share}
    assert [stored(Lake(uri), table) for table in tables] == [expected] * 5


def test_processes_that_commit_the_same_days_leave_all_days_to_one_of_them(uri: str) -> None:
    done = at_once(contend, [(uri, TABLE, writer, 6) for writer in range(4)])
    lake = Lake(uri)
    ((value,),) = lake.read(TABLE, SCHEMA).select(pl.col("value").unique()).rows()
    assert stored(lake) == {number: [value] * 3 for number in range(3)}
    assert lake.builds(TABLE) == builds([0, 1, 2], 1, f"{value}")
    assert sum(done) == DeltaTable(f"{uri}/{TABLE}").version()


def test_processes_that_commit_a_whole_table_leave_that_of_one_of_them(uri: str) -> None:
    done = at_once(contend_whole, [(uri, TABLE, writer, 7) for writer in range(4)])
    lake = Lake(uri)
    values = lake.read(TABLE, WHOLE_SCHEMA)["value"].to_list()
    built = lake.builds(TABLE)
    assert values == ([float(built[""].digest)] * 3 if built else [])
    assert sum(done) == DeltaTable(f"{uri}/{TABLE}").version()
