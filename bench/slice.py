"""Floor and platform over the same simulated files: seconds, CPU seconds, peak memory, ratios."""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kaikai_assets.simulation.air import simulate_air


@dataclass(frozen=True)
class Measured:
    """One whole process."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def measure(command: list[str], environment: dict[str, str]) -> Measured:
    """Run a process to its end. Raises ``RuntimeError`` when it fails."""
    start = time.monotonic()
    log = Path(environment["KAIKAI_DATA"]) / "bench.log"
    with log.open("ab") as output:
        actions = [(os.POSIX_SPAWN_DUP2, output.fileno(), 1), (os.POSIX_SPAWN_DUP2, output.fileno(), 2)]
        child = os.posix_spawn(command[0], command, environment, file_actions=actions)
        _, status, usage = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} failed, see {log}")
    # Linux reports kibibytes.
    return Measured(time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def main() -> None:
    """Measure and print one line for each contender."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--sensors", type=int, default=100)
    parser.add_argument("--interval", type=int, default=300, help="seconds between readings")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        print(f"simulating {arguments.days} days of {arguments.sensors} sensors …", flush=True)
        truth = simulate_air(
            root / "inbox",
            start=date(2025, 1, 1),
            days=arguments.days,
            sensors=arguments.sensors,
            interval_s=arguments.interval,
        )
        del truth
        found: dict[str, list[Measured]] = {"floor": [], "kaikai": []}
        for _ in range(arguments.runs):
            data = root / "data"
            shutil.copytree(root / "inbox", data / "inbox")
            environment = {**os.environ, "KAIKAI_DATA": str(data), "DAGSTER_HOME": str(data / "dagster")}
            csv, parquet = str(data / "inbox" / "air" / "kaikai_csv"), str(data / "floor")
            found["floor"].append(measure([sys.executable, "-m", "bench.floor", csv, parquet], environment))
            found["kaikai"].append(measure([sys.executable, "-m", "kaikai_assets.cli", "build"], environment))
            shutil.rmtree(data)
    floor = statistics.median(one.wall_s for one in found["floor"])
    print(f"{'':10}{'wall s':>10}{'CPU s':>10}{'peak MiB':>10}{'× floor':>10}   (medians of {arguments.runs})")
    for name, runs in found.items():
        wall, cpu, peak = (statistics.median(getattr(r, f) for r in runs) for f in ("wall_s", "cpu_s", "peak_mib"))
        print(f"{name:10}{wall:10.1f}{cpu:10.1f}{peak:10.0f}{wall / floor:10.1f}")


if __name__ == "__main__":
    main()
