"""Lands one inbox as a process of its own, which may be made to die at a given point: ``<data> <sources> [point]``."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kaikai_assets.landing import land as landing
from kaikai_assets.landing import raw
from kaikai_assets.landing.sources import read_sources
from kaikai_assets.ledger.landed import LandedFiles
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.settings import Settings

DEAD = 9


def _die(*_: Any, **__: Any) -> None:
    os._exit(DEAD)


def _die_halfway(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes()[:10])
    _die()


def _die_after(register: Callable[[raw.Landed], bool]) -> Callable[[raw.Landed], None]:
    def once(landed: raw.Landed) -> None:
        register(landed)
        _die()

    return once


def _die_at(point: str, ledger: Ledger) -> None:
    where: dict[str, tuple[object, str, object]] = {
        "half copied": (shutil, "copyfile", _die_halfway),
        "copied, without sidecar": (raw.Landed, "model_dump_json", _die),
        "copied, not in place": (Path, "rename", _die),
        "in raw, not in the ledger": (LandedFiles, "register", _die),
        "in the ledger, still in the inbox": (Path, "unlink", _die),
        "noted as redelivered": (Path, "unlink", _die),
        "noted as rejected": (shutil, "move", _die),
        "half recovered": (ledger.landed, "register", _die_after(ledger.landed.register)),
    }
    setattr(*where[point])


def main(data: str, sources: str, point: str = "") -> None:
    settings = Settings(data=Path(data), settle_s=0)
    ledger = Ledger(settings.ledger_uri)
    if point:
        _die_at(point, ledger)
    report = landing.land(settings, ledger, "air", read_sources([Path(sources)]))
    print(f"{len(report.landed)} landed, {len(report.redelivered)} redelivered, {len(report.left)} left")


if __name__ == "__main__":
    main(*sys.argv[1:])
