"""A year of a network through a whole ``kaikai build``: seconds in all and for a day, and what they went to."""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bench.process import Measured, measure
from bench.sampled import PARTS
from kaikai_assets.ledger.runs import LoggedRun
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.simulation.air import simulate_air
from kaikai_assets_tests import postgres

_ROOT = Path(__file__).parents[1]
_FIRST = date(2025, 1, 1)
_INTERVAL_S = 300
_LIMIT_S = 7200.0


@dataclass(frozen=True)
class Build:
    """A whole process; ``wall_of`` and ``cpu_of``: seconds by part, where it was sampled. ``runs`` stand in order."""

    measured: Measured
    runs: list[LoggedRun]
    wall_of: dict[str, float]
    cpu_of: dict[str, float]


@contextmanager
def storage(kind: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Text of a ``dagster.yaml``, and the environment that names its databases."""
    if kind == "sqlite":
        yield "telemetry:\n  enabled: false\n", {}
        return
    with postgres.server(durable=True) as server, server.database() as dagster, server.database() as ledger:
        text = (_ROOT / "dagster.server.yaml").read_text(encoding="utf-8")
        yield text, {"KAIKAI_DAGSTER_POSTGRES_URL": dagster, "KAIKAI_LEDGER_URL": ledger}


def build(inbox: Path, data: Path, kind: str, *, sampled: bool) -> Build:
    """Build the files of an inbox into a new data root. Raises ``Failed`` when the process fails."""
    shutil.copytree(inbox, data / "inbox", copy_function=os.link)
    home = data / "dagster"
    home.mkdir()
    with storage(kind) as (text, databases):
        (home / "dagster.yaml").write_text(text, encoding="utf-8")
        environment = {**os.environ, "KAIKAI_DATA": str(data), "DAGSTER_HOME": str(home), **databases}
        module = ["bench.sampled", str(data / "parts.json")] if sampled else ["kaikai_assets.cli"]
        measured = measure([sys.executable, "-m", *module, "build"], environment, data / "log", _LIMIT_S)
        ledger = Ledger(databases.get("KAIKAI_LEDGER_URL", f"sqlite:///{data / 'ledger.sqlite'}"))
        runs = ledger.runs.latest(10_000)[::-1]
        ledger.close()
    parts = json.loads((data / "parts.json").read_text(encoding="utf-8")) if sampled else {"wall_s": {}, "cpu_s": {}}
    return Build(measured, runs, parts["wall_s"], parts["cpu_s"])


def seconds_a_day(run: LoggedRun) -> float:
    """Seconds that a run took for each of its days; NaN where it did not end."""
    if run.started_at is None or run.ended_at is None:
        return float("nan")
    first, last = (date.fromisoformat(day) for day in (run.days.split("…") * 2)[:2])
    return (run.ended_at - run.started_at).total_seconds() / ((last - first).days + 1)


def table(build: Build) -> list[str]:
    """Lines about what a sampled build went to, computing first, and the share of what is not computing."""
    wall_s = build.measured.wall_s
    found = {**build.wall_of, "start and end of the interpreter": wall_s - sum(build.wall_of.values())}
    computing = {part.name for part in PARTS if part.computing}
    lines = [f"{'':>9}{'CPU s':>9}{'wall s':>9}  share"]
    sums = {}
    for title, of_title in (("computing", True), ("not computing", False)):
        chosen = {name: wall for name, wall in found.items() if (name in computing) is of_title}
        sums[title] = sum(chosen.values())
        for name, wall in sorted(chosen.items(), key=lambda item: -item[1]):
            cpu = build.cpu_of.get(name, 0.0)
            lines.append(f"{'':>9}{cpu:9.1f}{wall:9.1f}  {wall / wall_s:5.1%}  {name}")
        lines.append(f"{title + ':':27}{sums[title] / wall_s:8.1%}, {sums[title]:.1f} s")
    return lines


def main() -> None:
    """Build twice, as it is and under the profiler; print seconds and what they went to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--sensors", type=int, default=100)
    parser.add_argument("--postgres", action="store_true", help="as storage of Dagster and of the ledger")
    arguments = parser.parse_args()
    kind = "postgres" if arguments.postgres else "sqlite"
    readings = arguments.days * arguments.sensors * 86400 // _INTERVAL_S
    print(f"{arguments.days} days × {arguments.sensors} sensors, {readings} readings; {kind}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        root, inbox = Path(folder), Path(folder, "inbox")
        simulate_air(inbox, start=_FIRST, days=arguments.days, sensors=arguments.sensors, interval_s=_INTERVAL_S)
        whole = build(inbox, root / "data", kind, sampled=False)
        shutil.rmtree(root / "data")
        sampled = build(inbox, root / "sampled", kind, sampled=True)
    long = [run for run in whole.runs if "…" in run.days] or whole.runs
    print(
        f"whole: {whole.measured.wall_s:.1f} s, {whole.measured.cpu_s:.1f} s of CPU, "
        f"{whole.measured.peak_mib:.0f} MiB at most; {whole.measured.wall_s / arguments.days:.3f} s a day"
    )
    print(f"{len(whole.runs)} runs; seconds a day in each: {', '.join(f'{seconds_a_day(r):.2f}' for r in long)}")
    print(f"once more under the profiler, {sampled.measured.wall_s:.1f} s:")
    print("\n".join(table(sampled)))


if __name__ == "__main__":
    main()
