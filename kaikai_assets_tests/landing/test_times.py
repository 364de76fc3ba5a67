from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from kaikai_assets.landing.times import checked_format, checked_zone, to_utc


def read(text: str | None, *formats: str, zone: str = "UTC") -> datetime | None:
    found: datetime | None = to_utc(pl.Series([text], dtype=pl.String), formats or ("iso",), zone)[0]
    return found


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "2025-03-01T06:05:00Z",
        "2025-03-01t06:05:00z",
        "2025-03-01T06:05:00.000Z",
        "2025-03-01 06:05:00Z",
        "2025-03-01 06:05:00+00:00",
        "2025-03-01T07:05:00+01:00",
        "2025-03-01T07:05:00+0100",
        "2025-03-01T07:05:00+01",
        "2025-03-01 00:35:00-05:30",
        "2025-03-01T06:05Z",
        "2025-03-01T08:05+02:00",
        "2025-03-01T06:05:00",
        "2025-03-01 06:05:00",
        "2025-03-01 06:05:00.000000",
        "2025-03-01T06:05",
        "2025-03-01 06:05",
        "20250301T060500Z",
        "20250301T080500+0200",
        "20250301T060500",
        "20250301T0605",
        "  2025-03-01T06:05:00Z\t",
    ],
)
def test_the_spellings_of_iso_name_one_instant(text: str) -> None:
    assert read(text) == utc(2025, 3, 1, 6, 5)


@pytest.mark.parametrize("text", ["2025-03-01", "20250301"])
def test_a_date_is_its_midnight(text: str) -> None:
    assert read(text) == utc(2025, 3, 1)


@pytest.mark.parametrize(
    ("text", "microsecond"), [("06:05:00.5", 500000), ("06:05:00.123456", 123456), ("06:05:00.123456789Z", 123456)]
)
def test_fractions_of_a_second_are_kept_to_the_microsecond(text: str, microsecond: int) -> None:
    assert read(f"2025-03-01T{text}") == utc(2025, 3, 1, 6, 5, 0, microsecond)


def test_a_leap_second_is_the_next_midnight() -> None:
    assert read("2016-12-31T23:59:60Z") == utc(2017, 1, 1)


@pytest.mark.parametrize("text", [None, "", "   ", "garbage", "1740809100", "2025-02-30", "2025-13-01T00:00:00Z"])
def test_what_is_no_time_is_null(text: str | None) -> None:
    assert read(text) is None


@pytest.mark.parametrize("text", ["2025-03-01T06:05:00Zx", "2025-03-01T25:00:00", "2025-03-01T06:05:00+24:00", "12:30"])
def test_what_is_almost_a_time_is_null(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize("year", [1, 1582, 1677, 1970, 2262, 2263, 9999])
@pytest.mark.parametrize("text", ["{:04}-04-12T23:47:17Z", "{:04}-04-12 23:47:17", "{:04}0412T234717Z"])
def test_years_far_from_ours_do_not_wrap(year: int, text: str) -> None:
    assert read(text.format(year)) == utc(year, 4, 12, 23, 47, 17)


@pytest.mark.parametrize("text", ["-0001-01-01 00:00:00", "+10000-01-01T00:00:00Z", "0000-06-01T00:00:00Z"])
def test_years_that_nothing_else_can_hold_are_null(text: str) -> None:
    assert read(text) is None


def test_a_local_time_that_its_zone_moves_out_of_the_calendar_is_null() -> None:
    assert read("0001-01-01 00:00:00", zone="Europe/Paris") is None
    assert read("9999-12-31 23:59:59", zone="America/New_York") is None


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2025-01-15 12:00:00", "Europe/Paris", utc(2025, 1, 15, 11)),
        ("2025-07-15 12:00:00", "Europe/Paris", utc(2025, 7, 15, 10)),
        ("2025-07-15T12:00:00Z", "Europe/Paris", utc(2025, 7, 15, 12)),
        ("2025-07-15T12:00:00+05:45", "Europe/Paris", utc(2025, 7, 15, 6, 15)),
        ("2025-07-15 12:00:00", "Africa/Dakar", utc(2025, 7, 15, 12)),
        ("2025-03-30 03:00:00", "Europe/Paris", utc(2025, 3, 30, 1)),
        ("2025-03-30 01:59:59", "Europe/Paris", utc(2025, 3, 30, 0, 59, 59)),
    ],
)
def test_a_text_without_offset_is_of_the_described_zone(text: str, zone: str, expected: datetime) -> None:
    assert read(text, zone=zone) == expected


