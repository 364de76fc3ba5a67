"""``kaikai verify`` and ``doctor``."""

import os
from collections.abc import Iterator
from datetime import date

import click

from kaikai_assets.cli.opening import domains_of, open_platform
from kaikai_assets.ledger.targets import Target
from kaikai_assets.operations.doctor import diagnose
from kaikai_assets.operations.findings import Finding
from kaikai_assets.operations.repair import repair as repair_platform
from kaikai_assets.operations.verification import Verification
from kaikai_assets.operations.verify import verify as verify_domain


class DayRange(click.ParamType[tuple[date, date]]):
    """``2025-03-01..2025-03-14``, or one day."""

    name = "A..B"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[date, date]:
        try:
            first, _, last = value.partition("..")
            days = date.fromisoformat(first), date.fromisoformat(last or first)
        except ValueError:
            self.fail(f"{value!r}: days look like 2025-03-01..2025-03-14", param, ctx)
        if days[0] > days[1]:
            self.fail(f"{value!r}: the first day is after the last", param, ctx)
        return days


@click.command()
@click.argument("domain", required=False)
@click.option("--days", type=DayRange(), help="Only these days, for example 2025-03-01..2025-03-14.")
def verify(domain: str | None, days: tuple[date, date] | None) -> None:
    """Rebuild from raw into a scratch folder and compare every stored table with it."""
    platform = open_platform()
    wrong = 0
    for one in domains_of(platform, domain):
        found = verify_domain(platform, one, days)
        _show(found)
        wrong += len(found.differences)
    if wrong:
        raise click.ClickException(f"{wrong} differences")


def _show(found: Verification) -> None:
    click.echo(f"{found.domain}: {found.files} files of raw")
    width = max((len(table) for table in found.tables), default=0)
    for compared in found.tables.values():
        click.echo(
            f"  {compared.table:{width}}  {compared.parts} compared, {compared.equal} equal, "
            f"{compared.differing} differing"
        )
    reasons = ((found.pending, "pending"), (found.meanwhile, "built anew meanwhile"), (found.sealed, "sealed"))
    for targets, why in reasons:
        if targets:
            click.echo(f"  {why}, not compared: {_listed(targets)}")
    for difference in found.differences:
        click.echo(f"  {difference}", err=True)


def _listed(targets: set[Target]) -> str:
    days = sorted({part for _, part in targets if part})
    whole = sorted(table for table, part in targets if not part)
    shown = [f"{len(days)} days ({', '.join(days[:5])}{', …' if len(days) > 5 else ''})"] if days else []
    return ", ".join([*shown, *whole])


@click.command()
@click.option("--repair", is_flag=True, help="Repair what can be repaired safely, then look again.")
@click.option("--deep", is_flag=True, help="Read every raw file and compare its SHA-256.")
def doctor(repair: bool, deep: bool) -> None:
    """Look at settings, folders, disk, clock, ledger, raw, lake, warehouse and Dagster; say what to do."""
    if repair:
        for done in repair_platform(open_platform()):
            click.echo(f"repaired  {done}")
    errors = 0
    for finding in _findings(deep):
        click.echo(f"{finding.severity:9} {finding.subject:10} {finding.what}")
        if finding.todo:
            click.echo(f"{'':20} → {finding.todo}")
        errors += finding.severity == "error"
    if errors:
        raise click.ClickException(f"{errors} errors")


def _findings(deep: bool) -> Iterator[Finding]:
    from kaikai_assets.orchestration.home import home_findings

    platform = open_platform()
    yield from diagnose(platform, os.environ, deep=deep)
    yield from home_findings(platform)
