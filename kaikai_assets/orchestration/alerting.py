"""Alerts in Dagster: the job by which a person acts on one, and the sensor that escalates and sends."""

from datetime import UTC, datetime
from enum import Enum

import dagster as dg

from kaikai_assets.build.steps import Domain
from kaikai_assets.operations.dispatch import dispatch
from kaikai_assets.platform import Platform


class Act(Enum):
    """What a person may do with an alert."""

    acknowledge = "acknowledge"
    resolve = "resolve"
    silence = "silence"
    unsilence = "unsilence"


class ActConfig(dg.Config):
    """An action on an alert. ``expires_at`` (ISO 8601, UTC where it names no zone) ends a silence."""

    action: Act
    alert_id: str
    author: str
    reason: str = ""
    expires_at: str = ""


def alerts_job(platform: Platform, domain: Domain) -> dg.JobDefinition:
    """Job of one op that does what ``kaikai alerts`` does."""

    @dg.op(name=f"{domain.name}_act_on_alert")
    def act_on_alert(context: dg.OpExecutionContext, config: ActConfig) -> None:
        end = datetime.fromisoformat(config.expires_at) if config.expires_at else None
        if end is not None and end.tzinfo is None:
            end = end.replace(tzinfo=UTC)
        who, why = config.author, config.reason
        acted = platform.act_on_alert(config.action.value, config.alert_id, who, reason=why, expires_at=end)
        context.log.info(str(acted))

    @dg.job(
        name=f"{domain.name}_alerts_job",
        executor_def=dg.in_process_executor,
        description=f"Acknowledge, resolve, silence or unsilence an alert of {domain.name}.",
    )
    def act() -> None:
        act_on_alert()

    return act


def notifications_sensor(platform: Platform) -> dg.SensorDefinition:
    """Escalates alerts and sends notifications; it asks for no run."""

    @dg.sensor(
        name="alert_notifications",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Escalates critical alerts that nobody acknowledged, and sends what the outbox holds.",
    )
    def notify(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        done = dispatch(platform)
        said = ", ".join(f"{count} {name}" for name, count in vars(done).items())
        if done.failed or done.unknown:
            context.log.warning(f"notifications: {said}; see `kaikai alerts notifications`")
        return dg.SkipReason(said)

    return notify