@pytest.mark.parametrize("text", ["2025-03-30 02:30:00", "2025-10-26 02:30:00"])
def test_a_local_time_that_the_clocks_skip_or_repeat_is_null(text: str) -> None:
    assert read(text, zone="Europe/Paris") is None
    assert read(text + "+02:00", zone="Europe/Paris") is not None


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("%d/%m/%Y %H:%M", "31/12/2024 23:59", utc(2024, 12, 31, 23, 59)),
        ("%d/%m/%y %H:%M", "31/12/24 23:59", utc(2024, 12, 31, 23, 59)),
        ("%m/%d/%Y %I:%M %p", "12/31/2024 11:59 PM", utc(2024, 12, 31, 23, 59)),
        ("%d-%b-%Y %H:%M:%S", "01-Mar-2025 06:05:00", utc(2025, 3, 1, 6, 5)),
        ("%Y-%m-%dT%H:%M:%S%z", "2025-03-01T06:05:00+0100", utc(2025, 3, 1, 5, 5)),
        ("%d.%m.%Y", "01.03.2025", utc(2025, 3, 1)),
        ("%s", "1740809100", utc(2025, 3, 1, 6, 5)),
    ],
)
def test_described_formats_are_read(form: str, text: str, expected: datetime) -> None:
    assert checked_format(form) == form
    assert read(text, form) == expected
    assert read(f"{text}?", form) is None


def test_seconds_since_the_epoch_have_no_time_zone() -> None:
    assert read("1740809100", "%s", zone="America/New_York") == utc(2025, 3, 1, 6, 5)


def test_formats_are_tried_in_order_and_each_text_takes_the_first_that_fits() -> None:
    texts = ["2025-03-01T06:05:00Z", "03/04/2025 00:00", None, "31/12/2024 23:59", "04/13/2025 00:00", "no"]
    found = to_utc(pl.Series(texts, dtype=pl.String), ("iso", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"), "UTC")
    expected = [utc(2025, 3, 1, 6, 5), utc(2025, 4, 3), None, utc(2024, 12, 31, 23, 59), utc(2025, 4, 13), None]
    assert found.to_list() == expected


def test_no_texts_make_no_instants() -> None:
    assert to_utc(pl.Series([], dtype=pl.String), ("iso",), "Africa/Dakar").to_list() == []


@pytest.mark.parametrize("form", ["%Y-%m", "%H:%M", "%Y-%m-%d %H", "%I:%M %d.%m.%Y", "%Q", "%", "", "plain", "ISO"])
def test_a_format_that_names_no_day_is_refused(form: str) -> None:
    with pytest.raises(ValueError, match="no format of a time"):
        checked_format(form)


@pytest.mark.parametrize("zone", ["", "Mars/Phobos", "Paris", "+25:00"])
def test_a_zone_that_nobody_knows_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        checked_zone(zone)


MINUTE_OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
HOUR_OFFSETS = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))
INSTANTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001

FORMS: dict[str, tuple[Callable[[datetime], str], timedelta]] = {
    "Z": (lambda at: f"{at:%Y-%m-%dT%H:%M:%S.%fZ}", timedelta(microseconds=1)),
    "blank and Z": (lambda at: f"{at:%Y-%m-%d %H:%M:%S.%fZ}", timedelta(microseconds=1)),
    "no offset": (lambda at: f"{at:%Y-%m-%dT%H:%M:%S.%f}", timedelta(microseconds=1)),
    "milliseconds": (lambda at: f"{at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z", timedelta(milliseconds=1)),
    "seconds": (lambda at: f"{at:%Y-%m-%d %H:%M:%S}", timedelta(seconds=1)),
    "basic": (lambda at: f"{at:%Y%m%dT%H%M%SZ}", timedelta(seconds=1)),
    "minutes": (lambda at: f"{at:%Y-%m-%d %H:%M}", timedelta(minutes=1)),
    "minutes and Z": (lambda at: f"{at:%Y-%m-%dT%H:%MZ}", timedelta(minutes=1)),
    "date": (lambda at: f"{at:%Y-%m-%d}", timedelta(days=1)),
}


def floored(at: datetime, step: timedelta) -> datetime:
    return at - (at - utc(1, 1, 1)) % step


@pytest.mark.parametrize("form", FORMS)
@tried(max_examples=60, deadline=None)
@given(at=INSTANTS)
def test_an_instant_written_in_any_iso_form_is_read_back(form: str, at: datetime) -> None:
    write, step = FORMS[form]
    # strftime writes the year 2 as "2".
    assert read(write(at).replace(f"{at.year}", f"{at.year:04}", 1)) == floored(at, step)


@tried(max_examples=60, deadline=None)
@given(at=INSTANTS, zone=MINUTE_OFFSETS)
def test_an_instant_written_with_any_offset_is_read_back(at: datetime, zone: timezone) -> None:
    local = at.astimezone(zone)
    assert read(local.isoformat()) == at
    assert read(local.isoformat(" ")) == at


@tried(max_examples=60, deadline=None)
@given(at=INSTANTS, zone=HOUR_OFFSETS)
def test_an_instant_written_with_an_offset_of_hours_is_read_back(at: datetime, zone: timezone) -> None:
    hours = int((zone.utcoffset(None) or timedelta()) / timedelta(hours=1))
    local = at.astimezone(zone).replace(tzinfo=None)
    assert read(f"{local.isoformat()}{hours:+03}") == at
    assert read(f"{local.isoformat()}{hours:+03}00") == at


@tried(max_examples=60, deadline=None)
@given(text=st.text(max_size=30))
def test_no_text_is_too_strange_to_be_read_or_refused(text: str) -> None:
    found = read(text)
    assert found is None or 1 <= found.year <= 9999
