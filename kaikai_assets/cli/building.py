"""``kaikai land``, ``build`` and ``status``."""

import logging
import warnings

import click

from kaikai_assets.build.pending import days_of
from kaikai_assets.build.steps import Domain
from kaikai_assets.cli.opening import domains_of, open_platform
from kaikai_assets.platform import Platform
from kaikai_assets.settings import utc_now


@click.command()
@click.argument("domain", required=False)
def land(domain: str | None) -> None:
    """Land the settled files of the inbox."""
    platform = open_platform()
    for one in domains_of(platform, domain):
        land_inbox(platform, one)


def land_inbox(platform: Platform, domain: Domain) -> None:
    report = platform.land(domain, wait=True)
    click.echo(
        f"{domain.name}: {len(report.landed)} files landed ({report.records} records), "
        f"{len(report.redelivered)} redelivered, {len(report.rejected)} rejected"
    )
    for name, reason in report.rejected:
        click.echo(f"  rejected {name!r}: {reason}", err=True)
    for name, reason in [*report.left, *((name, "still being written") for name in report.unsettled)]:
        click.echo(f"  left in the inbox {name!r}: {reason}", err=True)


@click.command()
@click.argument("domain", required=False)
def build(domain: str | None) -> None:
    """Land, then materialize everything pending through Dagster."""
    platform = open_platform()
    errors = build_all(platform, domains_of(platform, domain))
    if errors:
        for error in errors:
            click.echo(f"  {error}", err=True)
        raise click.ClickException(f"{len(errors)} targets could not be built")


def build_all(platform: Platform, domains: list[Domain]) -> list[str]:
    from kaikai_assets.definitions import build_defs
    from kaikai_assets.orchestration.direct import build_pending, instance

    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="dagster")
    errors: list[str] = []
    with instance(platform) as dagster:
        defs = build_defs(platform.settings)
        for domain in domains:
            land_inbox(platform, domain)
            errors += build_pending(platform, domain, defs, dagster, click.echo)
    return errors


@click.command()
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="Runs to list.")
def runs(last: int) -> None:
    """Show the log of runs, the latest last: start, seconds, status, days, rows, error."""
    for run in reversed(open_platform().ledger.runs.latest(last)):
        start, end = run.started_at, run.ended_at
        took = f"{(end - start).total_seconds():.0f} s" if start and end else "-"
        begun = f"{start:%Y-%m-%d %H:%M:%S}" if start else "not started"
        click.echo(
            f"{begun:19}  {took:>7}  {run.status:8}  {run.job}  {run.days}  in {run.rows_in}  "
            f"out {run.rows_out}  rejected {run.rejected}" + (f"  {run.error}" if run.error else "")
        )


@click.command()
@click.argument("domain", required=False)
@click.option("--days", "listed", type=click.IntRange(0), default=10, show_default=True, help="Latest days to list.")
def status(domain: str | None, listed: int) -> None:
    """Show days: landed, built, pending, broken; and where their records went."""
    platform = open_platform()
    for one in domains_of(platform, domain):
        runner = platform.runner(one)
        plan, state = runner.plan(), runner.state()
        standing = platform.standing(one, plan)
        landed = {day for day in state.file_days if state.readings(day)}
        waiting = days_of(plan.pending)
        stuck = days_of(found.target for found in standing if found.state == "broken")
        # East of UTC a local day begins before its UTC day does; it is built when that begins.
        to_come = {day for day in waiting if day > utc_now().date()}
        built, pending = landed - waiting, waiting - to_come
        late = sum(sum(of_files.values()) for of_files in state.late.values())
        click.echo(
            f"{one.name}: {len(landed)} days landed, {len(built)} built, "
            f"{len(pending - stuck)} pending, {len(stuck)} broken"
            + (f", {len(state.sealed)} sealed" if state.sealed else "")
            + (f", {late} records late_for_sealed" if late else "")
        )
        accounts: dict[str, list[int]] = {}
        for account in platform.ledger.targets.accounts(one.name):
            counts = accounts.setdefault(account.part, [0, 0, 0, 0, 0])
            of_account = (account.records, account.leading, account.absorbed, account.rejected, account.erased)
            for i, n in enumerate(of_account):
                counts[i] += n
        for day in sorted(landed | waiting, reverse=True)[:listed]:
            word = "broken" if day in stuck else "pending" if day in pending else "built"
            word = "to come" if day in to_come else word
            word = "sealed" if day in state.sealed and word == "built" else word
            counts = accounts.get(day.isoformat(), [])
            shown = dict(zip(("records", "leading", "absorbed", "rejected", "erased"), counts, strict=False))
            click.echo(
                f"  {day}  {word:8}" + "".join(f"  {name} {n}" for name, n in shown.items() if n or name != "erased")
            )
        for day, of_files in sorted(state.late.items(), reverse=True):
            files = [state.files[seq].raw_file for seq in sorted(of_files)]
            click.echo(f"  late_for_sealed {day}: {sum(of_files.values())} records of {', '.join(files)}")
        for found in standing:
            reason = f": {found.error}" if found.error else ""
            click.echo(f"  {found.state} {' '.join(found.target).strip()}{reason}")
