"""One daemon, left running: files go in, tables come out; what fails is tried again, then named; nothing is lost."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus

from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air import configuration
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.ledger.runs import LoggedRun
from kaikai_assets.ledger.targets import Built, Target
from kaikai_assets.operations.verify import verify
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.daemon import DAEMON, ROOT, Home, home
from kaikai_assets_tests.end_to_end.product import drop, outputs, table
from kaikai_assets_tests.end_to_end.test_killed_runs import days_in_gold, publishing_is_held, started_run
from kaikai_assets_tests.end_to_end.test_rebuilding import HEADER, OF_A_DAY, day_file

pytestmark = pytest.mark.slow
DAYS = ["2025-03-01", "2025-03-02", "2025-03-03", "2025-03-04"]
OF_RECORDS = {"bronze/air_measurements", "silver/air_measurements", "silver/air_quarantine"}
REGISTRY = {("silver/air_sensors", ""), ("silver/air_sensors_quarantine", "")}
ALERTS = {("gold/air_alerts", ""), ("gold/air_rule_comparison", "")}
UNPARTITIONED = ALERTS | {(AIR.warehouse, "")}


@dataclass
class Site:
    """A machine on which a daemon runs a copy of the package, so that its rule files can be changed."""

    platform: Platform
    home: Home
    instance: dg.DagsterInstance
    processes: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        self.daemon = self.processes.enter_context(self.home.running(*DAEMON))

    def restart(self) -> None:
        """Stop the daemon as an operator does, and start it again."""
        self.daemon.terminate()
        self.daemon.wait()
        self.start()

    def rests(self) -> dict[Target, Built]:
        """What is built when all is done."""
        self.home.until(self._is_calm, "everything is built", every_s=0.5, otherwise=self._undone)
        return self.platform.ledger.targets.built()

    def _is_calm(self) -> bool:
        inbox = self.platform.settings.inbox
        if any(path.is_file() for path in inbox.rglob("*")) or not all(r.is_finished for r in self.instance.get_runs()):
            return False
        return not self.pending()

    def pending(self) -> frozenset[Target]:
        """What is not built from what there is now."""
        return frozenset(self.platform.runner(AIR).plan().pending)

    def _undone(self) -> str:
        attempts = self.platform.ledger.targets.attempts()
        running = [(run.run_id, run.status.value, run.tags) for run in self.instance.get_runs() if not run.is_finished]
        return f"pending: { {target: attempts.get(target) for target in sorted(self.pending())} }; runs: {running}"

    def told(self, since: int) -> set[Target]:
        """Days of tables that Dagster was told of after an event."""
        found = set()
        for asset in (AIR.bronze, *AIR.contracts):
            records = self.instance.fetch_materializations(
                dg.AssetRecordsFilter(dg.AssetKey(asset.split("/")), after_storage_id=since), limit=1000
            ).records
            found |= {(asset, record.partition_key or "") for record in records}
        return found

    def last_event(self) -> int:
        return self.instance.event_log_storage.get_maximum_record_id() or 0

    def standing(self) -> dg.AssetCheckEvaluation | None:
        """What the standing check said last."""
        key = dg.AssetCheckKey(dg.AssetKey(AIR.warehouse.split("/")), "nothing_stuck")
        record = self.instance.event_log_storage.get_latest_asset_check_execution_by_key([key]).get(key)
        return record.evaluation if record and isinstance(record.evaluation, dg.AssetCheckEvaluation) else None


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "kaikai_assets", folder / "package" / "kaikai_assets")
    shutil.copyfile(ROOT / "workspace.yaml", folder / "package" / "workspace.yaml")
    platform = build_platform(Settings(data=folder / "data", settle_s=0, retry_s=0, run_days=7))
    at = home(platform, "local")
    at = Home(at.folder, {**at.environment, "KAIKAI_RUN_DAYS": "7"}, folder / "package")
    with pytest.MonkeyPatch.context() as patch, at.instance() as instance, ExitStack() as processes:
        patch.setattr(configuration, "RULES", folder / "package" / "kaikai_assets" / "domains" / "air" / "rules")
        found = Site(platform, at, instance, processes)
        for day in DAYS:
            drop(platform, f"{day}.csv", day_file(day))
        drop(platform, "kaikai_sensors/sensors.csv", registry("Dakar - Plateau", 300))
        found.start()
        found.rests()
        yield found
    configuration.rule_sets.cache_clear()


def registry(place: str, interval_s: int) -> str:
    return (
        "sensor_id,location_name,location_type,latitude,longitude,installation_date,expected_interval_s\n"
        f"SENS001,{place},Urban,14.6937,-17.4441,2024-01-15,{interval_s}\n"
    )


def rebuilt(site: Site, before: dict[Target, Built], since: int) -> set[Target]:
    """Targets that were built since then; Dagster was told of these and of no others."""
    after = site.rests()
    # Not the published file, nor the journal of alerts that goes with it.
    found = {target for target, built in after.items() if target[0] in AIR.tables and built != before.get(target)}
    assert site.told(since) == found
    return found


def test_dropped_files_are_in_gold_and_on_the_list_of_runs(site: Site) -> None:
    assert days_in_gold(site.platform) == set(DAYS)
    built = {target for target in site.rests() if target[0] in OF_A_DAY}
    assert built == {(name, day) for name in OF_A_DAY for day in DAYS}
    runs = log(site)
    assert {run.status for run in runs.values()} == {"SUCCESS"}
    assert sum(run.rows_in for run in runs.values()) == 4 * 288


def log(site: Site) -> dict[str, LoggedRun]:
    """The list of runs, once it has every run with its last status."""

    def all_noted() -> dict[str, LoggedRun] | None:
        noted = {run.run_id: run for run in site.platform.ledger.runs.latest(1000)}
        wanted = {run.run_id: run.status.value for run in site.instance.get_runs()}
        return noted if {run_id: run.status for run_id, run in noted.items()} == wanted else None

    found = site.home.until(all_noted, "every run is on the list, as it ended", every_s=0.5)
    assert all(run.started_at and run.ended_at for run in found.values())
    return found


def test_a_late_file_for_an_old_day_rebuilds_that_day_and_nothing_else(site: Site) -> None:
    before, since = site.rests(), site.last_event()
    drop(site.platform, "late.csv", HEADER + f"SENS001,{DAYS[1]}T12:02:30Z,99,25,50,500\n")
    # Flags look at the readings around, the NowCast of a morning at the evening before, drift at the two weeks before.
    around = {("silver/air_flags", DAYS[0]), ("silver/air_flags", DAYS[2]), ("gold/air_hourly", DAYS[2])}
    around |= {("gold/air_sensor_health", DAYS[2]), ("gold/air_sensor_health", DAYS[3])}
    around |= {("gold/air_network_daily", DAYS[2])}
    # The reading is an alert by itself.
    assert rebuilt(site, before, since) == {(name, DAYS[1]) for name in OF_A_DAY} | around | ALERTS


def test_a_row_that_says_nothing_new_stops_at_silver(site: Site) -> None:
    before, since, rows = site.rests(), site.last_event(), outputs(site.platform)
    drop(site.platform, "again.csv", HEADER + f"SENS001,{DAYS[2]}T12:00:00Z,20.0,25,50,500\n")
    assert rebuilt(site, before, since) == {
        (name, DAYS[2]) for name in ("bronze/air_measurements", "silver/air_measurements", "silver/air_quarantine")
    }
    assert outputs(site.platform) == rows


def test_a_registry_row_rebuilds_what_reads_the_column_that_changed(site: Site) -> None:
    before, since = site.rests(), site.last_event()
    drop(site.platform, "kaikai_sensors/renamed.csv", registry("Dakar - Médina", 300))
    assert rebuilt(site, before, since) == REGISTRY
    before, since = site.rests(), site.last_event()
    drop(site.platform, "kaikai_sensors/slower.csv", registry("Dakar - Médina", 600))
    # Hours expect other counts; days and alerts are made from them, zones where the rows of a day changed.
    made = {(name, day) for name in OF_A_DAY - OF_RECORDS - {"gold/air_zone_daily"} for day in DAYS}
    found = {target for target in rebuilt(site, before, since) if target[0] != "gold/air_zone_daily"}
    # Alerts are folded anew, since longer gaps are none now.
    assert found == REGISTRY | made | ALERTS


def test_a_changed_rule_file_rebuilds_alerts_after_the_code_location_was_started_again(site: Site) -> None:
    before, since = site.rests(), site.last_event()
    path = configuration.RULES / "kaikai-v1.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["rules"][0]["all"][0]["threshold"] = 15
    path.write_text(json.dumps(content), encoding="utf-8")
    configuration.rule_sets.cache_clear()
    site.restart()
    found = rebuilt(site, before, since)
    of_days = {(name, day) for name in ("gold/air_alert_days", "gold/air_network_daily") for day in DAYS}
    assert found == of_days | ALERTS
    alerts = table(site.platform, "gold/air_alerts")
    assert alerts.filter(rule="pm25_hourly_above_35")["threshold"].to_list() == [15.0]


def test_a_day_whose_raw_file_was_damaged_is_tried_again_then_named_and_built_once_it_is_mended(site: Site) -> None:
    site.rests()
    known = log(site)
    raw = next(site.platform.settings.raw.rglob(f"{DAYS[0]}.csv"))
    kept = raw.read_bytes()
    raw.write_bytes(b"\x1f\x8b garbage")
    shutil.rmtree(site.platform.settings.data / "lake" / "bronze")  # so that it is read again

    def broken() -> list[str]:
        said = site.standing()
        listed = None if said is None or said.passed else said.metadata["targets"]
        rows = listed.records if isinstance(listed, dg.TableMetadataValue) else []
        return [str(row.data["target"]) for row in rows if row.data["state"] == "broken"]

    site.home.until(broken, "the check names what is broken")
    assert broken() == [f"bronze/air_measurements {DAYS[0]}"]
    said = site.standing()
    assert said is not None
    assert said.severity is dg.AssetCheckSeverity.ERROR
    attempt = site.platform.ledger.targets.attempts()["bronze/air_measurements", DAYS[0]]
    assert attempt.attempts == site.platform.settings.attempts
    site.home.until(lambda: all(run.is_finished for run in site.instance.get_runs()), "no run goes on")
    failed = [run for run_id, run in log(site).items() if run_id not in known and run.status == "FAILURE"]
    assert len(failed) == site.platform.settings.attempts
    assert all(DAYS[0] in run.error and f"{DAYS[0]}.csv" in run.error for run in failed)
    # What looks back waits too, from the next day, and the health of sensors from two weeks; all else is built.
    next_day = {(name, DAYS[1]) for name in OF_A_DAY - OF_RECORDS}
    health = {(name, day) for name in ("gold/air_sensor_health", "gold/air_network_daily") for day in DAYS}
    waiting = {(name, DAYS[0]) for name in OF_A_DAY} | next_day | health | UNPARTITIONED
    site.home.until(lambda: site.pending() <= waiting, "all else is built", every_s=0.5)
    assert site.pending() >= {(name, DAYS[0]) for name in OF_RECORDS}

    raw.write_bytes(kept)
    drop(site.platform, "more.csv", HEADER + f"SENS002,{DAYS[0]}T12:00:00Z,20.0,25,50,500\n")
    site.rests()
    site.home.until(lambda: (now := site.standing()) is not None and now.passed, "the check is content again")


def test_the_day_of_a_killed_run_is_built_by_the_next(site: Site) -> None:
    site.rests()
    with publishing_is_held(site.platform):
        drop(site.platform, "new day.csv", day_file("2025-03-05"))
        run, process = started_run(site.home, site.instance)
        process.kill()
    site.rests()
    assert "2025-03-05" in days_in_gold(site.platform)
    assert log(site)[run.run_id].status == "FAILURE"


def test_a_backfill_of_all_tables_goes_on_when_the_daemon_is_killed_and_makes_the_same_tables(site: Site) -> None:
    site.rests()
    before = outputs(site.platform)
    with publishing_is_held(site.platform):
        backfill = launch_backfill(site, DAYS)
        first = site.home.until(lambda: runs_of(site, backfill), "its first run begins")
        os.kill(site.daemon.pid, signal.SIGKILL)
    site.start()

    def ended() -> bool:
        found = site.instance.get_backfill(backfill)
        assert found is not None
        return found.status is not BulkActionStatus.REQUESTED and not found.status.value.endswith("ING")

    site.home.until(ended, "the backfill ends")
    found = site.instance.get_backfill(backfill)
    assert found is not None
    assert found.status is BulkActionStatus.COMPLETED_SUCCESS
    assert {run.run_id for run in first} < {run.run_id for run in runs_of(site, backfill)}
    site.rests()
    assert outputs(site.platform) == before
    assert all(run.status in ("SUCCESS", "FAILURE") for run in log(site).values())
    verification = verify(site.platform, AIR)
    assert verification.clean, verification.differences
    assert not verification.pending


def runs_of(site: Site, backfill: str) -> list[dg.DagsterRun]:
    begun = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    return list(site.instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill}, statuses=begun)))


def launch_backfill(site: Site, days: list[str]) -> str:
    """As *Launch backfill* of the web interface, with all of the domain's tables selected."""
    mutation = """
        mutation($params: LaunchBackfillParams!) {
          launchPartitionBackfill(backfillParams: $params) {
            __typename
            ... on LaunchBackfillSuccess { backfillId }
            ... on PythonError { message }
          }
        }
    """
    params = {
        "assetSelection": [{"path": name.split("/")} for name in (AIR.bronze, *AIR.contracts, AIR.warehouse)],
        "partitionNames": days,
    }
    command = [
        sys.executable, "-c", "from dagster_graphql.cli import main; main()", "-w", "workspace.yaml",
        "-t", mutation, "-v", json.dumps({"params": params}),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=site.home.root, env=dict(site.home.environment), capture_output=True, text=True, check=True
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith('{"data"')]
    answer = json.loads(line)["data"]["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", answer
    return str(answer["backfillId"])
