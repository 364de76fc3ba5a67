"""How time and memory grow: each case at two sizes, as a process of its own, and the exponent between them.

``seconds ~ size ** exponent``: 1 is linear, 0 does not grow. Memory is the most that the process held during a step.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl

from bench import idle
from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.orchestration.automation import announce
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.product import build

_HEADER = "sensor_id,timestamp,pm25,temperature,humidity,co2\n"
_FIRST = date(2024, 1, 1)


@dataclass(frozen=True)
class Step:
    """A step of a case: seconds, and the most memory in MiB meanwhile."""

    name: str
    seconds: float
    peak_mib: float


class Steps:
    """Measures steps one after the other."""

    def __init__(self) -> None:
        self.found: list[Step] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        # Linux forgets the peak so far.
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text("ascii").splitlines())
        self.found.append(Step(name, seconds, int(status["VmHWM"].split()[0]) / 1024))


def through(platform: Platform, steps: Steps) -> None:
    """Land, build and publish what waits in the inbox."""
    with steps.step("land"):
        report = platform.land(AIR)
    if report.rejected or report.left or not report.landed:
        raise RuntimeError(f"rejected {report.rejected}, left {report.left}, landed {len(report.landed)}")
    with steps.step("build"):
        built = build(platform)
    if built.failed:
        raise RuntimeError(f"failed: {built.failed}")
    with steps.step("publish"):
        platform.publish(AIR)


def write_days(file: Path, first: date, days: int, sensors: int, interval_s: int) -> None:
    """A CSV file of whole days, written day by day."""
    values = pl.int_range(sensors * 86400 // interval_s, eager=True)
    with file.open("wb") as out:
        out.write(_HEADER.encode())
        for n in range(days):
            second = values // sensors * interval_s
            time_of = (pl.lit(first + timedelta(days=n)).cast(pl.Datetime) + pl.duration(seconds=pl.lit(second))).dt
            pl.select(
                pl.format("S{}", (values % sensors).cast(pl.String).str.zfill(4)),
                time_of.strftime("%Y-%m-%dT%H:%M:%SZ").alias("t"),
                (12 + 25 * (second * math.pi / 86400).sin() + values * 7919 % 100 / 100).round(2).alias("pm25"),
                (20 + values * 7907 % 100 / 10).alias("temperature"),
                (50 + values * 7901 % 100 / 10).alias("humidity"),
                (400 + values * 7883 % 100).alias("co2"),
            ).write_csv(out, include_header=False)


def many_files(platform: Platform, size: float, steps: Steps) -> None:
    """Files of 1 kB, twenty readings each, spread over four weeks."""
    inbox = platform.settings.inbox / "air"
    inbox.mkdir(parents=True)
    for n in range(int(size)):
        day, of_day = f"{_FIRST + timedelta(days=n % 28)}", n // 28
        lines = (
            f"S{of_day:04},{day}T{k:02}:00:00Z,{10 + (n + k) % 20}.25,{20 + k}.5,{50 + k}.5,{400 + k}\n"
            for k in range(20)
        )
        (inbox / f"{n:06}.csv").write_text(_HEADER + "".join(lines), encoding="ascii")
    through(platform, steps)


def large_file(platform: Platform, size: float, steps: Steps) -> None:
    """One file of ``size`` GiB with days of 100 sensors, a reading a minute."""
    inbox = platform.settings.inbox / "air"
    inbox.mkdir(parents=True)
    write_days(inbox / "one.csv", _FIRST, 1, 100, 60)
    days = max(1, round(size * 2**30 / (inbox / "one.csv").stat().st_size))
    write_days(inbox / "one.csv", _FIRST, days, 100, 60)
    through(platform, steps)


def dense_day(platform: Platform, size: float, steps: Steps) -> None:
    """One day of 100 sensors, a reading every minute, or ``size`` times as often."""
    inbox = platform.settings.inbox / "air"
    inbox.mkdir(parents=True)
    write_days(inbox / "day.csv", _FIRST, 1, 100, round(60 / size))
    through(platform, steps)


def long_ledger(platform: Platform, size: float, steps: Steps) -> None:
    """Days of one small file each, and then a tick of the sensor that finds nothing new."""
    with steps.step("land, build, publish"):
        idle.fill(platform, int(size))
    home = platform.settings.data / "dagster"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        announce(platform, AIR, instance)
        list(idle.ticks(platform, instance, 2))
        with steps.step("idle tick"):
            list(idle.ticks(platform, instance, 1))


CASES: dict[str, tuple[Callable[[Platform, float, Steps], None], str]] = {
    "many_files": (many_files, "files of 1 kB"),
    "large_file": (large_file, "GiB in one file"),
    "dense_day": (dense_day, "times the rows in a day"),
    "long_ledger": (long_ledger, "days in the ledger"),
}


def measured(case: str, size: float) -> list[Step]:
    """Steps of a case in a process of its own. Raises ``RuntimeError`` when it fails."""
    command = [sys.executable, "-m", "bench.growth", "--one", case, str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        ended = f"ended with {done.returncode}"
        raise RuntimeError(f"{case} at {size:g}: {done.stderr.strip().splitlines()[-1] if done.stderr else ended}")
    return [Step(**step) for step in json.loads(done.stdout.splitlines()[-1])]


def exponent(sizes: tuple[float, float], of: tuple[float, float]) -> float:
    """``e`` in ``of ~ size ** e``; NaN where nothing was measured."""
    return math.log(of[1] / of[0]) / math.log(sizes[1] / sizes[0]) if min(of) > 0 else math.nan


def main() -> None:
    """Run the cases at two sizes each; print seconds, memory and exponents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=CASES, action="append", help="only this one; may be repeated")
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--gib", type=float, default=1.0)
    parser.add_argument("--rows", type=int, default=10, choices=(2, 3, 5, 10, 20), help="times the rows in a day")
    parser.add_argument("--days", type=int, default=3650)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        case, size = arguments.one
        steps = Steps()
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(data=Path(folder), settle_s=0, first_day=date(2010, 1, 1))
            CASES[case][0](build_platform(settings), float(size), steps)
        print(json.dumps([asdict(step) for step in steps.found]))
        return
    of_case = {"many_files": arguments.files, "large_file": arguments.gib, "long_ledger": arguments.days}
    failed = False
    print(f"{'':22}{'seconds':>18}{'exponent':>10}{'peak MiB':>18}{'exponent':>10}")
    for case in arguments.case or CASES:
        large = float(of_case.get(case, arguments.rows))
        sizes = (1.0 if case == "dense_day" else large / 4, large)
        print(f"{sizes[0]:g} and {sizes[1]:g} {CASES[case][1]}", flush=True)
        try:
            steps_of = [measured(case, size) for size in sizes]
        except RuntimeError as error:
            # A process that takes all memory is killed: the other cases still tell something.
            print(f"  FAILED: {error}", flush=True)
            failed = True
            continue
        for small, big in zip(*steps_of, strict=True):
            seconds, peaks = (small.seconds, big.seconds), (small.peak_mib, big.peak_mib)
            print(
                f"  {small.name:20}{seconds[0]:9.2f}{seconds[1]:9.2f}{exponent(sizes, seconds):10.2f}"
                f"{peaks[0]:9.0f}{peaks[1]:9.0f}{exponent(sizes, peaks):10.2f}",
                flush=True,
            )
    sys.exit(failed)


if __name__ == "__main__":
    main()
