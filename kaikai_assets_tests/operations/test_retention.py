"""Retention: what has expired goes, its days stay as they were built, and what comes late stays in sight."""

import shutil
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from kaikai_assets.build.pending import days_of
from kaikai_assets.cli.main import cli
from kaikai_assets.domains.air import configuration as air
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.domains.air.limits import Limits
from kaikai_assets.landing import raw
from kaikai_assets.operations.retention import Retention, retain
from kaikai_assets.operations.verify import verify
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.product import again, build, drop, outputs, table
from kaikai_assets_tests.end_to_end.test_rebuilding import HEADER, day_file
from kaikai_assets_tests.operations.process import kill_at_each_write

DAYS = ["2025-03-01", "2025-03-02", "2025-03-03"]
SENSORS = (
    "sensor_id,location_name,location_type,latitude,longitude,installation_date\n"
    "SENS001,A,Urban,14.6,-17.4,2024-01-15\n"
)
LATER = datetime.now(UTC) + timedelta(days=31)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", settle_s=0, retry_s=0, retain_raw_days={"air": 30})


@pytest.fixture
def platform(settings: Settings) -> Platform:
    return Platform(settings, {"air": AIR})


@pytest.fixture
def built(platform: Platform) -> Platform:
    for day in DAYS:
        drop(platform, f"{day}.csv", day_file(day))
    drop(platform, "kaikai_sensors/sensors.csv", SENSORS)
    assert build(platform).failed == {}
    platform.publish(AIR)
    return platform


def arrived(platform: Platform, name: str, days: int) -> None:
    """Let a landed file have arrived some days later than it did, by its sidecar, in a ledger made anew from these."""
    for landed in raw.sidecars(platform.settings.raw):
        if landed.name == name:
            later = landed.model_copy(update={"arrived_at": landed.arrived_at + timedelta(days=days)})
            raw.amend(platform.settings.raw, later)
    for file in platform.settings.data.glob("ledger.sqlite*"):
        file.unlink()


def names(platform: Platform) -> set[str]:
    return {path.name for path in platform.settings.raw.rglob("*.csv")}


def apply(platform: Platform) -> Retention:
    return retain(platform, AIR, LATER, False)


def apply_to(settings: Settings) -> None:
    apply(Platform(settings, {"air": AIR}))


def test_nothing_expires_without_a_setting_or_before_its_time(built: Platform, tmp_path: Path) -> None:
    off = Platform(Settings(data=built.settings.data), {"air": AIR})
    assert retain(off, AIR, LATER, False) == Retention()
    assert retain(built, AIR, LATER - timedelta(days=2), False) == Retention()
    assert len(names(built)) == 4


def test_a_setting_for_a_domain_that_is_not_there_is_an_error(built: Platform) -> None:
    wrong = Platform(Settings(data=built.settings.data, retain_raw_days={"aire": 3}), {"air": AIR})
    with pytest.raises(ValueError, match="KAIKAI_RETAIN_RAW_DAYS: no domain 'aire'"):
        retain(wrong, AIR, LATER, True)


def test_a_dry_run_lists_files_bytes_and_days_and_removes_nothing(built: Platform) -> None:
    report = retain(built, AIR, LATER, True)
    assert [Path(file.raw_file).name for file in report.files] == [f"{day}.csv" for day in DAYS]
    assert report.bytes == sum(len(day_file(day)) for day in DAYS)
    assert [day.isoformat() for day in report.sealed] == DAYS
    assert len(names(built)) == 4
    assert built.runner(AIR).state().sealed == set()


def test_expired_files_go_snapshots_and_tables_stay(built: Platform) -> None:
    before, digests = outputs(built), built.ledger.targets.built()
    assert len(apply(built).files) == 3
    assert names(built) == {"sensors.csv"}
    assert built.runner(AIR).state().sealed == {date.fromisoformat(day) for day in DAYS}
    assert build(built).targets == set()
    assert outputs(built) == before
    assert built.ledger.targets.built() == digests
    assert apply(built) == Retention()


