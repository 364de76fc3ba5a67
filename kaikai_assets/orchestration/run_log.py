"""``pipeline_execution_log``: every run with its days, times, rows and error, noted as Dagster tells of its status."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import dagster as dg

from kaikai_assets.ledger.runs import LoggedRun
from kaikai_assets.orchestration.automation import DOMAIN, ranges_in_flight
from kaikai_assets.orchestration.specs import table_of
from kaikai_assets.platform import Platform

_STATUSES = (
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)
_FAILURES = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_CANCELED}
_LONGEST_ERROR = 2000


def run_log_sensors(platform: Platform) -> list[dg.SensorDefinition]:
    """Sensors that note each run when it starts and when it ends, killed and cancelled ones too."""
    return [_sensor(platform, status) for status in _STATUSES]


def _sensor(platform: Platform, status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=status,
        name=f"run_log_{status.value.lower()}",
        # The daemon looks every 5 seconds, and skips a sensor whose interval is not quite over.
        minimum_interval_seconds=9,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Notes runs in pipeline_execution_log.",
    )
    def note(context: dg.RunStatusSensorContext) -> None:
        log_run(platform, context.instance, context.dagster_run.run_id)

    return note


def log_run(platform: Platform, instance: dg.DagsterInstance, run_id: str) -> None:
    """Note a run as it stands now; what was noted of it before is replaced."""
    record = instance.get_run_record_by_id(run_id)
    if record is None:
        return
    run = record.dagster_run
    days = ranges_in_flight([run.tags])
    platform.ledger.runs.note(
        LoggedRun(
            run_id=run_id,
            job=run.job_name,
            domain=run.tags.get(DOMAIN) or _domain(platform, run),
            days="…".join(sorted({day.isoformat() for pair in days for day in pair})),
            status=run.status.value,
            started_at=_instant(record.start_time),
            ended_at=_instant(record.end_time),
            error=_error(instance, run_id),
            **_rows(platform, instance, run_id),
        )
    )


def _domain(platform: Platform, run: dg.DagsterRun) -> str:
    """Domain of a run that a person started: the one whose tables it selected, or whose job it is."""
    selected = {table_of(key) for key in run.asset_selection or ()}
    for name, domain in platform.domains.items():
        if selected & {domain.bronze, domain.warehouse, *domain.contracts} or run.job_name.startswith(f"{name}_"):
            return name
    return ""


def _rows(platform: Platform, instance: dg.DagsterInstance, run_id: str) -> Mapping[str, int]:
    bronze = {domain.bronze for domain in platform.domains.values()}
    counts = {"rows_in": 0, "rows_out": 0, "rejected": 0}
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        event = entry.get_dagster_event().step_materialization_data.materialization
        values = {name: value.value for name, value in event.metadata.items()}
        if values.get("unchanged"):
            continue
        rows = values.get("dagster/partition_row_count", values.get("dagster/row_count", 0))
        if isinstance(rows, int):
            counts["rows_in" if table_of(event.asset_key) in bronze else "rows_out"] += rows
        rejected = values.get("rejected", 0)
        if isinstance(rejected, int):
            counts["rejected"] += rejected
    return counts


def _error(instance: dg.DagsterInstance, run_id: str) -> str:
    """The first failure of a run, on one line."""
    for entry in instance.all_logs(run_id, of_type=_FAILURES):
        event = entry.get_dagster_event()
        data = event.event_specific_data
        described = getattr(getattr(data, "user_failure_data", None), "description", None)
        text = described or getattr(getattr(data, "error", None), "message", None) or event.message or ""
        return re.sub(r"\s+", " ", text).strip()[:_LONGEST_ERROR]
    return ""


def _instant(timestamp: float | None) -> datetime | None:
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
