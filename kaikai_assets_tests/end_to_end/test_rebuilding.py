"""A build system for days: what changes re-opens exactly what read it, and nothing else."""

import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air import configuration
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.product import build, drop, outputs, table

HEADER = "sensor_id,timestamp,pm25,temperature,humidity,co2\n"
ZONES = "sensor_id,location_name,location_type,latitude,longitude,installation_date,timezone\n"

OF_A_DAY = {
    "bronze/air_measurements",
    "silver/air_measurements",
    "silver/air_quarantine",
    "silver/air_flags",
    "gold/air_hourly",
    "gold/air_daily",
    "gold/air_zone_daily",
    "gold/air_sensor_health",
    "gold/air_alert_days",
    "gold/air_network_daily",
}
"""Tables of which a reading changes its own day."""


def day_file(day: str, pm25: float = 20.0, sensor: str = "SENS001", hours: int = 24) -> str:
    rows = [
        f"{sensor},{day}T{hour:02d}:{minute:02d}:00Z,{pm25},25,50,500"
        for hour in range(hours)
        for minute in range(0, 60, 5)
    ]
    return HEADER + "\n".join(rows) + "\n"


@pytest.fixture
def three_days(platform: Platform) -> Platform:
    for day in ("2025-03-01", "2025-03-02", "2025-03-03"):
        drop(platform, f"{day}.csv", day_file(day))
    drop(
        platform,
        "kaikai_sensors/sensors.csv",
        "sensor_id,location_name,location_type,latitude,longitude,installation_date\n"
        "SENS001,Dakar - Plateau,Urban,14.6937,-17.4441,2024-01-15\n",
    )
    build(platform)
    assert build(platform).targets == set()
    return platform


def test_a_late_reading_rebuilds_its_day_and_what_reads_it_and_nothing_else(three_days: Platform) -> None:
    drop(three_days, "late.csv", HEADER + "SENS001,2025-03-02T12:02:30Z,99,25,50,500\n")
    found = build(three_days).targets
    of_day = {name for name, part in found if part == "2025-03-02"}
    around = {"silver/air_flags", "gold/air_hourly", "gold/air_sensor_health", "gold/air_network_daily"}
    assert {part for name, part in found if name not in around} == {"2025-03-02", ""}
    # Readings are flagged by those around them, over midnight too.
    assert {part for name, part in found if name == "silver/air_flags"} == {"2025-03-01", "2025-03-02", "2025-03-03"}
    # The NowCast of a morning looks back at the evening before.
    assert {part for name, part in found if name == "gold/air_hourly"} == {"2025-03-02", "2025-03-03"}
    # The drift of a day looks back at two weeks, its crossings of thresholds at the evening before.
    for looking_back in ("gold/air_sensor_health", "gold/air_network_daily"):
        assert {part for name, part in found if name == looking_back} == {"2025-03-02", "2025-03-03"}
    assert of_day == OF_A_DAY
    # The hour's mean moved, yet stays under the threshold; the reading itself does not.
    assert table(three_days, "gold/air_alerts")["rule"].to_list() == ["pm25_reading_above_35"]


def test_a_redelivered_row_stops_the_cascade_at_silver(three_days: Platform) -> None:
    before = outputs(three_days)
    drop(three_days, "again.csv", HEADER + "SENS001,2025-03-02T12:00:00Z,20.0,25,50,500\n")
    found = build(three_days).targets
    assert found == {
        ("bronze/air_measurements", "2025-03-02"),
        ("silver/air_measurements", "2025-03-02"),
        ("silver/air_quarantine", "2025-03-02"),
    }
    assert outputs(three_days) == before


def test_a_description_that_an_earlier_registry_file_does_not_fit_fails_with_its_column(three_days: Platform) -> None:
    sources = three_days.settings.data / "sources" / "air"
    sources.mkdir(parents=True)
    shipped = (AIR.sources / "kaikai_sensors.yaml").read_text(encoding="utf-8")
    (sources / "kaikai_sensors.yaml").write_text(
        shipped.replace("{from: timezone, optional: true}", "timezone"), encoding="utf-8"
    )
    drop(
        three_days,
        "kaikai_sensors/moved.csv",
        "sensor_id,location_name,location_type,latitude,longitude,installation_date,timezone\n"
        "SENS001,Paris - école,School,48.85,2.35,2024-01-15,Europe/Paris\n",
    )
    # The earlier registry file lacks the column that the new description maps: it cannot be read any more, and says so.
    failed = build(three_days).failed
    assert list(failed) == [("silver/air_sensors", "")]
    assert "timezone" in str(failed["silver/air_sensors", ""])


def test_local_days_follow_the_time_zone_of_the_registry(platform: Platform) -> None:
    sources = platform.settings.data / "sources" / "air"
    sources.mkdir(parents=True)
    (sources / "sites.yaml").write_text(
        "source: sites\nformat: csv\nkind: snapshot\nentity: {column: id}\n"
        "columns: {timezone: zone, expected_interval_s: every}\n",
        encoding="utf-8",
    )
    for day in ("2025-03-29", "2025-03-30", "2025-03-31"):
        drop(platform, f"{day}.csv", day_file(day))
    build(platform)
    hours = outputs_of(platform, "gold/air_hourly")
    drop(platform, "sites.csv", "id,zone,every\nSENS001,Europe/Paris,300\n")
    found = build(platform).targets
    assert {name for name, _ in found} == {
        "silver/air_sensors",
        "silver/air_sensors_quarantine",
        "silver/air_flags",
        "gold/air_hourly",
        "gold/air_daily",
        "gold/air_zone_daily",
        "gold/air_sensor_health",
        "gold/air_alert_days",
        "gold/air_alerts",
        "gold/air_rule_comparison",
        "gold/air_network_daily",
    }
    assert outputs_of(platform, "gold/air_hourly") == hours
    daily = table(platform, "gold/air_daily").sort("day").select("day", "hours_expected", "hours_valid")
    # Three UTC days are 1 h to 24 h of the 29th, the short 30th, the 31st, and the first 2 h of 1 April in Paris.
    assert daily.rows() == [
        (date(2025, 3, 29), 24, 23),
        (date(2025, 3, 30), 23, 23),
        (date(2025, 3, 31), 24, 24),
        (date(2025, 4, 1), 24, 2),
    ]


