"""What must hold when all has come to rest."""

import hashlib
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import dagster as dg

from kaikai_assets.build.due import outside
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.platform import Platform
from kaikai_assets.settings import utc_now
from kaikai_assets_tests.end_to_end.daemon import ROOT, Home
from kaikai_assets_tests.soak.supply import Supply

_UNENDED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def until_calm(platform: Platform, home: Home, most_s: float) -> list[str]:
    """Wait until nothing lies in the inbox, nothing is pending and no run goes on; what is left after ``most_s``."""
    give_up = time.monotonic() + most_s
    with home.instance() as instance:
        while (left := _unfinished(platform, instance)) and time.monotonic() < give_up:
            time.sleep(2)
    return left


def _unfinished(platform: Platform, instance: dg.DagsterInstance) -> list[str]:
    plan = platform.runner(AIR).plan()
    # A local day that has begun east of UTC waits for its UTC day.
    pending = plan.active(outside(plan, platform.settings.first_day, utc_now().date()))
    runs = instance.get_runs(dg.RunsFilter(statuses=_UNENDED))
    waiting = _files(platform.settings.inbox)
    return [
        f"{len(found)} {what}, the first is {first}"
        for what, found, first in (
            ("files in the inbox", waiting, next(iter(waiting), "")),
            ("targets pending", pending, min(pending, default="")),
            ("runs not ended", runs, runs[0].run_id if runs else ""),
        )
        if found
    ]


def wrong(platform: Platform, home: Home, supply: Supply) -> list[str]:
    """Everything that is not as it must be, after the last of the work was done."""
    return [*_raw(platform, supply), *_rejected(platform, supply), *_records(platform, supply), *_told(home)]


def _raw(platform: Platform, supply: Supply) -> list[str]:
    """Raw holds each sound file once, and nothing else."""
    landed = Counter(
        (path.parts[-3], _sha256(path)) for path in platform.settings.raw.glob("*/*/*/*") if path.name != "landed.json"
    )
    found = [f"never landed: {source} {sha256}" for source, sha256 in supply.sound.keys() - landed.keys()]
    found += [f"landed, but never dropped: {one}" for one in landed.keys() - supply.sound.keys() - supply.parts]
    return found + [f"landed {n} times: {one}" for one, n in landed.items() if n > 1]


def _rejected(platform: Platform, supply: Supply) -> list[str]:
    files = [path for path in _files(platform.settings.rejected) if path.name != "reason.json"]
    rejected = Counter(map(_sha256, files))
    found = [f"not rejected: {sha256}" for sha256 in supply.damaged - rejected.keys()]
    found += [f"rejected, but sound: {path.name}" for path in files if _sha256(path) not in supply.damaged]
    return found + [f"no reason beside {path}" for path in files if not (path.parent / "reason.json").exists()]


def _records(platform: Platform, supply: Supply) -> list[str]:
    """Records dropped = records landed = records accounted for."""
    files = platform.ledger.landed.files("air")
    readings = {seq for seq, file in files.items() if file["kind"] == "readings"}
    landed = sum(n for _, seq, n in platform.ledger.landed.file_days("air") if seq in readings)
    # What stood in a file while it was written too slowly may have been landed for itself.
    extra = {(file["source"], file["sha256"]) for file in files.values()} & supply.parts
    dropped = sum(n for (source, _), n in supply.sound.items() if source != "kaikai_sensors")
    accounts = platform.ledger.targets.accounts("air")
    told = {name: sum(getattr(a, name) for a in accounts) for name in ("records", "leading", "absorbed", "rejected")}
    found = []
    if not extra and dropped != landed:
        found.append(f"{dropped} records dropped, {landed} landed")
    if landed != told["records"] or landed != told["leading"] + told["absorbed"] + told["rejected"]:
        found.append(f"{landed} records landed, but accounted for are {told}")
    return found


def _told(home: Home) -> list[str]:
    """What the command line tells an operator."""
    found = []
    for command in (["verify"], ["status", "--days", "0"]):
        done = subprocess.run(
            [sys.executable, "-m", "kaikai_assets.cli", *command],
            cwd=ROOT,
            env=dict(home.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or (command[0] == "status" and " 0 broken" not in done.stdout):
            found.append(f"kaikai {' '.join(command)}: {done.stdout[-2000:]} {done.stderr[-2000:]}")
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
