"""Run a module with a clock that is wrong: ``<seconds ahead> <module> [argument …]``.

All clocks that the product asks are moved, each before the module that asks it is imported.
"""

import runpy
import sys
import time
from datetime import datetime, timedelta

from kaikai_assets import settings

_right, _now = time.time, settings.utc_now


def main(ahead_s: str, module: str) -> None:
    ahead = timedelta(seconds=float(ahead_s))

    def utc_now() -> datetime:
        return _now() + ahead

    settings.utc_now = utc_now
    time.time = lambda: _right() + ahead.total_seconds()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    del sys.argv[0]
    main(sys.argv.pop(0), sys.argv[0])
