"""From a file's drop to its alert row, under a running daemon: seconds for each of some files, their p50 and p95."""

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
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from kaikai_assets.settings import Settings, utc_now

_ROOT = Path(__file__).parents[1]
_LOOK_S = 0.05
_GIVE_UP_S = 300.0


def message(patient: str, at: datetime) -> str:
    """One bracelet message whose oxygen saturation is critical."""
    measured = {"freq_card": 96, "freq_resp": 20, "spo2_pct": 84.0, "temp_corp": 37.1}
    content = {"patient_id": patient, "device_id": f"device-{patient}", "timestamp": at.isoformat()}
    return json.dumps(content | {"measurements": measured, "api_version": "1.0.0"}) + "\n"


def drop(settings: Settings, name: str, text: str) -> float:
    """Put a file into the inbox by rename, as a careful sender does; when that was (``time.monotonic``)."""
    folder = settings.inbox / "vitals" / "bracelet_ndjson"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.part").write_text(text, encoding="utf-8")
    (folder / f"{name}.part").rename(folder / f"{name}.ndjson")
    return time.monotonic()


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


def seconds(settings: Settings, name: str, text: str, pause_s: float) -> float:
    """Seconds from a drop to one more alert row. Raises ``TimeoutError``."""
    time.sleep(pause_s)
    before = alerts(settings.warehouse)
    dropped = drop(settings, name, text)
    while alerts(settings.warehouse) == before:
        if time.monotonic() - dropped > _GIVE_UP_S:
            raise TimeoutError(f"{name}: no alert after {_GIVE_UP_S:.0f} s")
        time.sleep(_LOOK_S)
    return time.monotonic() - dropped


def main() -> None:
    """Start a daemon, drop files one after the other, print what each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    pauses = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder, "data"))
        home = Path(folder, "dagster")
        home.mkdir()
        shutil.copyfile(_ROOT / "dagster.local.yaml", home / "dagster.yaml")
        environment = {**os.environ, "KAIKAI_DATA": str(settings.data), "DAGSTER_HOME": str(home)}
        command = [sys.executable, "-m", "dagster._daemon", "run", "-w", str(_ROOT / "workspace.yaml")]
        with (home / "log").open("wb") as log:
            daemon = subprocess.Popen(
                command, cwd=_ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            found = []
            for n in range(arguments.files + 1):
                patient, at = f"sim-{n:03}", utc_now() - timedelta(seconds=5)
                # The sensor looks every five seconds: drops must not keep step with it.
                took = seconds(settings, f"drop-{n:03}", message(patient, at), pauses.uniform(0, 5))
                print(f"{n:3} {took:6.1f} s{'  (first, not counted)' if n == 0 else ''}", flush=True)
                found += [took] if n else []
        finally:
            os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()
    found.sort()
    p50, p95 = (found[min(len(found) - 1, int(len(found) * share))] for share in (0.5, 0.95))
    print(f"drop to alert row, {len(found)} files: p50 {p50:.1f} s, p95 {p95:.1f} s, longest {found[-1]:.1f} s")


if __name__ == "__main__":
    main()
