"""What an operator relies on: retries within a run, the log of runs, the morning's look, who fell silent."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster import AssetKey

from kaikai_assets.build.due import due
from kaikai_assets.build.run import Run
from kaikai_assets.definitions import build_defs, build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.orchestration.automation import range_tags, run_config
from kaikai_assets.orchestration.direct import QUIET, build_pending
from kaikai_assets.orchestration.run_log import log_run
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings, utc_now
from kaikai_assets_tests.end_to_end.product import build, drop, materialized, outputs, table
from kaikai_assets_tests.end_to_end.test_rebuilding import HEADER, day_file

ROOT = Path(__file__).parents[2]
DAYS = ["2025-03-01", "2025-03-02", "2025-03-03"]


def run_days(defs: dg.Definitions, instance: dg.DagsterInstance, start: str, end: str) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def("air_job").execute_in_process(
        instance=instance,
        raise_on_error=False,
        tags=range_tags(AIR, date.fromisoformat(start), date.fromisoformat(end)),
        run_config=run_config(AIR, loggers=QUIET),
    )


def landed(platform: Platform) -> None:
    for day in DAYS:
        drop(platform, f"{day}.csv", day_file(day))
    platform.land(AIR)


def no_space(monkeypatch: pytest.MonkeyPatch, times: int) -> list[str]:
    """Let the first commits of silver find the disk full; the tables that did."""
    commit, refused = Run.commit, list[str]()

    def full(run: Run, name: str, *rest: object) -> object:
        if name == "silver/air_measurements" and len(refused) < times:
            refused.append(name)
            raise OSError(28, "No space left on device")
        return commit(run, name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Run, "commit", full)
    return refused


def test_a_disk_that_is_full_for_a_moment_is_tried_again_within_the_run(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed(platform)
    # Together, then each of the three days alone: the run's first attempt fails wholly.
    refused = no_space(monkeypatch, 4)
    result = run_days(defs, instance, DAYS[0], DAYS[-1])
    assert len(refused) == 4
    assert result.success
    assert table(platform, "silver/air_measurements").height == 3 * 288
    assert platform.ledger.targets.attempts() == {}
    assert platform.runner(AIR).plan().pending == set()


def test_a_disk_that_stays_full_fails_the_run_and_its_days_are_never_given_up(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed(platform)
    no_space(monkeypatch, 1000)
    for _ in range(2):
        assert not run_days(defs, instance, DAYS[0], DAYS[-1]).success
    attempts = platform.ledger.targets.attempts()
    assert {part for _, part in attempts} == set(DAYS)
    assert all(attempt.transient and attempt.attempts > platform.settings.attempts for attempt in attempts.values())
    monkeypatch.undo()
    assert run_days(defs, instance, DAYS[0], DAYS[-1]).success
    assert platform.runner(AIR).plan().pending == set()


def test_a_run_that_fails_by_its_data_is_not_tried_again_within_the_run(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    landed(platform)
    next(platform.settings.raw.rglob(f"{DAYS[1]}.csv")).write_bytes(b"\x1f\x8b garbage")
    result = run_days(defs, instance, DAYS[0], DAYS[-1])
    assert not result.success
    assert not [e for e in result.all_events if e.event_type == dg.DagsterEventType.STEP_UP_FOR_RETRY]


def test_tables_that_are_made_together_fail_and_are_given_up_together(
    platform: Platform, instance: dg.DagsterInstance, defs: dg.Definitions
) -> None:
    landed(platform)
    header = "sensor_id,location_name,location_type,latitude,longitude,installation_date\n"
    drop(platform, "sensors.csv", header + "SENS001,A school,School,14.7,-17.4,2024-01-15\n")
    platform.land(AIR)
    next(platform.settings.raw.rglob("sensors.csv")).write_bytes(b"\x1f\x8b garbage")
    runs = list[str]()
    errors = build_pending(platform, AIR, defs, instance, runs.append)
    assert len(runs) == 1
    assert [error.split(" ")[0] for error in errors] == ["silver/air_sensors"]
    for _ in range(platform.settings.attempts):
        build_pending(platform, AIR, defs, instance, runs.append)
    plan = platform.runner(AIR).plan()
    assert {"silver/air_sensors", "silver/air_sensors_quarantine"} <= {table for table, _ in plan.changed}
    assert due(plan, platform.ledger.targets.attempts(), [], utc_now(), platform.settings) == []


def test_every_run_is_logged_with_its_days_rows_and_error(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    landed(platform)
    drop(platform, "odd.csv", HEADER + f"SENS009,{DAYS[0]}T10:00:00Z,oops,,,\n,{DAYS[0]}T11:00:00Z,1,,,\n")
    platform.land(AIR)
    log_run(platform, instance, run_days(defs, instance, DAYS[0], DAYS[1]).run_id)
    next(platform.settings.raw.rglob(f"{DAYS[2]}.csv")).unlink()
    log_run(platform, instance, run_days(defs, instance, DAYS[2], DAYS[2]).run_id)
    failed, good = platform.ledger.runs.latest(10)
    assert (good.job, good.domain, good.status, good.error) == ("air_job", "air", "SUCCESS", "")
    assert good.days == f"{DAYS[0]}…{DAYS[1]}"
    assert good.started_at is not None
    assert good.ended_at is not None
    assert good.started_at <= good.ended_at <= utc_now()
    assert good.rows_in == 2 * 288 + 2
    derived = {t: b.rows for t, b in platform.ledger.targets.built().items() if t[0] in AIR.contracts and t[1]}
    whole = sum(b.rows for t, b in platform.ledger.targets.built().items() if t[0] in AIR.contracts and not t[1])
    assert good.rows_out == sum(derived.values()) + whole
    assert good.rejected == sum(account.rejected for account in platform.ledger.targets.accounts("air")) > 0
    assert (failed.status, failed.days) == ("FAILURE", DAYS[2])
    assert f"{DAYS[2]}.csv" in failed.error
    assert "\n" not in failed.error


def test_a_run_noted_when_it_starts_and_when_it_ends_is_one_row(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    landed(platform)
    run_id = run_days(defs, instance, DAYS[0], DAYS[0]).run_id
    for _ in range(2):
        log_run(platform, instance, run_id)
    assert [run.run_id for run in platform.ledger.runs.latest(10)] == [run_id]


def test_the_morning_builds_what_the_last_days_lack_and_is_asked_for_once_a_day(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    landed(platform)
    schedule = defs.resolve_schedule_def("air_morning")
    context = dg.build_schedule_context(instance=instance, scheduled_execution_time=datetime(2025, 3, 4, 6, tzinfo=UTC))
    (request,) = schedule.evaluate_tick(context).run_requests or []
    assert request.run_key == "2025-03-03"
    result = defs.resolve_job_def("air_job").execute_in_process(
        instance=instance, tags=request.tags, run_config={**request.run_config, "loggers": QUIET}
    )
    assert result.success
    assert platform.runner(AIR).plan().pending == set()
    evaluated = {e.check_name for e in result.get_asset_check_evaluations()}
    assert {"published", "nothing_stuck", "delivered", "contract", "conservation"} <= evaluated


def test_a_sensor_that_fell_silent_is_named(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    last = (utc_now() - timedelta(hours=AIR.due_by_h)).date() - timedelta(days=1)
    before = last - timedelta(days=1)
    drop(platform, "a.csv", HEADER + f"SENS001,{before}T10:00:00Z,1,,,\nSENS002,{before}T10:00:00Z,1,,,\n")
    drop(platform, "b.csv", HEADER + f"SENS001,{last}T10:00:00Z,1,,,\n")
    assert build(platform).failed == {}
    result = run_days(defs, instance, before.isoformat(), last.isoformat())
    (found,) = [e for e in result.get_asset_check_evaluations() if e.check_name == "delivered"]
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert found.metadata["silent"].value == ["SENS002"]


def test_a_large_file_is_left_to_a_run_that_is_asked_for_again_only_after_a_rest(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    platform = build_platform(settings.model_copy(update={"tick_bytes": 100, "retry_s": 30.0}))
    defs = build_defs(platform.settings)
    drop(platform, "large.csv", day_file(DAYS[0]))
    sensor = defs.resolve_sensor_def("air_landing")
    result = sensor(dg.build_sensor_context(instance=instance, definitions=defs))
    assert isinstance(result, dg.SensorResult)
    (request,) = result.run_requests or []
    landing = defs.resolve_job_def(request.job_name or "")
    # As if the run was killed before it landed anything.
    run = instance.create_run_for_job(landing, tags=request.tags)
    instance.report_run_failed(run)
    assert isinstance(sensor(dg.build_sensor_context(instance=instance, definitions=defs)), dg.SkipReason)
    assert landing.execute_in_process(instance=instance, run_config={"loggers": QUIET}).success
    assert not list((platform.settings.inbox / "air").glob("*.csv"))
    assert materialized(instance, "raw/air_files") == {DAYS[0]}


def test_the_upkeep_merges_files_re_opens_nothing_and_tells_dagster_what_it_missed(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    for n in range(3):
        drop(platform, f"{n}.csv", HEADER + f"SENS001,{DAYS[0]}T0{n}:00:00Z,{n},,,\n")
        assert build(platform).failed == {}
    before = outputs(platform)
    quiet = {"loggers": QUIET}
    assert defs.resolve_job_def("air_upkeep_job").execute_in_process(instance=instance, run_config=quiet).success
    platform.publish(AIR)
    assert platform.runner(AIR).plan().pending == set()
    assert outputs(platform) == before
    assert table(platform, "silver/air_measurements").height == 3
    # Built without Dagster, as by a run that was killed before it could say so.
    days = {day for name, day in platform.ledger.targets.built() if name == "gold/air_daily"}
    assert materialized(instance, "gold/air_daily") == days >= {DAYS[0]}


def test_tables_that_new_readings_must_reach_declare_how_fresh_they_must_be(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    fresh = {key.to_user_string() for key in graph.get_all_asset_keys() if graph.get(key).freshness_policy}
    assert fresh == {
        "raw/air_files", "silver/air_measurements", "warehouse/air",
        "raw/vitals_files", "silver/vitals_readings", "warehouse/vitals",
    }  # fmt: skip
    policy = graph.get(AssetKey(["warehouse", "air"])).freshness_policy
    assert policy == dg.FreshnessPolicy.time_window(timedelta(hours=26), timedelta(hours=13))


@pytest.mark.slow
def test_a_range_of_partitions_from_dagsters_command_line_gives_the_same_tables(platform: Platform) -> None:
    landed(platform)
    assert build(platform).failed == {}
    expected = outputs(platform)
    again = platform.settings.model_copy(update={"data": platform.settings.data.parent / "again"})
    for path in sorted(platform.settings.raw.rglob("*.csv")):
        target = again.inbox / "air" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    other = Platform(again, platform.domains)
    other.land(AIR)
    home = again.data / "dagster"
    home.mkdir()
    environment = {
        **os.environ,
        "KAIKAI_DATA": str(again.data),
        "KAIKAI_RUN_DAYS": "0",
        "DAGSTER_HOME": str(home),
    }
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "-m", "kaikai_assets.definitions"]
    command += [
        "--select",
        "group:air and (key:bronze/* or key:silver/* or key:gold/*)",
        "--partition-range",
        f"{DAYS[0]}...{DAYS[-1]}",
    ]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert outputs(other) == expected
