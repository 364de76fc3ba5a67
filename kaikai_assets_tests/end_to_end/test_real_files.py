"""The network's real files, dropped as they are."""

import csv
import random
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from kaikai_assets.definitions import build_defs
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.orchestration.direct import build_pending
from kaikai_assets.orchestration.platform import Platform
from kaikai_assets.simulation.redeliver import shuffle_and_split
from kaikai_assets_tests.end_to_end.product import build, drop, drop_tree, materialized, outputs, table


def lines_of(file: Path) -> int:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return sum(1 for row in csv.reader(opened) if row) - 1


def test_every_line_of_every_real_file_is_accounted_for(platform: Platform, real_files: Path) -> None:
    drop_tree(platform, real_files)
    report = platform.land(AIR)
    assert not report.rejected
    assert not report.left
    files = sorted(real_files.rglob("*.csv"))
    assert {landed.name: landed.records for landed in report.landed} == {file.name: lines_of(file) for file in files}

    with dg.DagsterInstance.ephemeral() as instance:
        errors = build_pending(platform, AIR, build_defs(platform.settings), instance, lambda _line: None)
        assert errors == []
        days = {day for day, _, _ in platform.ledger.file_days("air")}
        with_readings = {day.isoformat() for day in days if platform.runner(AIR).state().readings(day)}
        assert materialized(instance, "gold/air_daily") == with_readings
        assert materialized(instance, "raw/air_files") == {day.isoformat() for day in days}
    plan = platform.runner(AIR).plan()
    assert plan.pending == set()

    accounts = platform.ledger.accounts("air")
    readings = sum(landed.records for landed in report.landed if landed.kind == "readings")
    assert sum(account.records for account in accounts) == readings
    assert all(a.records == a.leading + a.absorbed + a.rejected for a in accounts)
    assert sum(a.leading for a in accounts) == table(platform, "silver/air_measurements").height
    quarantined = table(platform, "silver/air_quarantine").filter(kind="record")
    assert sum(a.rejected for a in accounts) == quarantined.height
    assert platform.warehouse.published()


def test_daily_means_of_five_minute_files_equal_pandas_on_the_raw_file(platform: Platform, real_files: Path) -> None:
    file = real_files / "airgradient-5min" / "full-data-50-jours-89441.csv"
    drop(platform, file.name, file.read_bytes())
    build(platform)
    raw = pd.read_csv(file)
    day = pd.to_datetime(raw["timestamp"], utc=True).dt.date
    unique = raw.assign(day=day).drop_duplicates(["timestamp", "pm02"])
    expected = unique.groupby("day")["pm02"].mean().dropna()
    found = table(platform, "gold/air_daily").filter(sensor_id="AG-89441").drop_nulls("pm25_mean")
    assert dict(found.select("day", "pm25_mean").iter_rows()) == pytest.approx(expected.to_dict(), abs=1e-5)


def test_redelivering_renamed_shuffled_or_split_files_changes_no_derived_table(
    platform: Platform, real_files: Path, tmp_path: Path
) -> None:
    drop_tree(platform, real_files)
    build(platform)
    before = outputs(platform)
    assert {name for name, _ in before} >= {"silver/air_measurements", "gold/air_daily", "gold/air_alerts"}

    files = sorted(real_files.glob("*/*.csv"))
    for file in files:
        drop(platform, f"renamed/copy of {file.name}", file.read_bytes())
    assert len(platform.land(AIR).redelivered) == len(files)

    pieces = [p for file in files for p in shuffle_and_split(file, tmp_path / file.stem, 10, seed=1)]
    random.Random(2).shuffle(pieces)
    for number, piece in enumerate(pieces):
        drop(platform, f"pieces/{number:04d}.csv", piece.read_bytes())
    built = build(platform).targets
    assert len(platform.ledger.files("air")) == 14 + len(pieces)
    assert outputs(platform) == before
    # The cascade stops at silver: its rows did not change, so gold was not built again.
    assert not any(name.startswith("gold/") for name, _ in built)
