"""The soak itself: actions in random order, then peace, then the questions whose answers must all be right."""

import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from kaikai_assets.definitions import build_platform
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.daemon import home
from kaikai_assets_tests.soak.processes import Machine
from kaikai_assets_tests.soak.reader import Reader
from kaikai_assets_tests.soak.supply import Supply
from kaikai_assets_tests.soak.verdict import until_calm, wrong

_TABLES = ("bronze/air_measurements", "silver/air_measurements", "gold/air_hourly", "gold/air_daily", "gold/air_alerts")
_MOST_CALM_S = 900.0
_SETTLE_S = 2.0
_SETTINGS = {
    "KAIKAI_SETTLE_S": str(_SETTLE_S),
    "KAIKAI_RETRY_S": "0.5",
    # A killed run counts as an attempt at its days, and a day is given up after three of them: here runs are killed by
    # the dozen within minutes, again and again at work on the same days.
    "KAIKAI_ATTEMPTS": "1000",
}


@dataclass
class Trial:
    """One soak in a folder. ``done`` counts the actions."""

    folder: Path
    seed: int
    say: Callable[[str], None]
    done: Counter[str] = field(default_factory=Counter)
    calm_s: float = 0

    def __post_init__(self) -> None:
        self._random, self._began = Random(self.seed), time.monotonic()
        settings = Settings(data=self.folder / "data", settle_s=_SETTLE_S)
        self._platform = build_platform(settings)
        (self.folder / "made").mkdir(parents=True)
        self.supply = Supply(settings, self.folder / "made", self._random)
        self.supply.describe_formats()
        self.reader = Reader(settings.warehouse, self._log)
        at = home(self._platform, "local")
        self.machine = Machine(replace(at, environment={**at.environment, **_SETTINGS}), self._random)

    def run(self, minutes: float) -> list[str]:
        """Act for some minutes, then leave the platform alone; all that is wrong in the end."""
        with ExitStack() as self.machine.stack, self.reader.reading():
            self.machine.start()
            while time.monotonic() - self._began < minutes * 60:
                self._act()
                self._pause(0.5, 6)
                if not self.machine.is_running():
                    self._pause(0, 8)
                    self._start()
            self.supply.wait()
            self._log("peace: no more drops and no more faults")
            began = time.monotonic()
            unfinished = until_calm(self._platform, self.machine.home, _MOST_CALM_S)
            self.calm_s = time.monotonic() - began
            self._log(f"not calm: {', '.join(unfinished)}" if unfinished else f"calm after {self.calm_s:.0f} s")
            found = unfinished + wrong(self._platform, self.machine.home, self.supply)
        if self.reader.is_apart:
            found.append("days of the published file are still behind their hours")
        return found + [f"a reader met {what}" for what in self.reader.wrong]

    def summary(self) -> list[str]:
        """What was done, in numbers."""
        records = sum(n for (source, _), n in self.supply.sound.items() if source != "kaikai_sensors")
        kills = ", ".join(f"{n} {what}" for what, n in sorted(self.machine.kills.items()))
        return [
            f"{self.done.total()} actions: " + ", ".join(f"{n} {name}" for name, n in sorted(self.done.items())),
            f"{self.supply.drops} files dropped: {len(self.supply.sound)} sound ones with {records} readings, "
            f"{len(self.supply.damaged)} damaged, the others again",
            f"killed: {kills}; {self.machine.starts} starts of the daemon",
            f"{self.reader.reads} reads of the published file, the slowest took {self.reader.slowest_s:.1f} s; "
            f"{self.reader.apart} found days behind their hours, for at most {self.reader.apart_s:.0f} s",
            f"calm {self.calm_s:.0f} s after the last action",
        ]

    def _act(self) -> None:
        actions: dict[Callable[[], str], float] = {
            self.supply.new_files: 24,
            self.supply.redelivered: 6,
            self.supply.split: 6,
            self.supply.registry: 4,
            self.supply.damaged_file: 6,
            self._shell: 2,
            self._shell_killed_at_a_write: 2,
            self.machine.kill_shell: 2,
            self.machine.kill_run: 16,
            self.machine.kill_code_server: 1,
            self.machine.kill_daemon: 1,
            self.machine.kill_all: 1.5,
            self.machine.terminate: 1,
            self._without_ledger: 0.7,
            self._without_a_table: 0.7,
            self._without_warehouse: 0.7,
        }
        action = self._random.choices(list(actions), list(actions.values()))[0]
        if told := action():
            name = action.__name__.strip("_").replace("_", " ")
            self.done[name] += 1
            self._log(f"{name}: {told}")

    def _shell(self) -> str:
        self.machine.shell()
        return "kaikai build"

    def _shell_killed_at_a_write(self) -> str:
        write = self._random.randint(1, 60)
        self.machine.shell(kill_at_write=write)
        return f"kaikai build, killed before its write {write}"

    def _without_ledger(self) -> str:
        self.machine.stop()
        for file in self._platform.settings.data.glob("ledger.sqlite*"):
            file.unlink()
        return self._start()

    def _without_a_table(self) -> str:
        self.machine.stop()
        table = self._random.choice(_TABLES)
        shutil.rmtree(self._platform.settings.data / "lake" / table, ignore_errors=True)
        return f"{table}; {self._start()}"

    def _without_warehouse(self) -> str:
        self.machine.stop()
        with self.reader.removing():
            shutil.rmtree(self._platform.settings.warehouse.parent, ignore_errors=True)
        return self._start()

    def _start(self) -> str:
        self.machine.start()
        return "started again"

    def _pause(self, least: float, most: float) -> None:
        time.sleep(self._random.uniform(least, most))

    def _log(self, what: str) -> None:
        self.say(f"{time.monotonic() - self._began:7.1f} s  {what}")
