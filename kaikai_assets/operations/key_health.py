"""Whether the keys of a sensitive domain open what has landed."""

from collections.abc import Iterator

from kaikai_assets.build.steps import Domain
from kaikai_assets.landing import raw
from kaikai_assets.landing.unpack import UnreadableFile
from kaikai_assets.operations.findings import Finding
from kaikai_assets.platform import Platform
from kaikai_assets.privacy.container import SEALED, blocks
from kaikai_assets.privacy.key_store import STORE
from kaikai_assets.privacy.keys import KeyProblem, keys_of
from kaikai_assets.privacy.vault import Vault


def key_findings(platform: Platform, domain: Domain, *, deep: bool) -> Iterator[Finding]:
    """Keys that are missing, wrong, or public. With ``deep`` every member of every sealed file is opened."""
    settings = platform.settings
    files = [
        landed
        for landed in raw.sidecars(settings.raw)
        if landed.domain == domain.name and landed.name.endswith(SEALED) and landed.removed is None
    ]
    try:
        keys = keys_of(settings)
        if keys.demo:
            what = f"{domain.name}: the published demo key is in force, and simulated patients only are taken"
            yield Finding("warning" if files else "ok", "keys", what, "kaikai privacy new-keys prints keys")
        if not files and not (settings.key_store / STORE).exists():
            return
        opener = Vault.opened(settings, domain.name).opener()
    except KeyProblem as error:
        yield Finding("error", "keys", f"{domain.name}: {error}", "see docs/privacy.md")
        return
    wrong = 0
    for landed in files if deep else ():
        try:
            for block in blocks(settings.raw / landed.raw_file):
                for _ in opener.contents(block):
                    pass
        except (UnreadableFile, KeyProblem, OSError) as error:
            wrong += 1
            yield Finding(
                "error", "keys", f"{landed.raw_file}: {error}", "put it, or the key store, back from a backup"
            )
    if not wrong:
        opened = f", and open each sealed file ({len(files)})" if deep else ""
        yield Finding("ok", "keys", f"{domain.name}: the keys are those of the key store{opened}")
