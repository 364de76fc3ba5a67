"""Simulated patients as time passes: what happens to them goes on from hour to hour, and is told."""

import json
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from kaikai_assets.cli.main import cli
from kaikai_assets.simulation.vitals import people_of
from kaikai_assets.simulation.vitals_faults import Fault
from kaikai_assets.simulation.vitals_live import blocks, drawn, simulate_vitals_live

BEGIN = datetime(2025, 3, 1, 10, 55, tzinfo=UTC)
HOUR = timedelta(hours=1)
PEOPLE = people_of("medical", 60, BEGIN.date(), 1)


def test_files_come_as_time_passes_and_the_truth_at_once(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    files = simulate_vitals_live(
        tmp_path, profile="simple", patients=3, interval_s=1, seed=1, seconds=2.5, faults_per_day=0, truth=tmp_path
    )
    paths = sorted((tmp_path / "vitals").glob("bracelet_*/live_*.ndjson"))
    found = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
    assert files == len(paths)
    assert 4 <= files <= 8
    assert len(found) == files // 2 * 3
    times = {datetime.fromisoformat(message["timestamp"]).replace(tzinfo=UTC) for message in found}
    assert len(times) == files // 2
    assert all(before - timedelta(seconds=1) <= time <= datetime.now(UTC) for time in times)
    assert (tmp_path / "vitals_crises.csv").read_text().startswith("patient_id,kind,start,end,effects\n")
    assert (tmp_path / "vitals_faults.csv").read_text() == "device_id,kind,start,end\n"


def test_what_happens_does_not_depend_on_when_somebody_starts_to_look() -> None:
    now = BEGIN + 9 * HOUR
    happening, faults = drawn("medical", PEOPLE, BEGIN, 30 * HOUR, 4.0, 1)
    later, later_faults = drawn("medical", PEOPLE, now, 21 * HOUR, 4.0, 1)
    assert later == [one for one in happening if one.end > now]
    assert later_faults == [one for one in faults if one.end > now]
    assert len(happening) > len(later) > 0
    assert len(faults) > len(later_faults) > 0
    assert any(one.start < now < one.end for one in later)


def test_noise_and_batteries_go_on_from_block_to_block() -> None:
    one, two = islice(blocks(PEOPLE, [], [], BEGIN, 60, 1, block_s=36_000), 2)
    last = one.filter(pl.col("time") == pl.col("time").max()).sort("patient_id")
    first = two.filter(pl.col("time") == pl.col("time").min()).sort("patient_id")
    assert (first["time"][0] - last["time"][0]).total_seconds() == 60
    steps = (first["temp_ambiante"] - last["temp_ambiante"]).to_numpy()
    # Drawn anew they would be 1.4 apart.
    assert np.std(steps) < 0.5
    assert set(last["battery_pct"]) == set(first["battery_pct"]) == {86.0}
    assert one["freq_card"].to_list() != two["freq_card"].to_list()


def test_a_device_stands_still_over_the_end_of_a_block() -> None:
    of = PEOPLE[0].device_id
    fault = Fault(of, "flatline", BEGIN + HOUR / 2, BEGIN + 2.5 * HOUR)
    rows = pl.concat(islice(blocks(PEOPLE[:2], [], [fault], BEGIN, 60, 1), 3)).filter(device_id=of)
    still = rows.filter(pl.col("time") >= fault.start, pl.col("time") < fault.end)
    assert still.height == 120
    assert set(still["quality_flag"]) == {"flatline"}
    assert still.select(pl.col("freq_card", "spo2_pct", "temp_corp").n_unique()).row(0) == (1, 1, 1)
    assert rows.height == 180 == rows["time"].n_unique()
    assert rows.filter(pl.col("quality_flag") == "ok")["freq_card"].n_unique() > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--live", "--start", "2025-03-01"], "--start does not go with --live"),
        (["--live", "--days", "2"], "--days does not go with --live"),
        (["--live", "--defects"], "--defects does not go with --live"),
        (["--seconds", "5"], "--seconds goes with --live only"),
        (["--patients", "5"], "--patients goes with --profile medical only"),
    ],
)
def test_options_that_would_change_nothing_are_refused(tmp_path: Path, options: list[str], message: str) -> None:
    done = CliRunner().invoke(cli, ["simulate", "vitals", "--out", str(tmp_path / "inbox"), *options])
    assert done.exit_code == 2
    assert message in done.output
    assert not (tmp_path / "inbox").exists()


def test_the_truth_of_what_comes_live_lies_where_asked(tmp_path: Path) -> None:
    options = ["--live", "--interval", "1", "--seconds", "0.5", "--no-defects", "--no-faults"]
    places = ["--out", str(tmp_path / "inbox"), "--truth", str(tmp_path / "truth")]
    done = CliRunner().invoke(cli, ["simulate", "vitals", *options, *places], catch_exceptions=False)
    assert done.exit_code == 0
    assert {path.name for path in (tmp_path / "truth").iterdir()} == {"vitals_crises.csv", "vitals_faults.csv"}
