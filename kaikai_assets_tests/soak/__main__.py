"""The command of a soak."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from kaikai_assets_tests.soak.trial import Trial


def main() -> int:
    """Run a soak and print what was done; 0 only when everything is right in the end."""
    parser = argparse.ArgumentParser(prog="python -m kaikai_assets_tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kaikai_soak_"))
    print(f"seed {arguments.seed}, {arguments.minutes:g} minutes, in {folder}", flush=True)
    trial = Trial(folder, arguments.seed, lambda line: print(line, flush=True))
    wrong = trial.run(arguments.minutes)
    print("\n".join(trial.summary()))
    if wrong:
        print(f"{len(wrong)} things are wrong; the folder is kept: {folder}", *wrong, sep="\n  ")
        return 1
    shutil.rmtree(folder)
    print("everything is right")
    return 0


if __name__ == "__main__":
    sys.exit(main())
