"""The command and its errors."""

import sys

import click
import duckdb
from sqlalchemy.exc import SQLAlchemyError

from kaikai_assets.cli.alerting import alerts
from kaikai_assets.cli.building import build, land, runs, status
from kaikai_assets.cli.checking import doctor, verify
from kaikai_assets.cli.demo import demo
from kaikai_assets.cli.explaining import trace_command
from kaikai_assets.cli.keeping import backup, compact, restore, retain
from kaikai_assets.cli.privacy import privacy
from kaikai_assets.cli.reporting import report
from kaikai_assets.cli.rules import rules
from kaikai_assets.cli.simulating import simulate
from kaikai_assets.landing.sources import SourceError


@click.group()
def cli() -> None:
    """A build system for days of sensor data. The data root is KAIKAI_DATA (default: data)."""


for command in (
    demo,
    simulate,
    land,
    build,
    status,
    runs,
    trace_command,
    report,
    rules,
    alerts,
    verify,
    doctor,
    compact,
    retain,
    backup,
    restore,
    privacy,
):
    cli.add_command(command)


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
