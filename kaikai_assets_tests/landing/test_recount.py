"""Event days are counted again when they would be told otherwise, and only then."""

from datetime import date
from typing import Any

import pytest

from kaikai_assets.landing import recount as recount_module
from kaikai_assets.landing.days import count_days
from kaikai_assets.landing.raw import Landed
from kaikai_assets.settings import Settings
from kaikai_assets_tests.landing.conftest import Landing
from kaikai_assets_tests.landing.making import described

CONTENT = "id,time,pm25\ns1,2025-03-01 23:30:00,1\ns1,01/02/2025 00:00,2\n"
FIRST, SECOND = date(2025, 3, 1), date(2025, 3, 2)


@pytest.fixture
def landed(landing: Landing) -> Landed:
    landing.drop("a.csv", CONTENT)
    (landed,) = landing.land().landed
    assert landed.days == {FIRST: 1, landed.arrived_at.date(): 1}
    return landed


def days(landing: Landing) -> dict[date, int]:
    """What the ledger holds, which is what the sidecar holds."""
    landing.check_whole()
    return landing.in_ledger()[1]


def described_anew(landing: Landing, **changes: Any) -> None:
    landing.sources = dict(landing.sources) | {"plain": described(**changes)}


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ({"column": "time", "timezone": "America/New_York"}, {SECOND: 1}),
        ({"column": "time", "formats": ["iso", "%d/%m/%Y %H:%M"]}, {date(2025, 2, 1): 1, FIRST: 1}),
        ({"column": "time", "formats": ["%m/%d/%Y %H:%M"]}, {date(2025, 1, 2): 1}),
    ],
    ids=["zone", "one format more", "another format"],
)
def test_days_follow_the_description_of_time(
    landing: Landing, landed: Landed, time: dict[str, Any], expected: dict[date, int]
) -> None:
    described_anew(landing, time=time)
    landing.land()
    unread = {landed.arrived_at.date(): 2 - sum(expected.values())}
    assert days(landing) == expected | {day: n for day, n in unread.items() if n}
    assert {day for day, _of_day in landing.ledger.landed.unannounced("air").items()} == set(days(landing))


def test_days_follow_the_first_day(landing: Landing, landed: Landed) -> None:
    late = Settings.model_validate(landing.settings.model_dump() | {"first_day": SECOND})
    Landing(late, landing.ledger, landing.sources).land()
    assert days(landing) == {landed.arrived_at.date(): 2}


def test_nothing_is_counted_again_for_what_tells_no_day(
    landing: Landing, landed: Landed, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[object] = []

    def noted(*args: Any, **kwargs: Any) -> dict[date, int]:
        counted.append(args)
        return count_days(*args, **kwargs)

    monkeypatch.setattr(recount_module, "count_days", noted)
    described_anew(landing, columns={"co2": "pm25"}, missing=["", "NA"], grain="PT5M")
    landing.land()
    assert (counted, days(landing)) == ([], landed.days)
    described_anew(landing, time={"column": "time", "timezone": "America/New_York"})
    for _ in range(3):
        landing.land()
    assert len(counted) == 1


def test_a_file_that_its_new_description_cannot_read_keeps_its_days(landing: Landing, landed: Landed) -> None:
    described_anew(landing, time={"column": "when"})
    landing.land()
    assert days(landing) == landed.days


def test_a_source_that_is_described_no_more_keeps_its_days(landing: Landing, landed: Landed) -> None:
    landing.sources = {}
    landing.land()
    assert days(landing) == landed.days


def test_what_else_a_sidecar_says_stays(landing: Landing, landed: Landed) -> None:
    described_anew(landing, time={"column": "time", "timezone": "America/New_York"})
    landing.land()
    again = landing.in_raw()[1]
    assert again.model_copy(update={"days": landed.days, "counted": landed.counted}) == landed
    assert again.counted != landed.counted
