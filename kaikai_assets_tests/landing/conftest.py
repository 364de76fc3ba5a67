"""An inbox with a ledger, and what stands where after landing."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from kaikai_assets.landing import raw
from kaikai_assets.landing.land import land
from kaikai_assets.landing.report import LandingReport
from kaikai_assets.landing.sources import Source
from kaikai_assets.landing.unpack import fingerprint
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.settings import Settings
from kaikai_assets_tests.landing.making import MAKERS, described, put


def _sources() -> dict[str, Source]:
    named = {f"plain_{form}": described(source=f"plain_{form}", format=form) for form in MAKERS if form != "csv"}
    registry = described(source="registry", kind="snapshot", time=None, columns={"name": "name"})
    return {"plain": described(), **named, "registry": registry}


@dataclass
class Landing:
    """The air domain's inbox on a fresh data root."""

    settings: Settings
    ledger: Ledger
    sources: Mapping[str, Source] = field(default_factory=_sources)

    @property
    def inbox(self) -> Path:
        return self.settings.inbox / "air"

    def drop(self, name: str, content: str | bytes, *, age_s: float = 0) -> Path:
        """Put a file into the inbox, last written some seconds ago."""
        path = put(self.inbox / name, content)
        if age_s:
            os.utime(path, (time.time() - age_s,) * 2)
        return path

    def land(self, *, tick: bool = False) -> LandingReport:
        return land(self.settings, self.ledger, "air", self.sources, tick=tick)

    def waiting(self) -> list[str]:
        """Names of what is still in the inbox."""
        return sorted(p.relative_to(self.inbox).as_posix() for p in self.inbox.rglob("*") if not p.is_dir())

    def in_raw(self) -> dict[int, raw.Landed]:
        """Sidecars of raw by arrival number, each checked against the file beside it."""
        found = {}
        for landed in raw.sidecars(self.settings.raw):
            assert fingerprint(self.settings.raw / landed.raw_file) == landed.sha256
            assert landed.arrival_seq not in found
            found[landed.arrival_seq] = landed
        return found

    def in_ledger(self) -> dict[int, dict[date, int]]:
        """Records by day of each file that the ledger knows, by arrival number."""
        found: dict[int, dict[date, int]] = {seq: {} for seq in self.ledger.landed.files("air")}
        for day, seq, records in self.ledger.landed.file_days("air"):
            found[seq][day] = records
        return found

    def rejected(self) -> dict[str, str]:
        """Reasons by name, as they lie beside the rejected files."""
        reasons = [json.loads(path.read_text("utf-8")) for path in self.settings.rejected.glob("air/*/reason.json")]
        return {reason["name"]: reason["reason"] for reason in reasons}

    def check_whole(self) -> None:
        """Raw and ledger hold the same files, the inbox none of them, and nothing lies half done."""
        assert self.in_ledger() == {seq: landed.days for seq, landed in self.in_raw().items()}
        assert not (self.settings.raw / ".tmp").exists() or not list((self.settings.raw / ".tmp").iterdir())
        assert self.waiting() == []


@pytest.fixture
def landing(settings: Settings) -> Landing:
    return Landing(settings, Ledger(settings.ledger_uri))