def test_a_day_from_which_all_records_were_moved_keeps_no_account_of_them(platform: Platform) -> None:
    described = platform.settings.data / "sources" / "air" / "attic.yaml"
    described.parent.mkdir(parents=True)
    in_paris = (
        "source: attic\nformat: csv\ngrain: instant\nentity: {column: id}\n"
        'time: {column: at, formats: ["%d/%m/%Y %H:%M"], timezone: Europe/Paris}\n'
        "columns: {pm25: {from: dust, unit: µg/m³}}\n"
    )
    described.write_text(in_paris, encoding="utf-8")
    drop(platform, "attic/a.csv", "id,at,dust\nS1,02/03/2025 00:30,20\n")
    assert build(platform).failed == {}
    assert [(a.part, a.records) for a in platform.ledger.targets.accounts("air")] == [("2025-03-01", 1)]
    described.write_text(in_paris.replace("Europe/Paris", "UTC"), encoding="utf-8")
    for day in (date(2025, 3, 1), date(2025, 3, 2)):
        assert build(platform, [day]).failed == {}
    assert [(a.part, a.records) for a in platform.ledger.targets.accounts("air")] == [("2025-03-02", 1)]


def test_a_lake_that_is_deleted_right_after_its_first_run_is_missed(platform: Platform) -> None:
    drop(platform, "day.csv", day_file("2025-03-01"))
    platform.land(AIR)
    runner = platform.runner(AIR)
    first = {
        done.target
        for done in runner.build(runner.begin(), [date(2025, 3, 1)], {AIR.bronze, *AIR.contracts}, only_pending=True)
    }
    shutil.rmtree(platform.settings.data / "lake")
    assert build(platform).targets == first


def test_a_local_day_before_the_first_day_is_no_target(settings: Settings) -> None:
    platform = build_platform(settings.model_copy(update={"first_day": date(2025, 3, 1)}))
    drop(platform, "kaikai_sensors/sensors.csv", f"{ZONES}SENS001,,,,,,America/New_York\n")
    drop(platform, "day.csv", day_file("2025-03-01"))
    build(platform)
    assert build(platform).targets == set()
    assert {part for name, part in platform.runner(AIR).plan().digests if name == "gold/air_daily"} == {"2025-03-01"}
    assert platform.runner(AIR).plan().pending <= {(AIR.warehouse, "")}


def outputs_of(platform: Platform, name: str) -> dict[str, str]:
    return {part: output for (of, part), output in outputs(platform).items() if of == name}


@pytest.fixture
def rule_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "rules"
    shutil.copytree(configuration.RULES, folder)
    monkeypatch.setattr(configuration, "RULES", folder)
    configuration.rule_sets.cache_clear()
    configuration.limits.cache_clear()
    yield folder
    configuration.rule_sets.cache_clear()
    configuration.limits.cache_clear()


def test_a_changed_rule_file_rebuilds_alerts_and_the_count_of_crossings_only(
    rule_files: Path, three_days: Platform
) -> None:
    path = rule_files / "kaikai-v1.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["rules"][0]["all"][0]["threshold"] = 15
    path.write_text(json.dumps(content), encoding="utf-8")
    configuration.rule_sets.cache_clear()
    found = build(three_days).targets
    folded = {"gold/air_alert_days", "gold/air_alerts", "gold/air_rule_comparison"}
    assert {name for name, _ in found} == folded | {"gold/air_network_daily"}
    alerts = table(three_days, "gold/air_alerts")
    assert alerts.select("n", "peak", "threshold").rows() == [(72, 20.0, 15.0)]


def test_a_changed_plausible_range_changes_flags_and_scores_and_no_alert(
    rule_files: Path, three_days: Platform
) -> None:
    path = rule_files / "limits.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["metrics"]["pm25"]["*"]["gross_range"]["suspect"] = [None, 10]
    path.write_text(json.dumps(content), encoding="utf-8")
    configuration.limits.cache_clear()
    found = build(three_days).targets
    # Flags changed, so did the scores of hours and days; runs of violating hours did not, so alerts were not folded.
    assert {name for name, _ in found} == OF_A_DAY - {"bronze/air_measurements"}
    assert set(table(three_days, "gold/air_hourly")["score_plausibility"]) == {0.0}
    assert set(table(three_days, "silver/air_measurements")["pm25_flag"]) == {3}


def test_a_deleted_lake_is_built_again_to_the_same_rows(three_days: Platform) -> None:
    before = outputs(three_days)
    shutil.rmtree(three_days.settings.data / "lake")
    (three_days.settings.data / "ledger.sqlite").unlink()
    for left in three_days.settings.data.glob("ledger.sqlite-*"):
        left.unlink()
    fresh = type(three_days)(three_days.settings, three_days.domains)
    build(fresh)
    assert outputs(fresh) == before
