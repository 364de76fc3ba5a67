"""What killed processes left lying about, none of it needed by anything."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from kaikai_assets.landing.land import LANDING_LOCK
from kaikai_assets.landing.raw import BUILDING
from kaikai_assets.operations.findings import REPAIR, Finding, listed
from kaikai_assets.operations.scratch import LOCK, SCRATCH
from kaikai_assets.settings import Settings


def leftovers(settings: Settings) -> list[Path]:
    """Half copied files of landing, half built warehouse files, scratch folders, none of them in use."""
    found: list[Path] = []
    building = settings.raw / BUILDING
    if building.is_dir() and any(building.iterdir()) and _free(settings.data / LANDING_LOCK):
        found.append(building)
    warehouse = settings.warehouse
    if _free(warehouse.parent / f".{warehouse.name}.lock"):
        found += sorted(warehouse.parent.glob(f".{warehouse.name}.building*"))
    scratch = [path for path in sorted(settings.data.glob(f"{SCRATCH}*")) if (path / LOCK).exists()]
    return found + [path for path in scratch if _free(path / LOCK)]


def sweep(settings: Settings) -> Iterator[str]:
    """Remove leftovers; what was removed."""
    for path in leftovers(settings):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        yield f"removed {path}, a leftover"


def leftover_findings(settings: Settings) -> Iterator[Finding]:
    """Leftovers, and files that landing refused."""
    names = [str(path.relative_to(settings.data)) for path in leftovers(settings)]
    if names:
        yield Finding("warning", "leftovers", f"of killed processes: {listed(names)}", REPAIR)
    refused = sorted(settings.rejected.glob("*/*/reason.json"))
    if refused:
        what = f"{len(refused)} files could not be read and lie in {settings.rejected}"
        yield Finding("warning", "rejected", what, "each has a reason.json; correct it and drop the file again")
    else:
        yield Finding("ok", "rejected", "no file was refused")


def _free(lock: Path) -> bool:
    """Whether nobody holds a lock."""
    if not lock.exists():
        return True
    try:
        with FileLock(lock, timeout=0):
            return True
    except (Timeout, OSError):
        # In use, or not this user's.
        return False
