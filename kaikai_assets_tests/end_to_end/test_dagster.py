"""Every road through Dagster: sensor, job over a range, one partition, a failing day, the definitions themselves."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
from dagster import AssetKey, DagsterEventType
from deltalake import DeltaTable

from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.orchestration.automation import range_tags, run_config
from kaikai_assets.orchestration.direct import QUIET
from kaikai_assets.platform import Platform
from kaikai_assets.settings import utc_now
from kaikai_assets_tests.end_to_end.product import build, drop, materialized, outputs, table
from kaikai_assets_tests.end_to_end.test_rebuilding import HEADER, day_file

ROOT = Path(__file__).parents[2]
DAYS = ["2025-03-01", "2025-03-02", "2025-03-03"]


def run_range(
    defs: dg.Definitions, instance: dg.DagsterInstance, start: str, end: str, *, person: bool = False
) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def("air_job").execute_in_process(
        instance=instance,
        raise_on_error=False,
        tags=range_tags(AIR, date.fromisoformat(start), date.fromisoformat(end)),
        run_config={"loggers": QUIET} if person else run_config(AIR, loggers=QUIET),
    )


def tick(defs: dg.Definitions, instance: dg.DagsterInstance) -> dg.SensorResult | dg.SkipReason:
    context = dg.build_sensor_context(instance=instance, definitions=defs)
    result = defs.resolve_sensor_def("air_landing")(context)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    if isinstance(result, dg.SensorResult):
        for event in result.asset_events:  # as the daemon does
            instance.report_runless_asset_event(event)
    return result


def checks(result: dg.ExecuteInProcessResult) -> set[tuple[str, str, str | None, bool]]:
    events = [e for e in result.all_events if e.event_type == DagsterEventType.ASSET_CHECK_EVALUATION]
    found = [event.asset_check_evaluation_data for event in events]
    return {(e.asset_key.path[-1], e.check_name, e.partition, e.passed) for e in found}


def test_the_sensor_lands_announces_raw_days_asks_for_pending_ones_and_then_rests(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    for day in DAYS:
        drop(platform, f"{day}.csv", day_file(day))
    drop(platform, "bad.csv", "a,b\n1,2\n")
    result = tick(defs, instance)
    assert isinstance(result, dg.SensorResult)
    assert materialized(instance, "raw/air_files") == set(DAYS)
    (request,) = result.run_requests or []
    assert request.tags["dagster/asset_partition_range_start"] == DAYS[0]
    assert request.tags["dagster/asset_partition_range_end"] == DAYS[-1]

    job = defs.resolve_job_def(request.job_name or "")
    quiet = {**request.run_config, "loggers": QUIET}
    run = job.execute_in_process(instance=instance, tags=request.tags, run_config=quiet)
    assert run.success
    for name in ("bronze/air_measurements", "silver/air_measurements", "silver/air_quarantine", "gold/air_daily"):
        assert materialized(instance, name) == set(DAYS)
    assert isinstance(tick(defs, instance), dg.SkipReason)
    assert [path.name for path in (platform.settings.rejected / "air").glob("*/*.csv")] == ["bad.csv"]


def test_the_sensor_skips_days_in_flight_and_asks_for_today_beside_a_backfill(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    today = utc_now().date().isoformat()
    drop(platform, "old.csv", day_file(DAYS[0]))
    first = tick(defs, instance)
    assert isinstance(first, dg.SensorResult)
    (request,) = first.run_requests or []
    job = defs.resolve_job_def("air_job")
    flying = instance.create_run_for_job(job, tags=request.tags, run_config=request.run_config)
    instance.add_run_tags(flying.run_id, {})
    assert isinstance(tick(defs, instance), dg.SkipReason)

    drop(platform, "older.csv", day_file("2025-01-01"))
    drop(platform, "today.csv", HEADER + f"SENS001,{today}T00:00:00Z,10,25,50,500\n")
    second = tick(defs, instance)
    assert isinstance(second, dg.SensorResult)
    (request,) = second.run_requests or []
    assert request.tags["dagster/asset_partition_range_start"] == today


def test_a_stray_year_cannot_stop_a_tick(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    drop(platform, "stray.csv", HEADER + "SENS001,1970-01-01T00:00:00Z,1,,,\nSENS001,2262-01-01T00:00:00Z,1,,,\n")
    drop(platform, "good.csv", day_file(DAYS[0]))
    build(platform)
    aside = table(platform, "silver/air_quarantine")
    assert aside.select("rule").to_series().to_list() == ["time_out_of_range"] * 2
    assert set(aside["day"]) == {utc_now().date()}
    assert table(platform, "silver/air_measurements").height == 288


def test_each_partition_of_a_range_has_its_check_evaluations_and_metadata(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    for day in DAYS:
        drop(platform, f"{day}.csv", day_file(day))
    platform.land(AIR)
    result = run_range(defs, instance, DAYS[0], DAYS[-1])
    assert result.success
    expected = {("air_measurements", name, day, True) for name in ("contract", "conservation") for day in DAYS}
    assert expected <= checks(result)
    record = instance.fetch_materializations(
        dg.AssetRecordsFilter(AssetKey(["silver", "air_measurements"]), asset_partitions=[DAYS[1]]), limit=1
    ).records[0]
    assert record.asset_materialization is not None
    metadata = {key: value.value for key, value in record.asset_materialization.metadata.items()}
    assert (metadata["dagster/partition_row_count"], metadata["records"], metadata["rejected"]) == (288, 288, 0)


def test_a_persons_materialize_recomputes_what_is_up_to_date_and_a_sensors_run_does_not(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    drop(platform, "day.csv", day_file(DAYS[0]))
    build(platform)
    before = outputs(platform)
    assert run_range(defs, instance, DAYS[0], DAYS[0]).success
    assert materialized(instance, "silver/air_measurements") == set()
    assert run_range(defs, instance, DAYS[0], DAYS[0], person=True).success
    assert materialized(instance, "silver/air_measurements") == {DAYS[0]}
    assert outputs(platform) == before


def test_one_table_of_one_day_can_be_materialized_alone(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    for day in DAYS:
        drop(platform, f"{day}.csv", day_file(day))
    build(platform)
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=instance, partition_key=DAYS[1], asset_selection=[AssetKey(["gold", "air_daily"])]
    )
    assert result.success
    assert materialized(instance, "gold/air_daily") == {DAYS[1]}
    assert materialized(instance, "silver/air_measurements") == set()


def test_a_day_whose_records_do_not_add_up_is_not_committed_the_others_are_and_the_run_names_it(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    for day in DAYS:
        drop(platform, f"{day}.csv", day_file(day))
    platform.land(AIR)
    assert run_range(defs, instance, DAYS[0], DAYS[-1]).success
    # Somebody takes a record out of bronze by hand, then a late file opens the days again.
    bronze = DeltaTable(platform.lake.uri("bronze/air_measurements"))
    bronze.delete(f"day = '{DAYS[1]}' AND record = 7")
    for day in DAYS:
        drop(platform, f"late {day}.csv", HEADER + f"SENS002,{day}T12:00:00Z,12,,,\n")
    platform.land(AIR)
    result = run_range(defs, instance, DAYS[0], DAYS[-1])
    assert not result.success
    failure = next(e for e in result.all_events if e.event_type == DagsterEventType.STEP_FAILURE)
    assert "silver/air_measurements 2025-03-02" in str(failure.event_specific_data)
    assert ("air_measurements", "conservation", DAYS[1], False) in checks(result)
    counts = dict(table(platform, "silver/air_measurements").group_by("day").len().iter_rows())
    assert counts == {date(2025, 3, 1): 289, date(2025, 3, 2): 288, date(2025, 3, 3): 289}
    sensors = table(platform, "gold/air_daily").group_by("day").agg(pl.len())
    assert dict(sensors.iter_rows()) == {date(2025, 3, 1): 2, date(2025, 3, 2): 1, date(2025, 3, 3): 2}
    attempts = platform.ledger.targets.attempts()
    assert set(attempts) == {("silver/air_measurements", DAYS[1])}
    assert "289 records landed, 288 in bronze" in attempts["silver/air_measurements", DAYS[1]].error


def test_a_damaged_raw_file_fails_its_day_and_spares_the_others(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    for day in DAYS:
        drop(platform, f"{day}.csv", day_file(day))
    platform.land(AIR)
    damaged = next(path for path in platform.settings.raw.rglob("2025-03-02.csv"))
    damaged.write_bytes(b"\x1f\x8b garbage")
    result = run_range(defs, instance, DAYS[0], DAYS[-1])
    assert not result.success
    assert materialized(instance, "gold/air_daily") == {DAYS[0], DAYS[2]}
    errors = platform.ledger.targets.attempts()
    assert set(errors) == {("bronze/air_measurements", DAYS[1])}
    assert "2025-03-02.csv" in errors["bronze/air_measurements", DAYS[1]].error


def standing(instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation:
    key = dg.AssetCheckKey(AssetKey(["warehouse", "air"]), "nothing_stuck")
    record = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert isinstance(record.evaluation, dg.AssetCheckEvaluation)
    return record.evaluation


def test_a_failing_day_is_retried_a_bounded_number_of_times_is_then_left_alone_and_named(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    drop(platform, "day.csv", day_file(DAYS[0]))
    platform.land(AIR)
    raw = next(path for path in platform.settings.raw.rglob("day.csv"))
    kept = raw.read_bytes()
    raw.unlink()
    runs, said = 0, []
    for _ in range(3 * platform.settings.attempts):
        result = tick(defs, instance)
        if isinstance(result, dg.SkipReason):
            break
        said += [event.metadata["broken"].value for event in result.asset_events]
        for request in result.run_requests or []:
            job = defs.resolve_job_def(request.job_name or "")
            job.execute_in_process(
                instance=instance,
                tags=request.tags,
                run_config={**request.run_config, "loggers": QUIET},
                raise_on_error=False,
            )
            runs += 1
    assert runs == platform.settings.attempts
    assert said[-1] == 1
    found = standing(instance)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    listed = found.metadata["targets"]
    assert isinstance(listed, dg.TableMetadataValue)
    assert [(row.data["target"], row.data["state"]) for row in listed.records] == [
        (f"bronze/air_measurements {DAYS[0]}", "broken")
    ]
    assert "day.csv" in str(listed.records[0].data["error"])

    # A person brings the file back and materializes the day: the list empties by itself.
    raw.write_bytes(kept)
    assert run_range(defs, instance, DAYS[0], DAYS[0], person=True).success
    tick(defs, instance)
    assert standing(instance).passed


def test_a_table_that_lost_rows_in_the_warehouse_fails_the_published_check(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    drop(platform, "day.csv", day_file(DAYS[0]))
    platform.land(AIR)
    assert ("air", "published", None, True) in checks(run_range(defs, instance, DAYS[0], DAYS[0]))
    warehouse = platform.settings.warehouse
    warehouse.chmod(0o644)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("DELETE FROM gold.air_hourly WHERE hour = (SELECT min(hour) FROM gold.air_hourly)")
    assert ("air", "published", None, False) in checks(run_range(defs, instance, DAYS[0], DAYS[0]))


def test_the_graph_declares_windows_owners_kinds_and_contracts(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    names = {"/".join(key.path) for key in graph.get_all_asset_keys()}
    assert {
        "raw/air_files", "bronze/air_measurements", "silver/air_measurements", "silver/air_quarantine",
        "silver/air_sensors", "gold/air_hourly", "gold/air_daily", "gold/air_alerts",
    } <= names  # fmt: skip
    daily = graph.get(AssetKey(["gold", "air_daily"]))
    mapping = daily.partition_mappings[AssetKey(["gold", "air_hourly"])]
    assert isinstance(mapping, dg.TimeWindowPartitionMapping)
    assert (mapping.start_offset, mapping.end_offset) == (-13, 1)
    for name in (name for name in names if not name.startswith("raw/")):
        node = graph.get(AssetKey(name.split("/")))
        domain = name.split("/")[1].split("_")[0]
        assert node.group_name == domain
        assert node.owners == [f"team:{domain}"]
        assert node.kinds
        assert node.description
    schema = daily.metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    assert next(c for c in schema.columns if c.name == "pm25_mean").type == "Float64 [µg/m³]"
    lineage = daily.metadata["dagster/column_lineage"]
    assert isinstance(lineage, dg.TableColumnLineage)
    origins = {(d.asset_key.to_user_string(), d.column_name) for d in lineage.deps_by_column["pm25_mean"]}
    assert origins == {("gold/air_hourly", "pm25_mean"), ("silver/air_measurements", "pm25")}


def test_the_workspace_loads_as_dagster_loads_it(tmp_path: Path) -> None:
    environment = {**os.environ, "KAIKAI_DATA": str(tmp_path), "DAGSTER_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
