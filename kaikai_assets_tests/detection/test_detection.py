"""What needs no statistics is found without fail, and nothing else is told; and the page on it names every kind."""

from dataclasses import replace
from datetime import date

import pytest

from kaikai_assets.platform import Platform
from kaikai_assets.simulation.air import AirFaults
from kaikai_assets_tests.detection.score import Score
from kaikai_assets_tests.detection.trial import detected
from kaikai_assets_tests.docs.test_docs import page, rows

FAULTS = replace(AirFaults(), drift=0)

# A first value after hours of cells that were set aside stands alone in its window, and so stands still.
FALSE_ALARMS = ("flat line",)


@pytest.fixture
def scores(platform: Platform) -> list[Score]:
    return detected(platform, start=date(2025, 3, 1), days=6, sensors=7, seed=2, faults=FAULTS)


def test_every_kind_that_needs_no_statistics_is_told_without_fail_and_without_false_alarm(scores: list[Score]) -> None:
    certain = [score for score in scores if score.certain]
    assert len(certain) == 15
    for score in certain:
        assert score.recall.some == score.recall.all > 0, score
        if score.kind not in FALSE_ALARMS:
            assert score.precision.some == score.precision.all, score


def test_the_page_has_a_line_for_every_kind_with_all_of_what_needs_no_statistics(scores: list[Score]) -> None:
    shown = rows(page("air.md"))[2:]
    assert [row[:2] for row in shown] == [[score.kind, score.told_by] for score in scores]
    certain = [row for row, score in zip(shown, scores, strict=True) if score.certain]
    assert {row[2].partition(" (")[0] for row in certain} == {"100 %"}
