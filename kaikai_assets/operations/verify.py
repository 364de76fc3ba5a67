"""``verify``: is every stored table what a full rebuild from raw makes, and is every record accounted for?

The rebuild knows raw alone. The live side is read from its rows; what ledger and digests claim is compared with that.
"""

from collections.abc import Collection, Iterable
from datetime import date, timedelta

from kaikai_assets.build.bronze import all_contracts
from kaikai_assets.build.due import outside
from kaikai_assets.build.pending import plan
from kaikai_assets.build.steps import Domain
from kaikai_assets.landing.raw import Landed
from kaikai_assets.operations.accounting import unaccounted
from kaikai_assets.operations.comparison import Comparison
from kaikai_assets.operations.raw_files import Inventory, damaged, inventory, misnoted
from kaikai_assets.operations.scratch import rebuilt
from kaikai_assets.operations.verification import Difference, Verification
from kaikai_assets.platform import Platform
from kaikai_assets.settings import utc_now


def verify(platform: Platform, domain: Domain, days: tuple[date, date] | None = None) -> Verification:
    """Rebuild a domain from raw in a scratch folder and compare; with ``days`` only these, first and last included.

    What is pending when it begins, and what is built from files that land while it runs, is not compared. With
    ``days`` neither are tables that are made of all days. Sealed days are taken as they are; what reads them is
    compared.
    """
    found = inventory(platform.settings, platform.ledger, domain.name)
    runner = platform.runner(domain)
    state = runner.state()
    made = plan(domain, runner.context(), state)
    # A local day that waits for its UTC day to begin holds up no other target.
    waiting = outside(made, platform.settings.first_day, utc_now().date()) & made.pending
    pending = made.active(waiting) | waiting
    chosen = None if days is None else {days[0] + timedelta(n) for n in range((days[1] - days[0]).days + 1)}
    contracts = all_contracts(domain)
    if chosen is not None:
        for step in domain.steps:
            if not step.partitioned:
                contracts = {name: c for name, c in contracts.items() if name not in step.outputs}
    verification = Verification(domain.name)
    files = [landed for landed in found.files if chosen is None or chosen & landed.days.keys()]
    verification.files = len(files)
    verification.differences += _raw(platform, domain, found, files)
    around = None if chosen is None else _around(domain, chosen)
    files_once = _numbered_once(found.files)
    with rebuilt(platform, domain, files_once, around, contracts, state.sealed, waiting) as scratch:
        comparison = Comparison(
            platform, domain, scratch, verification, contracts, pending, chosen, found.files, state.sealed
        )
        lake = comparison.tables()
        name = domain.steps[0].name
        skipped = verification.pending | verification.meanwhile | verification.sealed | scratch.missing.keys()
        silver = {part: content for part, content in lake[name].items() if (name, part) not in skipped}
        accounts = platform.ledger.targets.accounts(domain.name)
        for part, wrong in unaccounted(found.files, silver, accounts, scratch.accounts).items():
            verification.note("accounts", part, wrong)
    return verification


def _raw(platform: Platform, domain: Domain, found: Inventory, files: list[Landed]) -> Iterable[Difference]:
    """What is wrong with raw and with the ledger's notes of it."""
    for place, why in found.unreadable.items():
        yield Difference("raw", place, why)
    for landed, why in damaged(platform.settings.raw, files):
        yield Difference("raw", landed.raw_file, why)
    if found.unnoted:
        first = found.unnoted[0].raw_file
        yield Difference("ledger", "", f"{len(found.unnoted)} files of raw are not noted; the first is {first}")
    for landed, why in misnoted(found.noted, files):
        yield Difference("ledger", landed.raw_file, why)
    for landed in found.lost:
        yield Difference("raw", landed.raw_file, "the ledger knows it, but raw holds no sidecar of it")


def _numbered_once(files: Iterable[Landed]) -> list[Landed]:
    """One file for each arrival number: of two that were given the same, the ledger can hold one."""
    return list({landed.arrival_seq: landed for landed in files}.values())


def _around(domain: Domain, days: Collection[date]) -> set[date]:
    """Days that must be built so that all tables of some days can be."""
    reach = {domain.bronze: (0, 0)}
    for step in domain.steps:
        reads = [read for read in step.reads(None) if not read.whole]
        before = max((read.before + reach[read.table][0] for read in reads), default=0)
        after = max((read.after + reach[read.table][1] for read in reads), default=0)
        reach |= dict.fromkeys(step.outputs, (before, after))
    before, after = (max(sides) for sides in zip(*reach.values(), strict=True))
    return {day + timedelta(n) for day in days for n in range(-before, after + 1)}
