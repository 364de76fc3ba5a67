"""``kaikai compact``, ``retain``, ``backup`` and ``restore``."""

from datetime import date
from pathlib import Path

import click

from kaikai_assets.cli.opening import domains_of, open_platform
from kaikai_assets.operations.backup import Backup, backup_keys
from kaikai_assets.operations.backup import backup as back_up
from kaikai_assets.operations.compaction import compact as compact_domain
from kaikai_assets.operations.restore import restore as restore_data
from kaikai_assets.operations.restore import restore_keys
from kaikai_assets.operations.retention import retain as retain_domain
from kaikai_assets.settings import utc_now


@click.command()
@click.argument("domain", required=False)
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
def compact(domain: str | None, dry_run: bool) -> None:
    """Merge small files of the lake, shorten its logs, remove files that nothing needs any more."""
    platform = open_platform()
    for one in domains_of(platform, domain):
        report = compact_domain(platform, one, dry_run)
        merged = sum(tidied.merged for tidied in report.tables.values())
        removed = sum(tidied.removed for tidied in report.tables.values())
        would = " would be" if dry_run else ""
        click.echo(f"{one.name}: {len(report.tables)} tables, {merged} files{would} merged, {removed}{would} removed")
        for table, tidied in report.tables.items():
            if tidied.merged or tidied.removed:
                click.echo(f"  {table}: {tidied.merged} merged, {tidied.removed} removed")
        for reason in report.busy.values():
            click.echo(f"  left for the next time: {reason}", err=True)


@click.command()
@click.argument("domain", required=False)
@click.option("--apply", is_flag=True, help="Remove them; otherwise only tell.")
def retain(domain: str | None, apply: bool) -> None:
    """Remove raw files older than KAIKAI_RETAIN_RAW_DAYS, and seal their days."""
    platform = open_platform()
    for one in domains_of(platform, domain):
        if one.name not in platform.settings.retain_raw_days:
            click.echo(f"{one.name}: everything is kept; KAIKAI_RETAIN_RAW_DAYS does not name it")
            continue
        report = retain_domain(platform, one, utc_now(), dry_run=not apply)
        done = "removed and sealed" if apply else "to be removed and sealed (--apply does it)"
        click.echo(
            f"{one.name}: {len(report.files)} files, {report.bytes} bytes, {len(report.sealed)} days {done}; "
            f"{len(report.waiting)} expired files wait"
        )
        for file in report.files:
            click.echo(f"  {file.raw_file}  arrived {file.arrived_at:%Y-%m-%d}")
        for start, end in _spans(report.sealed):
            click.echo(f"  seals {start}" + (f" … {end}" if end != start else ""))
        for file in report.waiting:
            click.echo(f"  waits {file.raw_file}: a day of it is not built, or has a file that has not expired")


def _spans(days: list[date]) -> list[tuple[date, date]]:
    """First and last day of each unbroken row of days."""
    found: list[tuple[date, date]] = []
    for day in days:
        if found and (day - found[-1][1]).days == 1:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("folder", type=_FOLDER)
@click.option("--keys", type=_FOLDER, help="Folder for the keys; never the one of the data.")
def backup(folder: Path, keys: Path | None) -> None:
    """Copy what nothing can make again into FOLDER: raw, rejected files, sources, journal, sealed days."""
    platform, now = open_platform(), utc_now()
    if keys is not None and (keys.resolve().is_relative_to(folder.resolve()) or folder.resolve().is_relative_to(keys)):
        raise click.ClickException("keys must not lie in the same folder as the data that they open")
    report = back_up(platform, folder, now)
    _show(folder, report)
    if keys is not None:
        _show(keys, backup_keys(platform, keys, now))
    elif platform.settings.key_store.is_dir():
        click.echo("keys are not in this backup; --keys FOLDER copies them elsewhere", err=True)
    if report.problems:
        raise click.ClickException(f"{len(report.problems)} files of the data root are damaged or gone")


def _show(folder: Path, report: Backup) -> None:
    click.echo(f"{folder}: {report.files} files, {report.copied} copied, {report.removed} removed")
    for problem in report.problems:
        click.echo(f"  {problem}", err=True)


@click.command()
@click.argument("folder", type=_FOLDER)
@click.option("--keys", type=_FOLDER, help="Folder of the keys that were backed up apart.")
def restore(folder: Path, keys: Path | None) -> None:
    """Restore a backup into an empty data root."""
    platform = open_platform()
    report = restore_data(platform, folder)
    there = f", {report.present} of them were here" if report.present else ""
    click.echo(
        f"{platform.settings.data}: {report.files} files of {report.manifest.made_at:%Y-%m-%d %H:%M} UTC{there}, "
        f"{report.sealed} tables of sealed days"
    )
    if keys is not None:
        click.echo(f"{restore_keys(platform, keys)} keys")
    click.echo("Now call kaikai build: it makes all tables again.")
