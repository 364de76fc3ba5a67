"""Silver, gold and the registry: made by a domain's pure functions from tables of the lake or from snapshot files."""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial

import polars as pl

from kaikai_assets.build.bronze import all_contracts
from kaikai_assets.build.parsing import as_landed
from kaikai_assets.build.pending import Plan, plan
from kaikai_assets.build.run import Accounts, Done, Run, persistently
from kaikai_assets.build.state import File
from kaikai_assets.build.steps import WHOLE, Context, Made, Step
from kaikai_assets.lake.content import canonical
from kaikai_assets.landing.readers import read_records
from kaikai_assets.landing.sources import SourceError, undescribed
from kaikai_assets.landing.unpack import UnreadableFile
from kaikai_assets.ledger.targets import Account, Target
from kaikai_assets.privacy.container import SEALED
from kaikai_assets.privacy.rows import pseudonymised
from kaikai_assets.privacy.vault import Vault, readable
from kaikai_assets.privacy.wording import WITHHELD, without_values
from kaikai_assets.quality.conservation import verify
from kaikai_assets.quality.contracts import Contract, schema, validate
from kaikai_assets.quality.registry import registry_tables
from kaikai_assets.settings import Settings


@dataclass(frozen=True)
class Ready:
    """Canonical, verified rows of a step's tables, and the accounts of the records they were made of."""

    rows: Mapping[str, pl.DataFrame]
    accounts: Accounts | None


def build_dimension(run: Run, *, only_pending: bool) -> Iterator[Done]:
    """Make the registry from all snapshot files."""
    made = plan(run.domain, run.context, run.start)
    target = (run.domain.registry, WHOLE)
    # Made together, but one of them may have been lost alone.
    behind = any((name, WHOLE) in made.changed for name in run.domain.dimension)
    if target in made.digests and (behind or not only_pending):
        run.begin({target: made.digests[target]})
        digests, outputs = {WHOLE: made.digests[target]}, run.domain.dimension
        yield from _attempt(run, lambda: _ready(run, Made(_dimension(run)), outputs, digests), outputs, digests, {})


def _dimension(run: Run) -> Mapping[str, pl.DataFrame]:
    frames = []
    for file in run.start.snapshots():
        as_landed(run.settings, file)
        frames.append(read_snapshot(run.settings, run.context, file))
    domain = run.domain
    made = registry_tables(frames, run.context.sources, domain.conform_dimension, domain.dimension, domain.entity)
    if not domain.sensitive:
        return made
    # What could not be read there may be a name, or a birthday.
    return {
        table: rows.with_columns(raw_value=_withheld) if "raw_value" in rows.columns else rows
        for table, rows in made.items()
    }


_withheld = pl.when(pl.col("raw_value").is_not_null()).then(pl.lit(WITHHELD))


def read_snapshot(settings: Settings, context: Context, file: File) -> pl.DataFrame:
    """Records of a snapshot file with their origin. Raises ``UnreadableFile`` or ``SourceError`` naming the file."""
    source = context.sources.get(file.source)
    if source is None:
        raise SourceError(f"{file.raw_file}: {undescribed(file.source)}")
    sealed = file.raw_file.endswith(SEALED)
    try:
        with readable(settings, file.raw_file, source) as opened:
            records = read_records(opened.path, source, settings.max_unpacked_bytes)
    except UnreadableFile as error:
        reason = without_values(str(error), [source]) if sealed else str(error)
        raise UnreadableFile(f"{file.raw_file}: {reason}") from None
    if sealed and source.entity.column is not None:
        vault = Vault.opened(settings, file.raw_file.split("/")[0])
        records = pseudonymised(records, source.entity.column, source, vault.pseudonym)
    return records.with_columns(
        source=pl.lit(file.source),
        raw_file=pl.lit(file.raw_file),
        arrival_seq=pl.lit(file.arrival_seq, pl.Int64),
        arrived_at=pl.lit(file.arrived_at).dt.cast_time_unit("us"),
    )


def build_step(
    run: Run, step: Step, context: Context, made: Plan, days: Collection[date], *, only_pending: bool
) -> Iterator[Done]:
    """Build a step's targets of some days (or its one unpartitioned target), as planned in ``made``."""
    ready: dict[str, str] = {}
    built = run.ledger.targets.built()
    for (name, part), digest in made.digests.items():
        if name != step.name or (part and date.fromisoformat(part) not in days):
            continue
        outputs = {(output, part) for output in step.outputs}
        reads = made.reads[name, part]
        needed = made.needs[name, part] if part else reads
        if any(read in run.failed or read in run.skipped for read in needed):
            run.skipped |= outputs
        elif any(read in run.refused for read in reads) or run.overtaken(reads, built):
            # Another run builds these days from more files than this one knows of.
            run.refused |= outputs
        elif not only_pending or outputs & made.changed:
            ready[part] = digest
    with closing(_one_ahead(run, step, context, ready)) as groups:
        for digests, rows in groups:
            yield from _build_group(run, step, context, made.reads, digests, rows)


