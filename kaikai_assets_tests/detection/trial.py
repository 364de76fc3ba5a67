"""Simulated files through the whole product."""

from datetime import date

from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.platform import Platform
from kaikai_assets.simulation.air import AirFaults, simulate_air
from kaikai_assets_tests.detection.comparison import Comparison
from kaikai_assets_tests.detection.score import Score
from kaikai_assets_tests.end_to_end.product import build


def detected(platform: Platform, *, start: date, days: int, sensors: int, seed: int, faults: AirFaults) -> list[Score]:
    """Simulate files with the usual defects and some faults, build them, and compare. The platform must be new."""
    inbox = platform.settings.inbox
    truth = simulate_air(inbox, start=start, days=days, sensors=sensors, seed=seed, faults=faults)
    landed = platform.land(AIR)
    if failed := build(platform).failed:
        raise RuntimeError(f"not built: {failed}")
    return list(Comparison(platform, truth, landed.redelivered).scores())
