"""The platform that a command works on."""

import click

from kaikai_assets.build.steps import Domain
from kaikai_assets.platform import Platform
from kaikai_assets.settings import Settings


def open_platform() -> Platform:
    # Dagster is slow to import and loud in a shell: only the commands that need it pay for it.
    from kaikai_assets.definitions import build_platform

    return build_platform(Settings())


def domains_of(platform: Platform, name: str | None) -> list[Domain]:
    if name is None:
        return list(platform.domains.values())
    if name not in platform.domains:
        raise click.ClickException(f"no domain {name!r}; there are: {', '.join(platform.domains)}")
    return [platform.domains[name]]
