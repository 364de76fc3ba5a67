"""A sensor's tick with nothing new, over a ledger of many years: seconds of one whole evaluation."""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import dagster as dg

from kaikai_assets.build.pending import days_of
from kaikai_assets.definitions import build_defs, build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.orchestration.automation import announce
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings, utc_now

_AT_A_TIME = 365


def fill(platform: Platform, days: int) -> None:
    """Land and build one small file a day."""
    inbox = platform.settings.inbox / "air" / "kaikai_csv"
    inbox.mkdir(parents=True)
    first = utc_now().date() - timedelta(days=days)
    for n in range(days):
        day = first + timedelta(days=n)
        rows = [f"SENS001,{day}T{hour:02}:00:00Z,{20 + hour},25.0,50.0,500" for hour in range(24)]
        header = "sensor_id,timestamp,pm25,temperature,humidity,co2"
        (inbox / f"{day}.csv").write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    platform.land(AIR)
    runner = platform.runner(AIR)
    pending = sorted(days_of(runner.plan().pending))
    for start in range(0, len(pending), _AT_A_TIME):
        run = runner.begin()
        tables = {AIR.bronze, *AIR.contracts}
        for _ in runner.build(run, pending[start : start + _AT_A_TIME], tables, only_pending=True):
            pass
    platform.publish(AIR)


def ticks(platform: Platform, instance: dg.DagsterInstance, number: int) -> Iterator[float]:
    """Seconds of some ticks. Raises ``RuntimeError`` when one finds work."""
    defs = build_defs(platform.settings)
    sensor = defs.resolve_sensor_def("air_landing")
    for _ in range(number):
        start = time.monotonic()
        result = sensor(dg.build_sensor_context(instance=instance, definitions=defs))
        yield time.monotonic() - start
        if not isinstance(result, dg.SkipReason):
            raise RuntimeError(f"the tick was not idle: {result}")


def main() -> None:
    """Fill a ledger, then print the median and the longest of some ticks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=3650)
    parser.add_argument("--ticks", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder), settle_s=0, first_day=date(2010, 1, 1))
        platform = build_platform(settings)
        print(f"landing and building {arguments.days} days …", flush=True)
        fill(platform, arguments.days)
        home = Path(folder, "dagster")
        home.mkdir()
        with dg.DagsterInstance.local_temp(str(home)) as instance:
            announce(platform, AIR, instance)
            found = list(ticks(platform, instance, arguments.ticks))
    print(f"idle tick with {arguments.days} days: median {statistics.median(found):.2f} s, longest {max(found):.2f} s")


if __name__ == "__main__":
    main()
