"""``kaikai simulate`` and ``kaikai demo``."""

from datetime import date, datetime
from pathlib import Path

import click
import duckdb
import polars as pl

from kaikai_assets.cli.building import build_all
from kaikai_assets.cli.opening import domains_of, open_platform
from kaikai_assets.settings import Settings
from kaikai_assets.simulation.air import AirDefects, AirFaults, simulate_air
from kaikai_assets.simulation.vitals import (
    FAULTS_PER_DAY,
    Profile,
    VitalsDefects,
    simulate_vitals,
    simulate_vitals_live,
)

DEMO_START = date(2025, 3, 1)
DEMO_DAYS = 14


@click.group()
def simulate() -> None:
    """Write seeded raw files into the inbox, with the ground truth of every injected defect."""


@simulate.command("air")
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), default=DEMO_START.isoformat(), show_default=True)
@click.option("--days", type=click.IntRange(1), default=DEMO_DAYS, show_default=True)
@click.option("--sensors", type=click.IntRange(1), default=5, show_default=True)
@click.option("--interval", type=click.IntRange(1), default=300, show_default=True, help="Seconds between readings.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--defects/--no-defects", default=True, show_default=True)
@click.option(
    "--faults/--no-faults", default=False, show_default=True, help="Devices that drift, stick, fall silent, …"
)
@click.option(
    "--source", type=click.Choice(["kaikai_csv", "airgradient_export_5min"]), default="kaikai_csv", show_default=True
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to; default: the inbox.")
@click.option(
    "--truth", type=click.Path(path_type=Path), help="CSV of injected defects; default: <data>/truth/air.csv."
)
def simulate_air_command(
    start: datetime,
    days: int,
    sensors: int,
    interval: int,
    seed: int,
    defects: bool,
    faults: bool,
    source: str,
    out: Path | None,
    truth: Path | None,
) -> None:
    """Write air-quality files and their registry."""
    settings = Settings()
    made = simulate_air(
        out or settings.inbox,
        start=start.date(),
        days=days,
        sensors=sensors,
        interval_s=interval,
        seed=seed,
        defects=AirDefects() if defects else AirDefects.none(),
        faults=AirFaults() if faults else AirFaults.none(),
        source="kaikai_csv" if source == "kaikai_csv" else "airgradient_export_5min",
        truth=truth or settings.data / "truth" / "air.csv",
    )
    click.echo(
        f"{made.files.height} files, {made.files['records'].sum()} records, {made.defects.height} defects, "
        f"{made.faults.height} faults"
    )


@simulate.command("vitals")
@click.option("--profile", type=click.Choice(["simple", "medical"]), default="simple", show_default=True)
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), default=DEMO_START.isoformat(), show_default=True)
@click.option("--days", type=click.IntRange(1), default=2, show_default=True)
@click.option(
    "--patients", type=click.IntRange(1), default=100, show_default=True, help="Of the medical profile; simple has 3."
)
@click.option(
    "--interval", type=click.IntRange(1), default=60, show_default=True, help="Seconds between readings of a patient."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--defects/--no-defects", default=True, show_default=True)
@click.option("--faults/--no-faults", default=True, show_default=True, help="Devices that shake, stick, fall silent, …")
@click.option("--live", is_flag=True, help="Drop small files in real time, without defects, until stopped.")
@click.option("--seconds", type=click.FloatRange(0), help="With --live: stop after this many seconds.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to; default: the inbox.")
@click.option("--truth", type=click.Path(path_type=Path), help="Folder of what was injected; default: <data>/truth.")
def simulate_vitals_command(
    profile: str,
    start: datetime,
    days: int,
    patients: int,
    interval: int,
    seed: int,
    defects: bool,
    faults: bool,
    live: bool,
    seconds: float | None,
    out: Path | None,
    truth: Path | None,
) -> None:
    """Write messages of bracelets and the registry of patients. None of them exists."""
    settings = Settings()
    kind: Profile = "simple" if profile == "simple" else "medical"
    if live:
        files = simulate_vitals_live(
            out or settings.inbox, profile=kind, patients=patients, interval_s=interval, seed=seed, seconds=seconds
        )
        click.echo(f"{files} files")
        return
    made = simulate_vitals(
        out or settings.inbox,
        profile=kind,
        start=start.date(),
        days=days,
        patients=patients,
        interval_s=interval,
        seed=seed,
        faults_per_day=FAULTS_PER_DAY if faults else 0.0,
        defects=VitalsDefects() if defects else VitalsDefects.none(),
        truth=truth or settings.data / "truth",
    )
    click.echo(
        f"{made.files.height} files, {made.files['records'].sum()} records, {made.crises.height} crises, "
        f"{made.faults.height} faults of devices, {made.defects.height} defects"
    )


@click.command()
def demo() -> None:
    """Simulate two weeks of air quality, build them, and print daily aggregates and alerts."""
    settings = Settings()
    click.echo(f"1. Simulating {DEMO_DAYS} days of 5 sensors into {settings.inbox}")
    simulate_air(settings.inbox, start=DEMO_START, days=DEMO_DAYS, truth=settings.data / "truth" / "air.csv")
    click.echo("2. Landing and building")
    platform = open_platform()
    errors = build_all(platform, domains_of(platform, "air"))
    click.echo(f"3. Reading {settings.warehouse}")
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        _show("Daily aggregates, the last three days (µg/m³, °C, %)", connection.sql(_DEMO_DAILY).pl())
        _show("Alerts: hourly mean of PM2.5 above 35 µg/m³", connection.sql(_DEMO_ALERTS).pl())
    accounts = platform.ledger.targets.accounts("air")
    total, kept, absorbed, rejected = (
        sum(getattr(a, name) for a in accounts) for name in ("records", "leading", "absorbed", "rejected")
    )
    click.echo(f"{total} records = {kept} in silver + {absorbed} absorbed as duplicates + {rejected} in quarantine")
    if errors or total != kept + absorbed + rejected:
        raise click.ClickException("; ".join(errors) or "the ledger does not add up")


_DEMO_DAILY = """
    SELECT day, sensor_id, round(pm25_mean, 1) AS pm25, pm25_n AS n, round(completeness, 2) AS completeness,
           round(temperature_mean, 1) AS temperature, round(humidity_mean, 0) AS humidity
    FROM gold.air_daily
    WHERE day > (SELECT max(day) - INTERVAL 3 DAY FROM gold.air_daily)
    ORDER BY day, sensor_id
"""
_DEMO_ALERTS = """
    SELECT sensor_id, opened_at::TIMESTAMP AS opened_at, closed_at::TIMESTAMP AS closed_at,
           n AS hours, round(peak, 1) AS peak
    FROM gold.air_alerts
    WHERE rule = 'pm25_hourly_above_35'
    ORDER BY peak DESC
    LIMIT 10
"""


def _show(title: str, frame: pl.DataFrame) -> None:
    click.echo(f"\n{title}")
    with pl.Config(tbl_rows=30, tbl_cols=12, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True):
        click.echo(str(frame))
