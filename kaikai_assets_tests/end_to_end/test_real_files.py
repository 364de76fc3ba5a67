"""The network's real files, dropped as they are."""

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from kaikai_assets.definitions import build_defs
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.orchestration.direct import build_pending
from kaikai_assets.platform import Platform
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
        days = {day for day, _, _ in platform.ledger.landed.file_days("air")}
        with_readings = {day.isoformat() for day in days if platform.runner(AIR).state().readings(day)}
        assert materialized(instance, "gold/air_daily") == with_readings
        assert materialized(instance, "raw/air_files") == {day.isoformat() for day in days}
    plan = platform.runner(AIR).plan()
    assert plan.pending == set()

    accounts = platform.ledger.targets.accounts("air")
    readings = sum(landed.records for landed in report.landed if landed.kind == "readings")
    assert sum(account.records for account in accounts) == readings
    assert all(a.records == a.leading + a.absorbed + a.rejected for a in accounts)
    assert sum(a.leading for a in accounts) == table(platform, "silver/air_measurements").height
    quarantined = table(platform, "silver/air_quarantine").filter(kind="record")
    assert sum(a.rejected for a in accounts) == quarantined.height
    assert platform.warehouse.published()


def test_days_and_nowcasts_of_five_minute_files_equal_pandas_on_the_raw_file(
    platform: Platform, real_files: Path
) -> None:
    file = real_files / "airgradient-5min" / "full-data-50-jours-89441.csv"
    drop(platform, file.name, file.read_bytes())
    build(platform)
    raw = pd.read_csv(file)
    day = pd.to_datetime(raw["timestamp"], utc=True).dt.date
    unique = raw.assign(day=day).drop_duplicates(["timestamp", "pm02"])
    of_days = unique.dropna(subset="pm02").groupby("day")["pm02"]
    found = table(platform, "gold/air_daily").filter(sensor_id="AG-89441").drop_nulls("pm25_mean")
    for column, expected in {
        "pm25_mean": of_days.mean(),
        "pm25_std": of_days.std().dropna(),
        "pm25_p05": of_days.quantile(0.05),
        "pm25_p95": of_days.quantile(0.95),
    }.items():
        assert dict(found.select("day", column).drop_nulls().iter_rows()) == pytest.approx(expected.to_dict(), abs=1e-5)

    at = pd.to_datetime(unique["timestamp"], utc=True)
    hours = unique.set_index(at)["pm02"].resample("1h").agg(["mean", "count"])
    # Nine of twelve readings: three quarters.
    valid = {start.to_pydatetime(): mean for start, mean, n in hours.itertuples() if n >= 9}
    nowcasts = table(platform, "gold/air_hourly").select("hour", "pm25_nowcast").rows()
    assert sum(value is not None for _, value in nowcasts) > 300
    for start, value in nowcasts:
        assert value == (None if (own := nowcast(valid, start)) is None else pytest.approx(own, abs=1e-5))


def test_delivered_days_are_as_complete_as_their_records_cover_them(platform: Platform, real_files: Path) -> None:
    file = real_files / "airgradient-export" / "151804.csv"
    drop(platform, file.name, file.read_bytes())
    build(platform)
    raw = pd.read_csv(file)
    day, minutes = pd.to_datetime(raw["UTC Date/Time"], utc=True).dt.date, raw["# of aggregated records"]
    found = table(platform, "gold/air_daily").filter(grain="P1D")
    assert dict(found.select("day", "completeness").iter_rows()) == pytest.approx(
        dict(zip(day, minutes / 1440, strict=True)), abs=1e-6
    )
    whole = {of for of, covered in zip(day, minutes, strict=True) if covered >= 1080}
    assert 0 < len(whole) < found.height
    for column in ("pm25_aqi", "exceeds_who_24h"):
        assert set(found.drop_nulls(column)["day"]) == whole


def nowcast(hours: dict[datetime, float], start: datetime) -> float | None:
    """The formula as published, with loops."""
    twelve = [hours.get(start - timedelta(hours=ago)) for ago in range(12)]
    known = [(ago, mean) for ago, mean in enumerate(twelve) if mean is not None]
    if sum(ago < 3 for ago, _ in known) < 2:
        return None
    means = [mean for _, mean in known]
    weight = max(min(means) / max(means), 0.5) if max(means) else 1.0
    return sum(mean * weight**ago for ago, mean in known) / sum(weight**ago for ago, _ in known)


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
    assert len(platform.ledger.landed.files("air")) == 14 + len(pieces)
    assert outputs(platform) == before
    # The cascade stops at silver: its rows did not change, so gold was not built again.
    assert not any(name.startswith("gold/") for name, _ in built)
