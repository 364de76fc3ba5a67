"""Alerts from files to the status log in the warehouse: late data, people, the command line, Dagster."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from kaikai_assets.build.steps import WHOLE
from kaikai_assets.cli.main import cli
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.ledger.alerts import AlertError, Known
from kaikai_assets.ledger.database import LedgerUnavailable
from kaikai_assets.operations.backup import backup
from kaikai_assets.operations.restore import restore
from kaikai_assets.orchestration.automation import range_tags, run_config
from kaikai_assets.orchestration.direct import QUIET
from kaikai_assets.platform import Platform
from kaikai_assets.settings import utc_now
from kaikai_assets_tests.end_to_end.product import again, build, drop
from kaikai_assets_tests.end_to_end.test_rebuilding import HEADER, day_file

DAY = "2025-03-01"
ALWAYS = timedelta(days=5000)

PUBLISH = """
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings
Platform(Settings(), {AIR.name: AIR}).publish(AIR)
"""


def hours(*bad: int, minutes: int = 60) -> str:
    """A day whose given hours are above every threshold."""
    rows = [
        f"SENS001,{DAY}T{hour:02d}:{minute:02d}:00Z,{60 if hour in bad else 5},25,50,500"
        for hour in range(6)
        for minute in range(0, minutes, 5)
    ]
    return HEADER + "\n".join(rows) + "\n"


def publish(platform: Platform) -> None:
    assert not build(platform).failed
    platform.publish(AIR)


def always_news(platform: Platform) -> Platform:
    """Anew, and no alert is too old to be told."""
    settings = platform.settings.model_copy(update={"notify_within_h": ALWAYS.total_seconds() / 3600})
    return Platform(settings, platform.domains)


def ask(platform: Platform, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(platform.settings.warehouse), read_only=True) as connection:
        return connection.execute(query).fetchall()


def hourly(platform: Platform) -> list[Known]:
    """Alerts of the rule on hourly means, the earliest first."""
    known = platform.ledger.alerts.known("air", utc_now())
    return [a for a in reversed(known) if a.seen.episode.severity == "alert"]


def changes(platform: Platform) -> list[tuple[object, ...]]:
    query = "SELECT change, hour(effective_at), author FROM gold.air_alert_status_log WHERE severity = 'alert'"
    return ask(platform, f"{query} ORDER BY noted_at, effective_at")


@pytest.fixture
def alerted(platform: Platform) -> Platform:
    drop(platform, "day.csv", hours(2))
    publish(platform)
    return platform


def test_every_change_is_a_row_of_the_published_log_and_the_superseded_stay_readable(alerted: Platform) -> None:
    assert changes(alerted) == [("opened", 2, ""), ("cleared", 3, "")]
    (first,) = hourly(alerted)
    alerted.act_on_alert("acknowledge", first.seen.episode.alert_id, "somebody")
    drop(alerted, "late.csv", hours(1, 2))
    publish(alerted)
    old, new = sorted(hourly(alerted), key=lambda a: not a.seen.gone)
    assert (old.seen.superseded_by, new.state.acknowledged) == (new.seen.episode.alert_id, True)
    assert {change for change, *_ in changes(alerted)} == {"opened", "cleared", "acknowledged", "superseded"}
    rows = ask(
        alerted,
        "SELECT h.gone, h.acknowledged, a.alert_id IS NOT NULL FROM gold.air_alert_history h "
        "LEFT JOIN gold.air_alerts a USING (alert_id) WHERE h.severity = 'alert' ORDER BY h.opened_at",
    )
    assert rows == [(False, True, True), (True, True, False)]
    query = "SELECT sensor_id, superseded_by FROM gold.air_alert_history WHERE severity = 'alert' AND gone"
    assert ask(alerted, query) == [("SENS001", new.seen.episode.alert_id)]


def test_publishing_again_changes_nothing_and_a_lost_warehouse_comes_back(alerted: Platform) -> None:
    before = changes(alerted)
    assert alerted.publish(AIR) == {}
    alerted.settings.warehouse.unlink()
    platform = again(alerted)
    platform.publish(AIR)
    assert changes(platform) == before


def test_a_lake_that_is_lost_and_made_anew_withdraws_nothing(alerted: Platform) -> None:
    before = alerted.ledger.alerts.log()
    shutil.rmtree(alerted.settings.data / "lake")
    platform = again(alerted)
    assert not build(platform).failed
    platform.publish(AIR)
    assert platform.ledger.alerts.log() == before


def test_a_backup_brings_the_journal_with_it(alerted: Platform, tmp_path: Path) -> None:
    alerted.act_on_alert("acknowledge", hourly(alerted)[0].seen.episode.alert_id, "somebody")
    backup(alerted, tmp_path / "backup", utc_now())
    settings = alerted.settings.model_copy(update={"data": tmp_path / "elsewhere"})
    elsewhere = Platform(settings, alerted.domains)
    restore(elsewhere, tmp_path / "backup")
    before = elsewhere.ledger.alerts.log()
    publish(elsewhere)
    assert hourly(elsewhere)[0].state.acknowledged
    assert elsewhere.ledger.alerts.log() == before == alerted.ledger.alerts.log()
    assert changes(elsewhere) == changes(alerted)


def test_a_ledger_is_moved_by_backup_and_restore(alerted: Platform, tmp_path: Path) -> None:
    alerted.act_on_alert("acknowledge", hourly(alerted)[0].seen.episode.alert_id, "somebody")
    backup(alerted, tmp_path / "backup", utc_now())
    url = SecretStr(f"sqlite:///{tmp_path / 'moved.sqlite'}")
    moved = Platform(alerted.settings.model_copy(update={"ledger_url": url}), alerted.domains)
    restore(moved, tmp_path / "backup")
    publish(moved)
    assert moved.ledger.alerts.log() == alerted.ledger.alerts.log()
    assert moved.ledger.outbox.listed() == alerted.ledger.outbox.listed()


def test_what_waited_to_be_told_when_a_backup_was_made_is_not_told_by_the_restored(
    platform: Platform, tmp_path: Path
) -> None:
    old = always_news(platform)
    for sensor in ("SENS001", "SENS002", "SENS003"):
        drop(old, f"{sensor}.csv", hours(2).replace("SENS001", sensor))
    publish(old)
    outbox = old.ledger.outbox
    first = outbox.claim(utc_now(), timedelta(0), ALWAYS)
    outbox.settle(first, "sent", "", utc_now())
    cut_off = outbox.claim(utc_now(), timedelta(0), ALWAYS)
    assert first
    assert cut_off
    before = [one.state for one in outbox.listed()]
    assert set(before) == {"sent", "sending", "pending"}
    backup(old, tmp_path / "backup", utc_now())
    elsewhere = Platform(old.settings.model_copy(update={"data": tmp_path / "elsewhere"}), old.domains)
    for _ in range(2):
        restore(elsewhere, tmp_path / "backup")
        restored = [one.state for one in elsewhere.ledger.outbox.listed()]
        assert restored == ["sent" if was == "sent" else "unknown" for was in before]
    publish(elsewhere)
    assert elsewhere.ledger.outbox.claim(utc_now() + timedelta(days=1), timedelta(0), ALWAYS) == []


def test_a_ledger_that_is_made_anew_from_raw_tells_nothing_again(platform: Platform) -> None:
    before = always_news(platform)
    drop(before, "day.csv", hours(2))
    publish(before)
    told = {one.key for one in before.ledger.outbox.listed() if one.state == "pending"}
    assert told
    before.ledger.close()
    for file in before.settings.data.glob("ledger.sqlite*"):
        file.unlink()
    after = always_news(platform)
    publish(after)
    assert {one.key: one.state for one in after.ledger.outbox.listed()} == dict.fromkeys(told, "held")


def test_tables_are_published_though_alerts_cannot_be_followed_and_the_attempt_has_failed(platform: Platform) -> None:
    drop(platform, "day.csv", hours(2))
    assert not build(platform).failed
    with closing(sqlite3.connect(platform.settings.data / "ledger.sqlite")) as connection:
        connection.execute("DROP TABLE notifications")
    with pytest.raises(LedgerUnavailable, match="notifications"):
        platform.publish(AIR)
    assert ask(platform, "SELECT count(*) > 0 FROM gold.air_alerts") == [(True,)]
    target = (AIR.warehouse, WHOLE)
    assert "notifications" in platform.ledger.targets.attempts()[target].error
    assert target not in platform.ledger.targets.built()
    mended = again(platform)
    mended.publish(AIR)
    assert target not in mended.ledger.targets.attempts()
    assert changes(mended) == [("opened", 2, ""), ("cleared", 3, "")]


@pytest.mark.parametrize("noted", [False, True])
def test_a_publication_that_is_killed_while_it_follows_alerts_is_made_good_by_the_next(
    platform: Platform, noted: bool
) -> None:
    drop(platform, "day.csv", hours(2))
    assert not build(platform).failed
    # Opening the ledger, the attempt and the plan come first, then what was seen, then up to where.
    killed = subprocess.run(
        [sys.executable, "-c", PUBLISH],
        env={**os.environ, "KAIKAI_DATA": str(platform.settings.data), "KAIKAI_KILL_AT_WRITE": "5" if noted else "4"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert bool(platform.ledger.alerts.log()) == noted
    assert (AIR.alert_journal[0], WHOLE) not in platform.ledger.targets.built()
    platform.publish(AIR)
    assert changes(platform) == [("opened", 2, ""), ("cleared", 3, "")]
    assert len(platform.ledger.outbox.listed()) == len({one.key for one in platform.ledger.outbox.listed()}) > 0


def test_alerts_of_a_backfill_are_noted_and_held(alerted: Platform) -> None:
    assert {one.state for one in alerted.ledger.outbox.listed()} == {"held"}


# command line ----------------------------------------------------------------------------------------------------


def kaikai(platform: Platform, *arguments: str, author: str = "") -> tuple[int, str]:
    environment = {"KAIKAI_DATA": str(platform.settings.data), "KAIKAI_AUTHOR": author}
    done = CliRunner().invoke(cli, ["alerts", *arguments], env=environment)
    error = f"{type(done.exception).__name__}: {done.exception}" if done.exception else ""
    return done.exit_code, done.output + error


def test_the_command_lists_shows_and_acts(alerted: Platform) -> None:
    alert_id = hourly(alerted)[0].seen.episode.alert_id
    _, listed = kaikai(alerted, "list", "air")
    assert f"{alert_id}  {DAY} 02:00:00  alert" in listed
    assert "SENS001  cleared, unacknowledged" in listed
    assert kaikai(alerted, "acknowledge", alert_id[:12], author="somebody") == (0, f"air {alert_id}: acknowledge\n")
    assert "it was so already" in kaikai(alerted, "acknowledge", alert_id, "--author", "another")[1]
    assert alert_id not in kaikai(alerted, "list", "air")[1]
    assert "cleared, acknowledged" in kaikai(alerted, "list", "--all")[1]
    assert "acknowledged at" in kaikai(alerted, "show", alert_id)[1]
    until = (utc_now() + timedelta(hours=1)).isoformat()
    done = kaikai(alerted, "silence", alert_id, "--author", "a", "--reason", "works", "--until", until)
    assert done[0] == 0
    assert "by a  until" in kaikai(alerted, "log", alert_id, "--last", "1")[1]
    assert kaikai(alerted, "unsilence", alert_id, "--author", "a")[0] == 0
    assert kaikai(alerted, "resolve", alert_id, "--author", "a", "--reason", "aired")[0] == 0
    assert [row[0] for row in changes(alerted)][-4:] == ["acknowledged", "silenced", "unsilenced", "resolved"]
    assert "held" in kaikai(alerted, "notifications")[1]
    assert "0 escalated" in kaikai(alerted, "send")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["acknowledge", "zzz", "--author", "a"], "AlertError: no alert 'zzz'"),
        (["acknowledge", "ID"], "an author is needed"),
        (["resolve", "ID", "--author", "a"], "--reason"),
        (["silence", "ID", "--author", "a", "--reason", "r"], "--until"),
        (["silence", "ID", "--author", "a", "--reason", "r", "--until", "soon"], "is not an instant"),
        (["silence", "ID", "--author", "a", "--reason", "r", "--until", "2020-01-01"], "must be in the future"),
        (["unsilence", "ID", "--author", "a"], "is not silenced"),
        (["show", "zzz"], "no alert 'zzz'"),
    ],
)
def test_what_a_command_cannot_do_it_says(alerted: Platform, arguments: list[str], said: str) -> None:
    alert_id = hourly(alerted)[0].seen.episode.alert_id
    code, text = kaikai(alerted, *(alert_id if word == "ID" else word for word in arguments))
    assert code != 0
    assert said in text


# Dagster ---------------------------------------------------------------------------------------------------------


def test_a_run_publishes_the_log_as_an_asset_and_the_job_acts_as_the_command_does(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    drop(platform, "day.csv", day_file(DAY, 60.0))
    platform.land(AIR)
    first = next(iter(platform.runner(AIR).state().file_days))
    job = defs.resolve_job_def("air_job")
    config = run_config(AIR, loggers=QUIET)
    assert job.execute_in_process(instance=instance, tags=range_tags(AIR, first, first), run_config=config).success
    key = dg.AssetKey(["gold", "air_alert_status_log"])
    assert instance.get_latest_materialization_event(key) is not None
    graph = defs.resolve_asset_graph()
    assert graph.get(key).parent_keys == {dg.AssetKey(["gold", "air_alerts"])}
    alert_id = hourly(platform)[0].seen.episode.alert_id
    acting = defs.resolve_job_def("air_alerts_job")

    def act(**values: str) -> dg.ExecuteInProcessResult:
        ops = {"air_act_on_alert": {"config": {"alert_id": alert_id, "author": "somebody", **values}}}
        return acting.execute_in_process(instance=instance, run_config={"ops": ops, "loggers": QUIET})

    assert act(action="acknowledge").success
    assert hourly(platform)[0].state.acknowledged
    assert changes(platform)[-1][0] == "acknowledged"
    with pytest.raises(AlertError, match="in the future"):
        act(action="silence", reason="r", expires_at="2020-01-01")


def test_the_sensor_escalates_and_sends_without_asking_for_a_run(
    platform: Platform, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    result = defs.resolve_sensor_def("alert_notifications")(dg.build_sensor_context(instance=instance))
    assert isinstance(result, dg.SkipReason)
    assert result.skip_message == "0 escalated, 0 sent, 0 postponed, 0 failed, 0 unknown"
