"""One run: what it fixed at its start, what it could not do, and the one way in which rows become a target."""

import traceback
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import polars as pl

from kaikai_assets.build.state import State
from kaikai_assets.build.steps import Context, Domain
from kaikai_assets.build.transient import is_transient
from kaikai_assets.lake.content import EMPTY, content_hashes
from kaikai_assets.lake.tables import Build, Conflict, Lake
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.ledger.targets import Account, Built, Target
from kaikai_assets.quality.contracts import Contract
from kaikai_assets.settings import Settings, utc_now

_TRIES = 5
"""Times that a commit is tried while other runs commit the same days."""

Accounts = Mapping[str, tuple[Account, ...]]


@dataclass(frozen=True)
class Done:
    """A committed target; ``following`` more of the same commit come after it."""

    target: Target
    built: Built
    accounts: tuple[Account, ...] = ()
    following: int = 0


@dataclass
class Run:
    """A run of a domain. ``start`` is the ledger's state when it began: what lands later is for the next run.

    ``failed`` holds an error for each target, ``skipped`` the targets that read a failed one, ``refused`` those that
    another run has built from more, or whose inputs it has.
    """

    settings: Settings
    ledger: Ledger
    lake: Lake
    domain: Domain
    context: Context
    start: State
    failed: dict[Target, Exception] = field(default_factory=dict)
    skipped: set[Target] = field(default_factory=set)
    refused: set[Target] = field(default_factory=set)

    @property
    def seen(self) -> int:
        """The last arrival that this run knows of."""
        return max(self.start.files, default=0)

    def begin(self, digests: Mapping[Target, str]) -> None:
        """Count an attempt at targets before they are built, so that a killed run counts too."""
        self.ledger.targets.begin_attempts(digests, utc_now())

    def commit(
        self,
        table: str,
        contract: Contract,
        rows: pl.DataFrame,
        digests: Mapping[str, str],
        accounts: Accounts | None = None,
    ) -> list[Done]:
        """Commit canonical, validated rows as the parts in ``digests``, and note them; with ``accounts``, those of all
        these parts are replaced, and a part without any has none left.

        Raises ``Conflict`` when another run committed the same days.
        """
        with ThreadPoolExecutor(1) as pool:
            # What a day is built from does not depend on its hash: it is written meanwhile.
            hashing = pool.submit(content_hashes, contract, rows)
            stamps = {part: Build(self.seen, digest) for part, digest in digests.items()}
            refused = self.lake.commit(table, rows, stamps)
            hashes = hashing.result()
        outputs = {part: hashes.get(part, (0, EMPTY)) for part in digests}
        built = {part: Built(digests[part], output, n, self.seen) for part, (n, output) in outputs.items()}
        # Before the builds: a table that is deleted before it is looked at again must be missed.
        if (version := self.lake.version(table)) is not None:
            self.ledger.targets.note_lake_versions({table: version})
        self.refused |= {(table, part) for part in refused}
        accepted = [part for part in built if part not in refused]
        done = [
            Done((table, part), built[part], (accounts or {}).get(part, ()), len(accepted) - n)
            for n, part in enumerate(accepted, 1)
        ]
        self.ledger.targets.record_built(
            {one.target: one.built for one in done},
            utc_now(),
            {(self.domain.name, one.target[1]): one.accounts for one in done} if accounts is not None else {},
        )
        return done

    def overtaken(self, targets: Iterable[Target], built: Mapping[Target, Built]) -> bool:
        """Whether another run has built some targets from later arrivals than this run knows of."""
        return any(target in built and built[target].seen > self.seen for target in targets)

    def fail(self, target: Target, error: Exception) -> None:
        """Note that a target could not be built."""
        text = f"{type(error).__name__}: {error}"
        if not isinstance(error, ValueError | OSError):
            # Not an error of the data: say where in the code.
            at = traceback.extract_tb(error.__traceback__)[-1]
            text += f" ({at.name}, line {at.lineno})"
        # Frames of rows that the error was met in would live as long as it does.
        met: BaseException | None = error
        while met is not None:
            traceback.clear_frames(met.__traceback__)
            met = met.__context__
        self.failed[target] = error
        self.ledger.targets.record_error(target, text, transient=is_transient(error))


def persistently(commit: Callable[[], list[Done]]) -> list[Done]:
    """Call ``commit`` again while another run is in its way. Raises the last ``Conflict``."""
    for _ in range(_TRIES - 1):
        try:
            return commit()
        except Conflict:
            continue
    return commit()
