"""``kaikai report``."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path

import click
import duckdb
import polars as pl

from kaikai_assets.build.steps import Domain, Inputs, Read
from kaikai_assets.cli.opening import domains_of, open_platform
from kaikai_assets.platform import Platform
from kaikai_assets.quality.contracts import schema


@click.command()
@click.argument("domain")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Local date of the report.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File; default: DOMAIN-DAY.html here.")
def report(domain: str, day: datetime, out: Path | None) -> None:
    """Write the report of a day as one HTML page that needs nothing else."""
    platform = open_platform()
    (one,) = domains_of(platform, domain)
    if one.report is None:
        raise click.ClickException(f"{one.name} has no report")
    file = platform.settings.warehouse
    if not file.exists():
        raise click.ClickException("nothing is published yet: `kaikai build` does it")
    if not platform.warehouse.is_intact():
        raise click.ClickException(
            f"{file} was opened for writing by another program: `kaikai build` publishes it anew"
        )
    try:
        inputs = _inputs(platform, one, one.report.reads, day.date())
    except duckdb.Error as error:
        raise click.ClickException(
            f"{file} cannot be read; it is damaged, or held by a program that opened it for writing: {error}"
        ) from error
    path = out or Path(f"{one.name}-{day:%Y-%m-%d}.html")
    path.write_text(one.report.make(inputs, day.date()), encoding="utf-8")
    click.echo(f"{one.name}: report of {day:%Y-%m-%d} in {path}")


def _inputs(platform: Platform, domain: Domain, reads: Iterable[Read], day: date) -> Inputs:
    """Published tables as one publication has them, others as they are in the lake."""
    wanted = {
        read.table: None if read.whole else [day + timedelta(days=n) for n in range(-read.before, read.after + 1)]
        for read in reads
    }
    published = {table: days for table, days in wanted.items() if table in domain.published}
    beside = {
        table: platform.lake.read(table, schema(domain.contracts[table]), days)
        for table, days in wanted.items()
        if table not in published
    }
    found = platform.warehouse.read_together(published)
    built = {table for table, _ in platform.ledger.targets.built()}
    if unpublished := sorted((published.keys() - found.keys()) & built):
        raise click.ClickException(f"not published yet: {', '.join(unpublished)}; `kaikai build` does it")
    never = {table: pl.DataFrame(schema=schema(domain.contracts[table])) for table in published if table not in found}
    return {**never, **found, **beside}
