"""``kaikai``: land, build and look at the platform from a shell, without a daemon."""

import logging
import sys
import warnings
from datetime import date, datetime
from pathlib import Path

import click
import duckdb
import polars as pl
from sqlalchemy.exc import SQLAlchemyError

from kaikai_assets.build.pending import broken, days_of
from kaikai_assets.build.steps import Domain
from kaikai_assets.landing.sources import SourceError
from kaikai_assets.orchestration.platform import Platform
from kaikai_assets.settings import Settings
from kaikai_assets.simulation.air import AirDefects, simulate_air

DEMO_START = date(2025, 3, 1)
DEMO_DAYS = 14


@click.group()
def cli() -> None:
    """A build system for days of sensor data. The data root is KAIKAI_DATA (default: data)."""


def main() -> None:
    """Run the command line; an error is one line and a non-zero exit."""
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except (SourceError, OSError, SQLAlchemyError, duckdb.Error, ValueError) as error:
        click.echo(f"kaikai: {type(error).__name__}: {error}", err=True)
        sys.exit(1)


def _platform() -> Platform:
    # Dagster is slow to import and loud in a shell: only the commands that need it pay for it.
    from kaikai_assets.definitions import build_platform

    return build_platform(Settings())


def _domains(platform: Platform, name: str | None) -> list[Domain]:
    if name is None:
        return list(platform.domains.values())
    if name not in platform.domains:
        raise click.ClickException(f"no domain {name!r}; there are: {', '.join(platform.domains)}")
    return [platform.domains[name]]


@cli.group()
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
        source="kaikai_csv" if source == "kaikai_csv" else "airgradient_export_5min",
        truth=truth or settings.data / "truth" / "air.csv",
    )
    click.echo(f"{made.files.height} files, {made.files['records'].sum()} records, {made.defects.height} defects")


@cli.command()
@click.argument("domain", required=False)
def land(domain: str | None) -> None:
    """Land the settled files of the inbox."""
    platform = _platform()
    for one in _domains(platform, domain):
        _land(platform, one)


def _land(platform: Platform, domain: Domain) -> None:
    report = platform.land(domain, wait=True)
    click.echo(
        f"{domain.name}: {len(report.landed)} files landed ({report.records} records), "
        f"{len(report.redelivered)} redelivered, {len(report.rejected)} rejected"
    )
    for name, reason in report.rejected:
        click.echo(f"  rejected {name!r}: {reason}", err=True)
    for name, reason in [*report.left, *((name, "still being written") for name in report.unsettled)]:
        click.echo(f"  left in the inbox {name!r}: {reason}", err=True)


@cli.command()
@click.argument("domain", required=False)
def build(domain: str | None) -> None:
    """Land, then materialize everything pending through Dagster."""
    platform = _platform()
    errors = _build(platform, _domains(platform, domain))
    if errors:
        for error in errors:
            click.echo(f"  {error}", err=True)
        raise click.ClickException(f"{len(errors)} targets could not be built")


def _build(platform: Platform, domains: list[Domain]) -> list[str]:
    from kaikai_assets.definitions import build_defs
    from kaikai_assets.orchestration.direct import build_pending, instance

    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="dagster")
    errors: list[str] = []
    with instance(platform) as dagster:
        defs = build_defs(platform.settings)
        for domain in domains:
            _land(platform, domain)
            errors += build_pending(platform, domain, defs, dagster, click.echo)
    return errors


@cli.command()
@click.argument("domain", required=False)
@click.option("--days", "listed", type=click.IntRange(0), default=10, show_default=True, help="Latest days to list.")
def status(domain: str | None, listed: int) -> None:
    """Show days: landed, built, pending, broken; and where their records went."""
    platform = _platform()
    for one in _domains(platform, domain):
        runner = platform.runner(one)
        plan, state = runner.plan(), runner.state()
        failing = broken(plan, platform.ledger.attempts(), platform.settings.attempts)
        landed = {day for day in state.file_days if state.readings(day)}
        pending, stuck = days_of(plan.pending), days_of(failing)
        built = landed - pending
        click.echo(
            f"{one.name}: {len(landed)} days landed, {len(built)} built, "
            f"{len(pending - stuck)} pending, {len(stuck)} broken"
        )
        accounts: dict[str, list[int]] = {}
        for account in platform.ledger.accounts(one.name):
            counts = accounts.setdefault(account.part, [0, 0, 0, 0])
            for i, n in enumerate((account.records, account.leading, account.absorbed, account.rejected)):
                counts[i] += n
        for day in sorted(landed | pending, reverse=True)[:listed]:
            word = "broken" if day in stuck else "pending" if day in pending else "built"
            counts = accounts.get(day.isoformat(), [])
            shown = dict(zip(("records", "leading", "absorbed", "rejected"), counts, strict=False))
            click.echo(f"  {day}  {word:8}" + "".join(f"  {name} {n}" for name, n in shown.items()))
        for (table, part), attempt in sorted(failing.items()):
            click.echo(f"  broken {table} {part}: {attempt.error}")


@cli.command()
def demo() -> None:
    """Simulate two weeks of air quality, build them, and print daily aggregates and alerts."""
    settings = Settings()
    click.echo(f"1. Simulating {DEMO_DAYS} days of 5 sensors into {settings.inbox}")
    simulate_air(settings.inbox, start=DEMO_START, days=DEMO_DAYS, truth=settings.data / "truth" / "air.csv")
    click.echo("2. Landing and building")
    platform = _platform()
    errors = _build(platform, _domains(platform, "air"))
    click.echo(f"3. Reading {settings.warehouse}")
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        _show("Daily aggregates, the last three days (µg/m³, °C, %)", connection.sql(_DEMO_DAILY).pl())
        _show("Alerts: hourly mean of PM2.5 above 35 µg/m³", connection.sql(_DEMO_ALERTS).pl())
    accounts = platform.ledger.accounts("air")
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
    ORDER BY peak DESC
    LIMIT 10
"""


def _show(title: str, frame: pl.DataFrame) -> None:
    click.echo(f"\n{title}")
    with pl.Config(tbl_rows=30, tbl_cols=12, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True):
        click.echo(str(frame))


if __name__ == "__main__":
    main()
