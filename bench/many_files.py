"""Many tiny files at once: seconds to land them and to build their days. ``python -m bench.many_files [number]``."""

import resource
import sys
import tempfile
import time
from pathlib import Path

from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.settings import Settings
from kaikai_assets_tests.end_to_end.product import build, drop

HEADER = "sensor_id,timestamp,pm25,temperature,humidity,co2\n"


def main(number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        platform = build_platform(Settings(data=Path(folder), settle_s=0))
        for n in range(number):
            instant = f"2025-02-{1 + n % 28:02}T{n // 28 % 24:02}:{n // 672 % 60:02}:00Z"
            drop(platform, f"{n:06}.csv", f"{HEADER}S{n // 40_320},{instant},{n % 50},25,50,500\n")
        start = time.perf_counter()
        landed = len(platform.land(AIR).landed)
        between = time.perf_counter()
        built = build(platform)
        end = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(
        f"{landed} files landed in {between - start:.0f} s, {len(built.targets)} targets built in {end - between:.0f} s"
    )
    print(f"{len(built.failed)} failed; {peak} MiB at most")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
