"""Every record is leading, absorbed or rejected; a lost or an invented one is noticed where it belongs."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kaikai_assets.quality.conservation import ConservationError, account, verify
from kaikai_assets.quality.merge import merge

DAYS = [date(2025, 1, 1), date(2025, 1, 2)]
KEY = ["day", "entity"]
ROW = {
    "day": pl.Date,
    "source": pl.String,
    "entity": pl.String,
    "raw_file": pl.String,
    "arrival_seq": pl.Int64,
    "record": pl.Int64,
}
Rows = list[dict[str, Any]]


def row(number: int, day: date = DAYS[0], source: str = "a", entity: str = "S1", arrival: int = 1) -> dict[str, Any]:
    return {
        "day": day,
        "source": source,
        "entity": entity,
        "raw_file": f"{arrival}.csv",
        "arrival_seq": arrival,
        "record": number,
    }


def frame(rows: Rows) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=ROW)


def rows_of(usable: Rows) -> Rows:
    """What usable records become."""
    return merge(frame(usable).with_columns(ahead=pl.lit(False)), KEY, []).rows.select(list(ROW)).to_dicts()


@dataclass
class Books:
    """Records on their way; nothing is missing as long as nobody touches them."""

    bronze: Rows
    usable: Rows
    merged: Rows
    rejected: Rows
    repeated: Rows
    landed: Rows

    def accounts(self) -> pl.DataFrame:
        aside = [
            frame(of).with_columns(repeated=pl.lit(r)) for of, r in ((self.rejected, False), (self.repeated, True))
        ]
        return account(frame(self.bronze), frame(self.usable), frame(self.merged), KEY, pl.concat(aside))

    def verify(self) -> None:
        verify(self.accounts(), frame(self.landed).group_by("day", "source").agg(landed=pl.len().cast(pl.Int64)))


def books(usable: Rows, rejected: Rows, repeated: Rows) -> Books:
    bronze = usable + rejected + repeated
    return Books(list(bronze), usable, rows_of(usable), rejected, repeated, list(bronze))


def test_records_are_counted_by_day_and_source() -> None:
    usable = [row(1), row(2), row(1, source="b", arrival=2, entity="S2"), row(3, DAYS[1])]
    found = books(usable, [row(4)], [row(5), row(2, source="b", arrival=2)]).accounts()
    assert found.columns == ["day", "source", "records", "leading", "absorbed", "rejected"]
    assert found.rows() == [
        (DAYS[0], "a", 4, 1, 2, 1),
        (DAYS[0], "b", 2, 1, 1, 0),
        (DAYS[1], "a", 1, 1, 0, 0),
    ]


def test_a_record_absorbed_by_a_row_of_another_source_counts_for_its_own() -> None:
    found = books([row(1), row(1, source="b", arrival=2)], [], []).accounts()
    assert found.rows() == [(DAYS[0], "a", 1, 1, 0, 0), (DAYS[0], "b", 1, 0, 1, 0)]


def test_a_source_without_any_record_left_is_still_compared_with_what_landed() -> None:
    gone = books([row(1)], [], [])
    gone.bronze, gone.usable, gone.merged = [], [], []
    with pytest.raises(ConservationError, match="2025-01-01, a: 1 records landed, 0 in bronze"):
        gone.verify()


def test_records_that_never_landed_are_noticed() -> None:
    invented = books([row(1)], [], [])
    invented.landed = []
    with pytest.raises(ConservationError, match="2025-01-01, a: 0 records landed, 1 in bronze"):
        invented.verify()


def test_the_message_gives_all_counts_of_the_earliest_wrong_day() -> None:
    wrong = books([row(1), row(2), row(1, DAYS[1])], [row(3)], [])
    wrong.merged = []
    with pytest.raises(ConservationError) as error:
        wrong.verify()
    assert str(error.value) == ("2025-01-01, a: 3 records landed, 3 in bronze, 0 leading + 0 absorbed + 1 rejected")


def test_a_row_put_in_the_place_of_another_is_noticed_though_their_number_is_right() -> None:
    swapped = books([row(1), row(2, entity="S2")], [], [])
    swapped.merged[1] = row(9, entity="S9")
    with pytest.raises(ConservationError, match="2025-01-01, a"):
        swapped.verify()


def test_an_invented_row_is_noticed_though_other_records_were_absorbed() -> None:
    more = books([row(1), row(2)], [], [])
    more.merged.append(row(9, entity="S9"))
    with pytest.raises(ConservationError, match="2025-01-01, a"):
        more.verify()


@st.composite
def kept_books(draw: st.DrawFn) -> Books:
    kinds: dict[str, Rows] = {"usable": [], "rejected": [], "repeated": []}
    for number in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(["usable", "usable", "usable", "rejected", "repeated"]))
        # A file has one source.
        arrival = draw(st.integers(1, 3))
        entity, day = draw(st.sampled_from(["S1", "S2", "S3"])), draw(st.sampled_from(DAYS))
        kinds[kind].append(row(number, day, "ab"[arrival % 2], entity, arrival))
    return books(**kinds)


@settings(max_examples=150, deadline=None)
@given(kept_books())
def test_books_that_nobody_touched_balance(kept: Books) -> None:
    kept.verify()
    found = kept.accounts()
    assert found.filter(pl.any_horizontal(pl.col("leading", "absorbed", "rejected") < 0)).height == 0
    assert found["leading"].sum() == len({(r["day"], r["entity"]) for r in kept.usable})


@settings(max_examples=400, deadline=None)
@given(kept_books(), st.data())
def test_any_lost_or_invented_record_or_row_is_noticed_with_its_day_and_source(
    kept: Books, data: st.DataObject
) -> None:
    which = data.draw(st.sampled_from(["bronze", "usable", "merged", "rejected", "repeated", "landed"]))
    rows: Rows = getattr(kept, which)
    if data.draw(st.booleans(), label="lost"):
        assume(rows)
        touched = rows.pop(data.draw(st.integers(0, len(rows) - 1)))
    else:
        # A new one, or one that is there already.
        fresh = row(99, data.draw(st.sampled_from(DAYS)), data.draw(st.sampled_from("ab")), "S9", 9)
        touched = data.draw(st.sampled_from([*rows, fresh]))
        # A usable record that is there twice makes the same row, and no other.
        assume(which != "usable" or touched is fresh)
        rows.append(touched)
    if which == "usable":
        kept.merged = rows_of(kept.usable)
    with pytest.raises(ConservationError) as error:
        kept.verify()
    # With a row all records of its key are lost, and they may come from several sources.
    key = (touched["day"], touched["entity"])
    sources = {touched["source"], *(r["source"] for r in kept.bronze if (r["day"], r["entity"]) == key)}
    assert any(str(error.value).startswith(f"{touched['day']}, {source}:") for source in sources)