def test_a_file_waits_until_all_its_days_are_built(platform: Platform) -> None:
    drop(platform, "day.csv", day_file(DAYS[0]))
    platform.land(AIR)
    assert [apply(platform).files, len(retain(platform, AIR, LATER, True).waiting)] == [[], 1]
    build(platform)
    assert len(apply(platform).files) == 1


def test_a_file_waits_for_the_other_files_of_its_days(built: Platform) -> None:
    drop(built, "more.csv", HEADER + f"SENS002,{DAYS[0]}T00:00:00Z,5,,,\n")
    build(built)
    arrived(built, "more.csv", 10)
    fresh = again(built)
    assert build(fresh).failed == {}
    report = apply(fresh)
    assert [Path(file.raw_file).name for file in report.waiting] == ["2025-03-01.csv"]
    assert names(fresh) == {"2025-03-01.csv", "more.csv", "sensors.csv"}
    assert len(retain(fresh, AIR, LATER + timedelta(days=10), False).files) == 2


def test_a_sealed_day_is_rebuilt_by_nothing(built: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(built)
    before, builds = outputs(built), built.ledger.targets.built()
    drop(built, "late.csv", HEADER + f"SENS001,{DAYS[1]}T00:02:30Z,99,,,\n")
    drop(built, "kaikai_sensors/b.csv", SENSORS.replace("14.6", "15.6"))
    content = air.limits().model_dump()
    content["metrics"]["pm25"]["*"]["gross_range"]["suspect"] = (None, 1.0)
    limits = Limits.model_validate(content)
    monkeypatch.setattr(air, "limits", lambda: limits)
    assert {target for target in build(built).targets if target[1]} == set()
    runner = built.runner(AIR)
    run = runner.begin()
    done = list(
        runner.build(
            run,
            [date.fromisoformat(day) for day in DAYS],
            {AIR.bronze, *AIR.contracts},
            only_pending=False,
            reparse=True,
        )
    )
    assert {one.target for one in done if one.target[1] in DAYS} == set()
    assert run.failed == {}
    after = built.ledger.targets.built()
    assert {t: b for t, b in after.items() if t[1] in DAYS} == {t: b for t, b in builds.items() if t[1] in DAYS}
    assert {t: o for t, o in outputs(built).items() if t[1]} == {t: o for t, o in before.items() if t[1]}


def test_rows_that_come_late_for_a_sealed_day_are_listed_and_their_other_days_built(built: Platform) -> None:
    apply(built)
    drop(built, "late.csv", HEADER + f"SENS001,{DAYS[1]}T00:02:30Z,99,,,\nSENS001,2025-03-20T00:00:00Z,7,,,\n")
    assert build(built).failed == {}
    state = built.runner(AIR).state()
    assert {day.isoformat(): sum(counts.values()) for day, counts in state.late.items()} == {DAYS[1]: 1}
    silver = table(built, "silver/air_measurements")
    assert dict(silver.group_by("day").len().iter_rows()) == {
        **{date.fromisoformat(day): 288 for day in DAYS},
        date(2025, 3, 20): 1,
    }
    shown = CliRunner().invoke(cli, ["status"], env={"KAIKAI_DATA": str(built.settings.data)}).output
    assert "3 sealed, 1 records late_for_sealed" in shown
    assert "late_for_sealed 2025-03-02: 1 records of air/kaikai_csv/" in shown
    # The late file expires like any other.
    assert len(retain(built, AIR, LATER + timedelta(days=1), False).files) == 1
    assert built.runner(AIR).state().late.keys() == {date.fromisoformat(DAYS[1])}


def test_windows_and_folds_over_sealed_days_go_on(built: Platform) -> None:
    arrived(built, f"{DAYS[2]}.csv", 60)
    built = again(built)
    assert build(built).failed == {}
    assert len(apply(built).files) == 2
    drop(built, "alarm.csv", HEADER + "".join(f"SENS001,{DAYS[2]}T{h:02d}:01:00Z,400,,,\n" for h in range(24)))
    targets = build(built).targets
    assert ("gold/air_daily", DAYS[2]) in targets
    assert ("gold/air_alerts", "") in targets
    assert not {target for target in targets if target[1] in DAYS[:2]}
    assert table(built, "gold/air_daily").filter(day=date.fromisoformat(DAYS[1])).height == 1


def test_the_same_content_again_is_a_redelivery_although_its_bytes_are_gone(built: Platform) -> None:
    apply(built)
    drop(built, "again.csv", day_file(DAYS[0]))
    assert built.land(AIR).redelivered == ["again.csv"]


def test_a_ledger_made_anew_knows_the_sealed_days_and_takes_their_builds_from_the_lake(built: Platform) -> None:
    apply(built)
    drop(built, "late.csv", HEADER + f"SENS001,{DAYS[1]}T00:02:30Z,99,,,\n")
    build(built)
    before, builds = outputs(built), built.ledger.targets.built()
    for file in built.settings.data.glob("ledger.sqlite*"):
        file.unlink()
    fresh = again(built)
    assert build(fresh).failed == {}
    assert outputs(fresh) == before
    state = fresh.runner(AIR).state()
    assert [day.isoformat() for day in sorted(state.sealed)] == DAYS
    assert {day.isoformat() for day in state.late} == {DAYS[1]}
    held = {target: b for target, b in builds.items() if target[1] in DAYS and b.rows}
    assert {target: fresh.ledger.targets.built().get(target) for target in held} == held


def test_a_lost_table_of_sealed_days_is_made_again_from_the_tables_below(built: Platform) -> None:
    apply(built)
    before = outputs(built)
    shutil.rmtree(built.settings.data / "lake" / "gold")
    assert build(built).failed == {}
    assert outputs(built) == before


def test_event_days_of_a_removed_file_stay_when_others_are_told_anew(built: Platform) -> None:
    apply(built)
    early = Platform(built.settings.model_copy(update={"first_day": date(2020, 6, 1)}), {"air": AIR})
    early.land(AIR)
    assert early.runner(AIR).state().sealed == {date.fromisoformat(day) for day in DAYS}
    assert {t for t in build(early).targets if t[1] in DAYS} == set()


def test_verify_says_that_it_does_not_cover_sealed_days_and_covers_what_reads_them(built: Platform) -> None:
    apply(built)
    drop(built, "next.csv", day_file("2025-03-04", pm25=90.0))
    drop(built, "late.csv", HEADER + f"SENS001,{DAYS[1]}T00:02:30Z,99,,,\n")
    assert build(built).failed == {}
    built.publish(AIR)
    found = verify(built, AIR)
    assert found.differences == []
    assert {part for _, part in found.sealed} == set(DAYS)
    assert found.tables["gold/air_alerts"].parts == 1
    assert found.tables["gold/air_daily"].parts == 1


@pytest.mark.slow
def test_a_kill_at_any_write_is_repaired_by_the_next_call(built: Platform) -> None:
    before = outputs(built)

    def consistent() -> None:
        # With or without its ledger the platform has one answer: a file is there, or its days are sealed.
        now = again(built)
        sealed = now.runner(AIR).state().sealed
        for landed in raw.sidecars(built.settings.raw):
            if landed.removed is not None:
                assert landed.days.keys() <= sealed
            elif landed.kind == "readings":
                assert (built.settings.raw / landed.raw_file).exists()
        assert {target for target in now.runner(AIR).plan().pending if target[1]} == set()

    # One for the noted removals, then for each file two for its sidecar and one for its bytes.
    assert kill_at_each_write(partial(apply_to, built.settings), consistent) >= 5
    assert names(built) == {"sensors.csv"}
    assert days_of(built.runner(AIR).plan().pending) == set()
    assert outputs(built) == before
