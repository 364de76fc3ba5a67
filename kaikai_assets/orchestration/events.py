"""What a run did, as Dagster's events: one for each committed day and for each check of it."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import dagster as dg

from kaikai_assets.build.run import Done, Run
from kaikai_assets.ledger.targets import Target
from kaikai_assets.orchestration.specs import CONSERVATION, CONTRACT, key_of
from kaikai_assets.quality.conservation import ConservationError
from kaikai_assets.quality.contracts import ContractViolation

Checked = set[tuple[dg.AssetKey, str]]


def by_commit(done: Iterable[Done]) -> Iterator[list[Done]]:
    """Those of one commit together, as soon as the last of them is there."""
    together: list[Done] = []
    for one in done:
        together.append(one)
        if not one.following:
            yield together
            together = []


def committed(done: Done, selected: Collection[dg.AssetKey], checked: Checked, accounted: dg.AssetKey) -> Iterator[Any]:
    table, part = done.target
    key = key_of(table)
    rows = {"rows": done.built.rows}
    if not part and key not in selected:
        # Made together with what was asked for.
        yield dg.AssetMaterialization(key, metadata=_metadata(done))
        return
    if not part:
        checks = [dg.AssetCheckResult(passed=True, asset_key=key, check_name=CONTRACT, metadata=rows)]
        yield dg.MaterializeResult(
            asset_key=key, metadata=_metadata(done), check_results=checks if (key, CONTRACT) in checked else []
        )
        return
    yield dg.AssetMaterialization(key, partition=part, metadata=_metadata(done))
    yield from _evaluation(checked, key, CONTRACT, part, True, rows)
    if key == accounted:
        yield from _evaluation(checked, key, CONSERVATION, part, True, _account(done))


def confirmed(targets: Iterable[Target], run: Run) -> Iterator[dg.AssetMaterialization]:
    """Days that a person asked for and that needed no commit: as they were built, or without any record."""
    built = run.ledger.targets.built()
    for table, part in sorted(targets):
        rows = built[table, part].rows if (table, part) in built else 0
        metadata = {"dagster/partition_row_count": rows, "unchanged": True}
        yield dg.AssetMaterialization(key_of(table), partition=part, metadata=metadata)


def failed_checks(run: Run, checked: Checked) -> Iterator[Any]:
    for (table, part), error in run.failed.items():
        for check, kind in ((CONTRACT, ContractViolation), (CONSERVATION, ConservationError)):
            if isinstance(error, kind):
                yield from _evaluation(checked, key_of(table), check, part, False, {"error": str(error)})


def _evaluation(
    checked: Checked, key: dg.AssetKey, check: str, part: str, passed: bool, metadata: Mapping[str, Any]
) -> Iterator[dg.AssetCheckEvaluation]:
    if (key, check) in checked:
        yield dg.AssetCheckEvaluation(key, check, passed, dict(metadata), blocking=True, partition=part or None)


def _metadata(done: Done) -> dict[str, Any]:
    count = "dagster/partition_row_count" if done.target[1] else "dagster/row_count"
    return {count: done.built.rows, "digest": done.built.digest, "output": done.built.output, **_account(done)}


def _account(done: Done) -> dict[str, Any]:
    names = ("records", "leading", "absorbed", "rejected", "erased")
    sums = {name: sum(getattr(a, name) for a in done.accounts) for name in names} if done.accounts else {}
    return {name: n for name, n in sums.items() if n or name != "erased"}


def explain(run: Run, built: int) -> str:
    shown = [f"{table} {part}: {type(e).__name__}: {e}" for (table, part), e in list(run.failed.items())[:5]]
    more = len(run.failed) - len(shown)
    listed = "; ".join(shown) + (f"; and {more} more" if more else "")
    return f"{len(run.failed)} failed, {len(run.skipped)} skipped, {built} built. {listed}"
