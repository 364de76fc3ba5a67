"""Simulated bracelets through the whole product: silver is the truth, and no crisis that crosses the rules is lost."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kaikai_assets.domains.vitals.domain import VITALS
from kaikai_assets.platform import Platform
from kaikai_assets.simulation.vitals import Profile
from kaikai_assets_tests.detection.vitals import built, compared, named
from kaikai_assets_tests.end_to_end.product import table


@pytest.mark.parametrize(("profile", "days", "interval_s"), [("simple", 1, 60), ("medical", 3, 300)])
def test_silver_is_the_truth_and_every_crisis_is_told(
    platform: Platform, profile: Profile, days: int, interval_s: int
) -> None:
    truth = built(platform, profile=profile, days=days, patients=25, interval_s=interval_s, seed=3)
    expected = named(platform, truth.readings)
    found = table(platform, "silver/vitals_readings", VITALS)
    by = ["patient_id", "time"]
    assert set(found["source"]) == {"bracelet_ndjson", "bracelet_flat"}
    assert_frame_equal(found.select(expected.columns).sort(by), expected.sort(by))

    accounts = platform.ledger.targets.accounts("vitals")
    once = truth.files.filter(~pl.col("file").str.contains("_copy"))["records"].to_list()
    assert sum(a.records for a in accounts) == sum(once)
    assert sum(a.leading for a in accounts) == expected.height
    assert sum(a.absorbed for a in accounts) >= truth.defects.filter(kind="duplicate").height > 0

    told = compared(platform, truth)
    assert told.recall.some == told.recall.all > 0
    # A well patient with a sound device raises nothing.
    assert told.false == told.by_fault
