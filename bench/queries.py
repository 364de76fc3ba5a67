"""The analysts' queries over a large warehouse, and some over silver in the lake: p50 and p95 of repeated runs.

A week of each domain is simulated and built as ever; the rows of that week then stand for the weeks after it too, with
their days and instants moved.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import polars.selectors as cs

from kaikai_assets.build.steps import Domain
from kaikai_assets.definitions import build_platform
from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.domains.vitals.domain import VITALS
from kaikai_assets.lake.tables import Build
from kaikai_assets.platform import Platform
from kaikai_assets.quality.contracts import Contract, schema
from kaikai_assets.settings import Settings
from kaikai_assets.simulation.air import simulate_air
from kaikai_assets.simulation.vitals import simulate_vitals
from kaikai_assets_tests.end_to_end.product import build

_SQL = Path(__file__).parents[1] / "sql"
_FIRST = date(2024, 1, 1)
_DAYS = 7
_SENSORS, _PATIENTS = 100, 20
_SENSOR = "SENS007"


def fill(platform: Platform) -> None:
    """Simulate, build and publish a week, a reading a minute. Raises ``RuntimeError`` when a target fails."""
    inbox = platform.settings.inbox
    simulate_air(inbox, start=_FIRST, days=_DAYS, sensors=_SENSORS, interval_s=60)
    simulate_vitals(inbox, profile="medical", start=_FIRST, days=_DAYS, patients=_PATIENTS)
    for domain in (AIR, VITALS):
        if failed := build(platform, domain=domain).failed:
            raise RuntimeError(f"{domain.name}: {failed}")
        platform.publish(domain)


def moved(rows: pl.DataFrame, weeks: int) -> pl.DataFrame:
    """The same rows, some weeks later."""
    later = rows.with_columns((cs.date() | cs.datetime()) + pl.duration(weeks=weeks))
    if "alert_id" in rows.columns:
        later = later.with_columns(pl.col("alert_id").str.slice(0, 28) + f"{weeks:04}")
    return later


def _week(platform: Platform, table: str, contract: Contract) -> pl.DataFrame:
    rows = platform.lake.read(table, schema(contract))
    # Records without a usable time are of the day on which they arrived.
    return rows.filter(pl.col("day") < _FIRST + timedelta(days=_DAYS)) if "day" in rows.columns else rows


def multiply(platform: Platform, domain: Domain, weeks: int) -> None:
    """Publish the week's rows for more weeks, and note its silver rows for them in the lake."""
    silver = _week(platform, domain.silver, domain.readings)
    days = [_FIRST + timedelta(days=n) for n in range(_DAYS)]
    with platform.warehouse.publication() as publication:
        for table in domain.published:
            rows = _week(platform, table, domain.contracts[table])
            if table == domain.registry:
                continue
            if "day" not in rows.columns:
                publication.replace(table, {"": ""}, pl.concat(moved(rows, n) for n in range(weeks)), {})
                continue
            for n in range(1, weeks):
                parts = {(day + timedelta(weeks=n)).isoformat(): "" for day in days}
                publication.replace(table, parts, moved(rows, n), {})
    for n in range(1, weeks):
        builds = {(day + timedelta(weeks=n)).isoformat(): Build(1, "") for day in days}
        platform.lake.commit(domain.silver, moved(silver, n), builds)


def timed(ask: Callable[[], Any], repeats: int) -> tuple[float, float, float]:
    """Milliseconds of the first run, and of p50 and p95 of others."""
    found = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        ask()
        found.append(1000 * (time.perf_counter() - start))
    first, others = found[0], sorted(found[1:])
    p50, p95 = (others[min(repeats - 1, int(repeats * share))] for share in (0.5, 0.95))
    return first, p50, p95


def of_gold(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The queries of ``sql/``."""
    for file in sorted(_SQL.glob("*.sql")):
        if not file.stem.endswith("_postgresql"):
            text = file.read_text(encoding="utf-8")
            yield file.stem, partial(_fetched, connection, text)


def _fetched(connection: duckdb.DuckDBPyConnection, text: str) -> list[Any]:
    return connection.execute(text).fetchall()


def of_silver(platform: Platform, weeks: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Questions about single readings, asked of the lake as analysts do."""
    day = _FIRST + timedelta(weeks=weeks - 1)

    def readings() -> pl.LazyFrame:
        return pl.scan_delta(platform.lake.uri(AIR.silver))

    of_sensor = pl.col("sensor_id") == _SENSOR
    above = pl.col("pm25") > 35
    yield "a sensor's day", lambda: readings().filter(of_sensor, pl.col("day") == day).collect()
    yield "a sensor's week", lambda: readings().filter(of_sensor, pl.col("day") >= day).collect()
    yield (
        "readings above 35 of each sensor, all days",
        lambda: readings().group_by("sensor_id").agg(above.sum()).collect(engine="streaming"),
    )


def main() -> None:
    """Fill a warehouse, ask each query many times, print what each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readings", type=int, default=5_000_000, help="of air in silver")
    parser.add_argument("--repeats", type=int, default=50)
    arguments = parser.parse_args()
    weeks = max(1, round(arguments.readings / (_DAYS * 1440 * _SENSORS)))
    with tempfile.TemporaryDirectory() as folder:
        platform = build_platform(Settings(data=Path(folder), settle_s=0))
        print(f"building a week, then {weeks} …", flush=True)
        fill(platform)
        for domain in (AIR, VITALS):
            multiply(platform, domain, weeks)
        rows = pl.scan_delta(platform.lake.uri(AIR.silver)).select(pl.len()).collect().item()
        size = platform.settings.warehouse.stat().st_size >> 20
        with duckdb.connect(str(platform.settings.warehouse), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            (hours,) = connection.execute("SELECT count(*) FROM gold.air_hourly").fetchall()[0]
            print(f"{rows} silver readings of air in the lake; {hours} hours in a warehouse of {size} MiB")
            print(f"{'first':>9}{'p50':>9}{'p95':>9}  ms, of {arguments.repeats} runs after the first")
            worst = 0.0
            for name, ask in of_gold(connection):
                first, p50, p95 = timed(ask, arguments.repeats)
                worst = max(worst, p95)
                print(f"{first:9.1f}{p50:9.1f}{p95:9.1f}  {name}", flush=True)
        print(f"{'':18}{worst:9.1f}  the slowest of gold; silver, in the lake:")
        for name, ask in of_silver(platform, weeks):
            print("".join(f"{ms:9.1f}" for ms in timed(ask, max(1, arguments.repeats // 10))), f" {name}", flush=True)


if __name__ == "__main__":
    main()
