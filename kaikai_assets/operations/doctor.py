"""``doctor``: what is wrong with the platform, where, and what to do. It looks; ``repair`` changes."""

from collections.abc import Iterable, Iterator, Mapping

from kaikai_assets.build.steps import Domain
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.operations.findings import REPAIR, Finding
from kaikai_assets.operations.key_health import key_findings
from kaikai_assets.operations.lake_health import lake_findings, warehouse_findings
from kaikai_assets.operations.ledger_health import against_raw, condition
from kaikai_assets.operations.leftovers import leftover_findings
from kaikai_assets.operations.raw_files import inventory, read_sidecars
from kaikai_assets.operations.surroundings import clock, disk, folders, settings_in_use
from kaikai_assets.platform import Platform
from kaikai_assets.settings import utc_now


def diagnose(platform: Platform, environment: Mapping[str, str], *, deep: bool = False) -> Iterator[Finding]:
    """Findings of all kinds. With ``deep`` every raw file is read and its SHA-256 compared."""
    settings = platform.settings
    yield from _look("settings", settings_in_use(settings, environment))
    yield from _look("folders", folders(settings))
    yield from _look("disk", disk(settings))
    ledger: list[Ledger] = []
    yield from _look("ledger", _ledger(platform, ledger))
    known = ledger[0] if ledger else None
    if known is not None:
        yield from _look("raw", _raw(platform, known, deep))
    for domain in platform.domains.values():
        if domain.sensitive:
            yield from _look("keys", key_findings(platform, domain, deep=deep))
        yield from _look("lake", _lake(platform, known, domain))
        yield from _look("warehouse", warehouse_findings(platform, known, domain))
    yield from _look("leftovers", leftover_findings(settings))


def _look(subject: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Findings of one look, and the error that ended it."""
    try:
        yield from findings
    except Exception as error:  # noqa: BLE001 - a look that fails is a finding, and must not hide the others
        yield Finding("error", subject, f"cannot be looked at: {type(error).__name__}: {' '.join(str(error).split())}")


def _ledger(platform: Platform, opened: list[Ledger]) -> Iterator[Finding]:
    """The ledger's condition; a sound one is opened."""
    state, why = condition(platform.settings)
    if state == "sound":
        opened.append(platform.ledger)
        yield Finding("ok", "ledger", why)
    elif state == "absent":
        files, _ = read_sidecars(platform.settings.raw, None)
        todo = f"{REPAIR} makes it from the {len(files)} sidecars; the next landing does too" if files else ""
        yield Finding("warning" if files else "ok", "ledger", why, todo)
    else:
        todo = f"{REPAIR} sets it aside and makes it anew" if state == "corrupt" else "see that this user can open it"
        yield Finding("error", "ledger", why, todo)


def _lake(platform: Platform, ledger: Ledger | None, domain: Domain) -> Iterator[Finding]:
    wrong = list(lake_findings(platform, ledger, domain))
    yield from wrong
    if not wrong:
        yield Finding("ok", "lake", f"the tables of {domain.name} are as their logs and the ledger know them")


def _raw(platform: Platform, ledger: Ledger, deep: bool) -> Iterator[Finding]:
    found = inventory(platform.settings, ledger)
    yield clock(max((landed.arrived_at for landed in found.files), default=None), utc_now())
    wrong = list(against_raw(platform.settings, found, deep=deep))
    yield from wrong
    if not wrong:
        yield Finding(
            "ok", "raw", f"{len(found.files)} files, as the ledger knows them{', all bytes right' if deep else ''}"
        )
