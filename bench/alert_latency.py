"""From a file's drop to its alert row, under a running daemon: seconds for each of some files, their p50 and p95, and
what the seconds went to."""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb

from bench.alert_phases import Dropped, phases
from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.domains.vitals.domain import VITALS
from kaikai_assets.orchestration.automation import DOMAIN
from kaikai_assets.settings import Settings, utc_now
from kaikai_assets.simulation.air import simulate_air

_ROOT = Path(__file__).parents[1]
_LOOK_S = 0.05
_GIVE_UP_S = 300.0
_FIRST = date(2024, 1, 1)


def message(patient: str, at: datetime) -> str:
    """One bracelet message whose oxygen saturation is critical."""
    measured = {"freq_card": 96, "freq_resp": 20, "spo2_pct": 84.0, "temp_corp": 37.1}
    content = {"patient_id": patient, "device_id": f"device-{patient}", "timestamp": at.isoformat()}
    return json.dumps(content | {"measurements": measured, "api_version": "1.0.0"}) + "\n"


def drop(settings: Settings, name: str, text: str) -> float:
    """Put a file into the inbox by rename, as a careful sender does; when that was (``time.time``)."""
    folder = settings.inbox / "vitals" / "bracelet_ndjson"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.part").write_text(text, encoding="utf-8")
    (folder / f"{name}.part").rename(folder / f"{name}.ndjson")
    return time.time()


def alerts(warehouse: Path) -> int:
    """Critical alerts that an analyst finds in the published file."""
    if not warehouse.exists():
        return 0
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        try:
            (found,) = connection.execute("SELECT count(*) FROM gold.vitals_critical_alerts").fetchall()[0]
        except duckdb.CatalogException:
            return 0
    return int(found)


def follow(settings: Settings, name: str, text: str, pause_s: float) -> Dropped:
    """Drop a file, and wait for one more alert row. Raises ``TimeoutError``."""
    time.sleep(pause_s)
    before = alerts(settings.warehouse)
    dropped = drop(settings, name, text)
    while alerts(settings.warehouse) == before:
        if time.time() - dropped > _GIVE_UP_S:
            raise TimeoutError(f"{name}: no alert after {_GIVE_UP_S:.0f} s")
        time.sleep(_LOOK_S)
    return Dropped(dropped, time.time())


@contextmanager
def daemon(settings: Settings, home: Path) -> Iterator[None]:
    """A daemon as it is shipped, killed at the end."""
    home.mkdir()
    shutil.copyfile(_ROOT / "dagster.local.yaml", home / "dagster.yaml")
    environment = {**os.environ, "KAIKAI_DATA": str(settings.data), "DAGSTER_HOME": str(home)}
    command = [sys.executable, "-m", "dagster._daemon", "run", "-w", str(_ROOT / "workspace.yaml")]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Backfill:
    """Older days of another domain, so many that some of them are always being built."""

    def __init__(self, settings: Settings, home: Path, days: int) -> None:
        self._settings, self._home, self._days = settings, home, days
        self._blocks = 0

    def keep_going(self) -> None:
        """Return while a run builds older days; drop more of them when none does. Raises ``TimeoutError``."""
        if self._is_building():
            return
        start = _FIRST + timedelta(days=self._blocks * self._days)
        simulate_air(self._settings.inbox, start=start, days=self._days, sensors=100, seed=self._blocks)
        self._blocks += 1
        until = time.time() + _GIVE_UP_S
        while not self._is_building():
            if time.time() > until:
                raise TimeoutError(f"no run over older days after {_GIVE_UP_S:.0f} s")
            time.sleep(1)

    def _is_building(self) -> bool:
        wanted = dg.RunsFilter(tags={DOMAIN: AIR.name}, statuses=[dg.DagsterRunStatus.STARTED])
        with dg.DagsterInstance.from_config(str(self._home)) as instance:
            return instance.get_runs_count(wanted) > 0


def main() -> None:
    """Start a daemon, drop files one after the other, print what each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--during-backfill", action="store_true", help="while older days of air are being built")
    parser.add_argument("--days", type=int, default=60, help="days of 100 sensors that the backfill gets at a time")
    arguments = parser.parse_args()
    pauses = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        settings, home = Settings(data=Path(folder, "data")), Path(folder, "dagster")
        found: list[Dropped] = []
        with daemon(settings, home):
            backfill = Backfill(settings, home, arguments.days) if arguments.during_backfill else None
            for n in range(arguments.files + 1):
                if backfill is not None:
                    backfill.keep_going()
                patient, at = f"sim-{n:03}", utc_now() - timedelta(seconds=5)
                # The sensor looks every five seconds: drops must not keep step with it.
                one = follow(settings, f"drop-{n:03}", message(patient, at), pauses.uniform(0, 5))
                print(f"{n:3} {one.seconds:6.1f} s{'  (first, not counted)' if n == 0 else ''}", flush=True)
                found += [one] if n else []
        with dg.DagsterInstance.from_config(str(home)) as instance:
            parts = phases(build_platform(settings), instance, VITALS.name, found)
            runs = instance.get_runs_count(dg.RunsFilter(tags={DOMAIN: VITALS.name}))
    seconds = sorted(one.seconds for one in found)
    p50, p95 = (seconds[min(len(seconds) - 1, int(len(seconds) * share))] for share in (0.5, 0.95))
    during = " while older days were being built" if arguments.during_backfill else ""
    print(f"drop to alert row, {len(seconds)} files{during}:")
    print(f"p50 {p50:.1f} s, p95 {p95:.1f} s, longest {seconds[-1]:.1f} s; {runs} runs; means of the parts:")
    for name, of_part in parts.items():
        print(f"  {of_part:5.1f} s {name}")


if __name__ == "__main__":
    main()