def _one_ahead(
    run: Run, step: Step, context: Context, parts: Mapping[str, str]
) -> Generator[tuple[Mapping[str, str], Future[Ready]], None, None]:
    """Groups of parts as they are made, each while the next is: that changes nothing, and needs no ledger."""
    before: tuple[Mapping[str, str], Future[Ready]] | None = None
    with ThreadPoolExecutor(1) as pool:
        for group in run.start.groups(parts, run.settings.group_records):
            digests = {part: parts[part] for part in group}
            # Not before the last one is made: a run that is killed must not make days suspect that it had not come to.
            if before is not None:
                wait([before[1]])
            run.begin({(step.name, part): digest for part, digest in digests.items()})
            begun = digests, pool.submit(_make, run, step, context, digests)
            if before is not None:
                yield before
            before = begun
        if before is not None:
            yield before


def _build_group(
    run: Run,
    step: Step,
    context: Context,
    reads: Mapping[Target, Sequence[Target]],
    digests: Mapping[str, str],
    rows: Future[Ready],
) -> Iterator[Done]:
    of_parts = {part: reads[step.name, part] for part in digests}
    yield from _attempt(run, rows.result, step.outputs, digests, of_parts)
    if len(digests) > 1 and any((step.name, part) in run.failed for part in digests):
        # One bad day must not take its neighbours along: try each alone.
        for part, digest in digests.items():
            run.failed.pop((step.name, part), None)
            alone = {part: digest}
            yield from _attempt(run, partial(_make, run, step, context, alone), step.outputs, alone, of_parts)


def _make(run: Run, step: Step, context: Context, digests: Mapping[str, str]) -> Ready:
    contracts = all_contracts(run.domain)
    days = [date.fromisoformat(part) for part in digests if part]
    inputs = {}
    for read in step.reads(context):
        span = {day + timedelta(days=n) for day in days for n in range(-read.before, read.after + 1)}
        stored = schema(contracts[read.table])
        used = {name: stored[name] for name in read.columns or stored}
        inputs[read.table] = run.lake.read(read.table, used, None if read.whole else span)
    return _ready(run, step.make(inputs, days, context), step.outputs, digests)


def _ready(run: Run, made: Made, outputs: Mapping[str, Contract], digests: Mapping[str, str]) -> Ready:
    accounts = _verified(run, made, digests)
    rows = {table: canonical(contract, made.tables[table]) for table, contract in outputs.items()}
    for table, contract in outputs.items():
        validate(table, contract, rows[table])
    return Ready(rows, accounts)


def _attempt(
    run: Run,
    make: Callable[[], Ready],
    outputs: Mapping[str, Contract],
    digests: Mapping[str, str],
    reads: Mapping[str, Sequence[Target]],
) -> Iterator[Done]:
    """Make the parts of a step's tables and commit them; they fail together."""
    name = next(iter(outputs))
    try:
        ready = make()
        # The step's own table last: once it is committed, all are.
        for table in reversed(list(outputs)):
            given = ready.accounts if table == name else None
            yield from persistently(partial(run.commit, table, outputs[table], ready.rows[table], digests, given))
    except Exception as error:  # noqa: BLE001 - the boundary that keeps one day's failure from the others
        built = run.ledger.targets.built()
        for part in digests:
            if run.overtaken(reads.get(part, ()), built):
                run.refused.add((name, part))
            else:
                run.fail((name, part), error)


def _verified(run: Run, made: Made, digests: Mapping[str, str]) -> Accounts | None:
    if made.accounts is None:
        return None
    landed = [
        (day, file.source, run.start.file_days[day][file.arrival_seq])
        for day in map(date.fromisoformat, digests)
        for file in run.start.readings(day)
    ]
    counted = pl.DataFrame(landed, schema={"day": pl.Date, "source": pl.String, "landed": pl.Int64}, orient="row")
    verify(made.accounts, counted.group_by("day", "source").agg(pl.col("landed").sum()))
    found: dict[str, dict[str, Account]] = {}
    for day, source, *counts in made.accounts.iter_rows():
        found.setdefault(day.isoformat(), {})[source] = Account(day.isoformat(), source, *counts)
    for part in digests:
        for source, erased in run.start.erased.get(date.fromisoformat(part), {}).items():
            of_part = found.setdefault(part, {})
            known = of_part.get(source, Account(part, source, 0, 0, 0, 0))
            of_part[source] = replace(known, records=known.records + erased, erased=erased)
    return {part: tuple(of_part.values()) for part, of_part in found.items()}
