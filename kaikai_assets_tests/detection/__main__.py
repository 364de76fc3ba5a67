"""The command that makes the table of ``docs/air.md``."""

import argparse
import tempfile
from datetime import date
from pathlib import Path

from kaikai_assets.definitions import build_platform
from kaikai_assets.settings import Settings
from kaikai_assets.simulation.air import AirFaults
from kaikai_assets_tests.detection.trial import detected

FAULTS = AirFaults(
    drift=6,
    flat_line=8,
    saturated_humidity=4,
    spike=60,
    gap=8,
    fahrenheit=4,
    milligram=6,
    clock_reset=3,
    clock_ahead=3,
)


def main() -> None:
    """Simulate, build, compare, and print one line a kind."""
    parser = argparse.ArgumentParser(prog="python -m kaikai_assets_tests.detection", description=__doc__)
    parser.add_argument("--days", type=int, default=21)
    parser.add_argument("--sensors", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        platform = build_platform(Settings(data=Path(folder), settle_s=0))
        scores = detected(platform, start=date(2025, 3, 1), **vars(arguments), faults=FAULTS)
    print("| injected | told by | recall | precision |", "|---|---|---|---|", sep="\n")
    for score in scores:
        print(f"| {score.kind} | {score.told_by} | {score.recall} | {score.precision} |")


if __name__ == "__main__":
    main()
