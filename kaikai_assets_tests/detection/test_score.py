from datetime import UTC, datetime, timedelta

import polars as pl

from kaikai_assets_tests.detection.score import Share, by_episode, exactly

MIDNIGHT = datetime(2025, 3, 1, tzinfo=UTC)


def at(*hours: float) -> list[datetime]:
    return [MIDNIGHT + timedelta(hours=hour) for hour in hours]


def test_rows_that_were_told_are_compared_with_those_that_were_injected_once_each() -> None:
    injected = pl.DataFrame({"file": ["a", "a", "b", "c"], "line": [1, 2, 1, 1]})
    told = pl.DataFrame({"line": [1, 1, 2, 9, 9], "file": ["a", "a", "a", "b", "c"], "more": [1, 2, 3, 4, 5]})
    assert exactly(injected, told) == (Share(2, 4), Share(2, 4))


def test_an_episode_is_found_by_anything_within_it_and_what_is_told_elsewhere_is_a_false_alarm() -> None:
    episodes = pl.DataFrame({"sensor_id": ["A", "A", "B"], "start": at(0, 10, 0), "end": at(2, 12, 2)})
    told = pl.DataFrame({"sensor_id": ["A", "A", "A", "B", "C"], "time": at(0, 1.5, 12, 5, 1)})
    assert by_episode(episodes, told) == (Share(1, 3), Share(2, 5))


def test_an_episode_of_one_metric_is_not_found_by_another() -> None:
    episodes = pl.DataFrame({"sensor_id": ["A"], "metric": ["co2"], "start": at(0), "end": at(2)})
    told = pl.DataFrame({"sensor_id": ["A", "A"], "metric": ["pm25", "co2"], "time": at(1, 1)})
    assert by_episode(episodes, told, ["sensor_id", "metric"]) == (Share(1, 1), Share(1, 2))


def test_a_share_is_never_rounded_up() -> None:
    assert str(Share(1999, 2000)) == "99.9 % (1999 of 2000)"
    assert str(Share(2, 2)) == "100 % (2 of 2)"
    assert str(Share(0, 0)) == "– (0 of 0)"
