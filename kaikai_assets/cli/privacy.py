"""``kaikai privacy``: keys, export, erasure, and looking into what is sealed."""

import os
import sys
from pathlib import Path

import click

from kaikai_assets.build.steps import Domain
from kaikai_assets.cli.opening import open_platform
from kaikai_assets.operations.erase import NoSuchPatient, NotErased
from kaikai_assets.operations.erase import erase as erase_patient
from kaikai_assets.operations.export import export as export_patient
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.keys import new_keys
from kaikai_assets.privacy.vault import Vault, sealed_bytes
from kaikai_assets.settings import utc_now

_REASON = click.option("--reason", required=True, help="Why; it is noted, so name nobody.")
_DOMAIN = click.option("--domain", help="Sensitive domain; only needed where there are several.")
_PATIENT = click.argument("patient")


@click.group()
def privacy() -> None:
    """Keys, export and erasure of patients. PATIENT is an id as in the source files, a pseudonym, or - to type it."""


def _sensitive(platform: Platform, name: str | None) -> Domain:
    found = [d for d in platform.domains.values() if d.sensitive and name in (None, d.name)]
    if len(found) != 1:
        known = ", ".join(d.name for d in platform.domains.values() if d.sensitive)
        raise click.ClickException(f"--domain must name one sensitive domain; there are: {known or 'none'}")
    return found[0]


def _typed(patient: str) -> str:
    # An argument stays in the history of a shell.
    return str(click.prompt("patient", hide_input=True, err=True)) if patient == "-" else patient


@privacy.command("new-keys")
def new() -> None:
    """Print two new keys as settings. Keep them apart from the data."""
    for name, text in new_keys().items():
        click.echo(f"{name}={text}")


@privacy.command()
@_PATIENT
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="Empty folder.")
@_REASON
@_DOMAIN
def export(patient: str, folder: Path, reason: str, domain: str | None) -> None:
    """Write all that is held of PATIENT into a folder, as JSON lines with a manifest."""
    platform = open_platform()
    try:
        counts = export_patient(platform, _sensitive(platform, domain), _typed(patient), reason, folder)
    except NoSuchPatient as error:
        raise click.ClickException(str(error)) from error
    for name, rows in counts.items():
        click.echo(f"{name}: {rows}")


@privacy.command()
@_PATIENT
@_REASON
@_DOMAIN
def erase(patient: str, reason: str, domain: str | None) -> None:
    """Erase PATIENT: destroy the key, build all tables without the records, prove that nothing is left."""
    platform = open_platform()
    # What Dagster keeps may lie elsewhere than in the data root.
    home = [Path(folder) for folder in [os.environ.get("DAGSTER_HOME", "")] if folder and Path(folder).is_dir()]
    try:
        done = erase_patient(platform, _sensitive(platform, domain), _typed(patient), reason, home)
    except (NoSuchPatient, NotErased) as error:
        raise click.ClickException(str(error)) from error
    click.echo(
        f"erased: {done.records} records of {done.files} files, {done.notes} rows of the ledger, "
        f"{done.rejected} refused files; nothing names the patient any more"
    )
    for place in done.unread:
        click.echo(f"not examined, for it is no text or is damaged: {place}; kaikai privacy open shows it", err=True)


@privacy.command("open")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_REASON
def open_rejected(file: Path, reason: str) -> None:
    """Print a sealed FILE of rejected/ as it was dropped."""
    platform = open_platform()
    folder = platform.settings.rejected
    if not file.resolve().is_relative_to(folder):
        raise click.ClickException(f"{file} does not lie in {folder}; kaikai trace --decrypt shows lines of raw")
    domain = _sensitive(platform, file.resolve().relative_to(folder).parts[0])
    content = sealed_bytes(file, Vault.opened(platform.settings, domain.name).opener())
    platform.ledger.privacy.note(domain.name, "open", reason, {"files": 1}, utc_now())
    sys.stdout.buffer.write(content)


@privacy.command()
@_DOMAIN
def inbox(domain: str | None) -> None:
    """List the files of the inbox with the names by which logs call them."""
    platform = open_platform()
    one = _sensitive(platform, domain)
    vault = Vault.opened(platform.settings, one.name)
    folder = platform.settings.inbox / one.name
    for path in sorted(folder.rglob("*")):
        if not path.is_dir():
            click.echo(f"{vault.stand_in(path.relative_to(folder))}  {path.relative_to(folder)}")


@privacy.command()
def audit() -> None:
    """Show who opened, exported or erased what, and why: the latest last."""
    for row in open_platform().ledger.privacy.audit():
        scope = ", ".join(f"{n} {what}" for what, n in row["scope"].items())
        click.echo(f"{row['at']:%Y-%m-%d %H:%M:%S}  {row['domain']}  {row['action']}  {scope}  {row['reason']}")
