"""Floor, platform and what a user would pick instead, over the same files: seconds, ratios, CPU seconds, peak memory.

Whole processes in turn, several times; a time is reported only of a contender whose results are those of the platform.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench import readings
from bench.chart import draw
from bench.contenders import FLOORS, NAMES, OTHERS, PLATFORM, Contender, absent, python_for
from bench.process import Failed, Measured, measure
from bench.results import Results, differences, lines, rows

_SEED = 1


@dataclass
class Entry:
    """What was found of a contender at one size."""

    contender: str
    readings: int
    runs: list[Measured] = field(default_factory=list)
    trouble: str = ""

    def median(self, figure: str) -> float:
        """The median of a figure of the runs."""
        return float(statistics.median(getattr(run, figure) for run in self.runs))


@dataclass(frozen=True)
class Race:
    """Contenders over the files of one size, in a scratch folder of theirs."""

    folder: Path
    contenders: Sequence[Contender]
    others: str
    limit_s: float

    def run(self, size: int, runs: int) -> list[Entry]:
        """Everybody in turn, so that a slow minute of the machine does not hit one alone."""
        entries = {one.name: Entry(one.name, size) for one in self.contenders}
        expected = _Expected(lines(self.files.glob("readings-*.csv")))
        for turn in range(1, runs + 1):
            for one in self.contenders:
                entry = entries[one.name]
                if entry.trouble:
                    continue
                self._turn(one, entry, expected)
                _say(f"  {turn}/{runs} {one.name}: {f'{entry.runs[-1].wall_s:.1f} s' if entry.runs else entry.trouble}")
        return list(entries.values())

    @property
    def files(self) -> Path:
        return self.folder / "files"

    def _turn(self, one: Contender, entry: Entry, expected: "_Expected") -> None:
        target = self.folder / one.name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        one.prepare(self.files, target)
        # What others wrote must not be on its way to the disk while this one is timed.
        os.sync()
        python = python_for(one, self.others)
        # Nobody's settings of the platform, nor a ledger of theirs.
        ours = {name: value for name, value in os.environ.items() if not name.startswith("KAIKAI_")}
        environment = {**ours, **one.environment(target)}
        try:
            found = measure(one.command(python, self.files, target), environment, target / "log", self.limit_s)
        except Failed as failed:
            entry.trouble = f"failed: {failed}"
            entry.runs.clear()
            return
        if said := expected.differences(one, target):
            entry.trouble = "differs: " + "; ".join(said)
            entry.runs.clear()
        else:
            entry.runs.append(found)


class _Expected:
    """The results that all must have: those of the first contender that has any, and of a floor every line."""

    def __init__(self, records: int) -> None:
        self._records = records
        self._results: Results | None = None

    def differences(self, one: Contender, target: Path) -> list[str]:
        if one.results is None:
            found = rows(target)
            return [] if found == self._records else [f"{found} rows, not {self._records}"]
        results = one.results(target)
        if self._results is None:
            self._results = results
        return differences(results, self._results)


def table(entries: Sequence[Entry]) -> str:
    """Lines of text: medians of each contender at each size, and ratios to the faster floor."""
    said = [f"{'':18}{'readings':>12}{'wall s':>9}{'× floor':>9}{'CPU s':>9}{'peak MiB':>10}"]
    for entry in entries:
        start = f"{entry.contender:18}{entry.readings:12,}"
        if entry.trouble or not entry.runs:
            said.append(f"{start}  {entry.trouble}")
            continue
        wall, cpu, peak = (entry.median(figure) for figure in ("wall_s", "cpu_s", "peak_mib"))
        floor = floor_s(entries, entry.readings)
        ratio = f"{wall / floor:.1f}" if floor else "-"
        said.append(f"{start}{wall:9.1f}{ratio:>9}{cpu:9.1f}{peak:10.0f}")
    return "\n".join(said)


def floor_s(entries: Sequence[Entry], size: int) -> float | None:
    """Median seconds of the faster floor at a size; nothing where no floor got through."""
    floors = {one.name for one in FLOORS}
    of_size = [entry for entry in entries if entry.contender in floors and entry.readings == size and entry.runs]
    return min((entry.median("wall_s") for entry in of_size), default=None)


def main() -> None:
    """Generate, measure, print a table; write figures and a picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readings", type=int, nargs="+", default=[1_000_000], help="rounded up to whole days")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--without", nargs="+", choices=NAMES, default=[], help="contenders to leave out")
    parser.add_argument("--limit", type=float, default=3600, help="seconds after which a run is ended")
    parser.add_argument("--out", type=Path, default=Path("data/bench"))
    parser.add_argument("--keep-data", action="store_true", help="leave files and results of the last turn in --out")
    parser.add_argument(
        "--python-of-others", default=sys.executable, help="interpreter that has dbt-duckdb and pyspark"
    )
    arguments = parser.parse_args()
    contenders = list(FLOORS)
    for one in (PLATFORM, *OTHERS):
        if one.name in arguments.without:
            continue
        if why := absent(one, arguments.python_of_others):
            _say(why)
        else:
            contenders.append(one)
    entries: list[Entry] = []
    out: Path = arguments.out.resolve()
    for wanted in arguments.readings:
        days = readings.days_for(wanted)
        size = days * readings.SENSORS * readings.MINUTES
        race = Race(out / f"readings-{size}", contenders, arguments.python_of_others, arguments.limit)
        shutil.rmtree(race.folder, ignore_errors=True)
        _say(f"{size:,} readings: writing files of {days} days …")
        readings.write(race.files, days, _SEED)
        entries += race.run(size, arguments.runs)
        if not arguments.keep_data and not any(entry.trouble for entry in entries if entry.readings == size):
            shutil.rmtree(race.folder)
        # After each size: a long run that is stopped leaves what it has.
        _write(entries, out)
    print(f"\n{table(entries)}\n\nmedians of {arguments.runs} runs; the floor is the faster of the two")
    print(f"figures and picture in {out}")


def _write(entries: Sequence[Entry], out: Path) -> None:
    """Figures and picture."""
    figures = [asdict(entry) for entry in entries]
    (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    draw({entry.contender: _curve(entries, entry.contender) for entry in entries if entry.runs}, out / "figures.svg")


def _curve(entries: Sequence[Entry], contender: str) -> list[tuple[int, float, float]]:
    """Readings, seconds and MiB of a contender, by size."""
    return [
        (entry.readings, entry.median("wall_s"), entry.median("peak_mib"))
        for entry in entries
        if entry.contender == contender and entry.runs
    ]


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
