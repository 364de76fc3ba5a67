"""A domain built from raw a second time, beside the live tables: in a folder of its own that is removed afterwards."""

from collections.abc import Collection, Iterable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock

from kaikai_assets.build.pending import days_of
from kaikai_assets.build.runner import Runner
from kaikai_assets.build.sealed import carry
from kaikai_assets.build.steps import Domain
from kaikai_assets.lake.tables import Lake
from kaikai_assets.landing.raw import Landed
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.ledger.targets import Account, Built, Target
from kaikai_assets.platform import Platform
from kaikai_assets.settings import utc_now

SCRATCH = ".scratch-"
"""How the names of scratch folders in the data root begin."""

LOCK = ".lock"
"""Held in a scratch folder as long as it is in use."""

_ROUNDS = 10


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild made. ``missing`` targets could not be made; the reason is empty where an input is missing."""

    lake: Lake
    built: dict[Target, Built]
    accounts: list[Account]
    missing: dict[Target, str]


@contextmanager
def rebuilt(
    platform: Platform,
    domain: Domain,
    files: Iterable[Landed],
    days: Collection[date] | None,
    tables: Collection[str],
    sealed: Collection[date],
    waiting: Set[Target],
) -> Iterator[Rebuilt]:
    """Tables built from raw files as their sidecars describe them, all days or some, until the context ends.

    Raw is only read: no lock of landing is taken. Sealed days, which raw cannot make any more, are copied from the live
    ledger and lake, of which nothing else is looked at. Targets that are ``waiting`` live for their UTC day to begin
    wait here too, so that tables of all days are made of the same ones.
    """
    platform.settings.data.mkdir(parents=True, exist_ok=True)
    scratch = TemporaryDirectory(prefix=SCRATCH, dir=platform.settings.data)
    with scratch as folder, FileLock(Path(folder, LOCK)):
        ledger = Ledger(f"sqlite:///{Path(folder, 'ledger.sqlite')}")
        try:
            for landed in files:
                ledger.landed.register(landed)
            lake = Lake(str(Path(folder, "lake")))
            parts = {day.isoformat() for day in sealed}
            live = platform.ledger.targets.built().items()
            ledger.targets.record_built({t: b for t, b in live if t[0] in tables and t[1] in parts}, utc_now())
            carry(platform.lake, lake, domain, sealed)
            runner = Runner(platform.settings, ledger, lake, domain, platform.sources(domain))
            failed = _build(runner, days, tables, waiting)
            made = runner.plan()
            missing = dict.fromkeys(sorted(made.active(waiting) | (made.pending & waiting)), "") | failed
            yield Rebuilt(lake, ledger.targets.built(), ledger.targets.accounts(domain.name), missing)
        finally:
            ledger.close()


def _build(
    runner: Runner, days: Collection[date] | None, tables: Collection[str], waiting: Set[Target]
) -> dict[Target, str]:
    """Build all that can be built; the errors of what cannot."""
    failed: dict[Target, str] = {}
    for _ in range(_ROUNDS):
        made = runner.plan()
        due = {target for target in made.active(waiting | failed.keys()) if target[0] in tables}
        wanted = days_of(due) if days is None else days_of(due) & set(days)
        run = runner.begin()
        committed = sum(1 for _ in runner.build(run, wanted, tables, only_pending=True))
        failed |= {target: f"{type(error).__name__}: {error}" for target, error in run.failed.items()}
        if not committed:
            return failed
    raise RuntimeError(f"{runner.domain.name}: still not up to date after {_ROUNDS} rounds of building")
