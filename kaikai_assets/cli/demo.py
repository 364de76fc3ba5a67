"""``kaikai demo``: simulated raw files of every domain, through Dagster, to tables that the warehouse holds."""

import click
import duckdb
import polars as pl

from kaikai_assets.cli.building import build_all
from kaikai_assets.cli.opening import domains_of, open_platform
from kaikai_assets.cli.simulating import DEMO_DAYS, DEMO_START, DEMO_VITALS_DAYS
from kaikai_assets.settings import Settings
from kaikai_assets.simulation.air import simulate_air
from kaikai_assets.simulation.vitals import simulate_vitals


@click.command()
def demo() -> None:
    """Simulate two weeks of air quality and two days of three patients, build them, and print gold and alerts."""
    settings = Settings()
    click.echo(
        f"1. Simulating {DEMO_DAYS} days of 5 sensors and {DEMO_VITALS_DAYS} days of 3 patients into {settings.inbox}"
    )
    truth = settings.data / "truth"
    simulate_air(settings.inbox, start=DEMO_START, days=DEMO_DAYS, truth=truth / "air.csv")
    simulate_vitals(settings.inbox, profile="simple", start=DEMO_START, days=DEMO_VITALS_DAYS, truth=truth)
    click.echo("2. Landing and building")
    platform = open_platform()
    errors = build_all(platform, domains_of(platform, None))
    click.echo(f"3. Reading {settings.warehouse}")
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        _show("Daily aggregates, the last three days (µg/m³, °C, %)", connection.sql(_DAILY).pl())
        _show("Alerts: hourly mean of PM2.5 above 35 µg/m³", connection.sql(_ALERTS).pl())
        _show("Critical alerts of the simulated patients, by pseudonym", connection.sql(_CRITICAL).pl())
    for name in platform.domains:
        accounts = platform.ledger.targets.accounts(name)
        total, kept, absorbed, rejected = (
            sum(getattr(a, column) for a in accounts) for column in ("records", "leading", "absorbed", "rejected")
        )
        click.echo(
            f"{name}: {total} records = {kept} in silver + {absorbed} absorbed as duplicates + {rejected} in quarantine"
        )
        if total != kept + absorbed + rejected:
            errors.append(f"{name}: the ledger does not add up")
    if errors:
        raise click.ClickException("; ".join(errors))


_DAILY = """
    SELECT day, sensor_id, round(pm25_mean, 1) AS pm25, pm25_n AS n, round(completeness, 2) AS completeness,
           round(temperature_mean, 1) AS temperature, round(humidity_mean, 0) AS humidity
    FROM gold.air_daily
    WHERE day > (SELECT max(day) - INTERVAL 3 DAY FROM gold.air_daily)
    ORDER BY day, sensor_id
"""
_ALERTS = """
    SELECT sensor_id, opened_at::TIMESTAMP AS opened_at, closed_at::TIMESTAMP AS closed_at,
           n AS hours, round(peak, 1) AS peak
    FROM gold.air_alerts
    WHERE rule = 'pm25_hourly_above_35'
    ORDER BY peak DESC
    LIMIT 10
"""
_CRITICAL = """
    SELECT left(patient_id, 12) AS patient, rule, opened_at::TIMESTAMP AS opened_at, closed_at::TIMESTAMP AS closed_at,
           n AS readings, round(peak, 1) AS peak
    FROM gold.vitals_critical_alerts
    ORDER BY opened_at, patient, rule
    LIMIT 10
"""


def _show(title: str, frame: pl.DataFrame) -> None:
    click.echo(f"\n{title}")
    with pl.Config(tbl_rows=30, tbl_cols=12, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True):
        click.echo(str(frame))
