"""Which (table, day) targets exist, the digest each should have, and which are pending: pure functions of a state."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from kaikai_assets.build.state import File, State
from kaikai_assets.build.steps import WHOLE, Context, Domain, Read, Step
from kaikai_assets.digests import code_digest, digest_of
from kaikai_assets.lake.content import EMPTY, canonical
from kaikai_assets.landing.parse import parse
from kaikai_assets.ledger.targets import Built, Target
from kaikai_assets.privacy.rows import pseudonymised
from kaikai_assets.quality.contracts import codes, describe, metrics
from kaikai_assets.quality.registry import registry_tables


@dataclass
class Plan:
    """Digest of every target that exists, in the order of building, and what it reads.

    It ``needs`` some of what it ``reads``: without these it cannot be built, the others may be behind. ``leads`` names
    the target under which those made together are attempted. ``changed`` targets have another digest than they were
    built with; ``pending`` ones also read one that is pending.
    """

    digests: dict[Target, str] = field(default_factory=dict)
    reads: dict[Target, tuple[Target, ...]] = field(default_factory=dict)
    needs: dict[Target, tuple[Target, ...]] = field(default_factory=dict)
    leads: dict[Target, Target] = field(default_factory=dict)
    changed: set[Target] = field(default_factory=set)
    pending: set[Target] = field(default_factory=set)

    def active(self, held: Collection[Target]) -> set[Target]:
        """Pending targets that can move although those in ``held`` wait: changed ones, and what reads them.

        What needs one that cannot move cannot either: its build would be skipped.
        """
        found: set[Target] = set()
        stuck: set[Target] = set()
        for target in self.digests:
            waits = self.leads[target] in held
            if any(need in stuck for need in self.needs[target]):
                stuck.add(target)
            elif any(read in found for read in self.reads[target]) or (target in self.changed and not waits):
                found.add(target)
            elif waits:
                stuck.add(target)
        return found


def days_of(targets: Iterable[Target]) -> set[date]:
    """Days of partitioned targets."""
    return {date.fromisoformat(part) for _, part in targets if part}


def parse_digests(domain: Domain, context: Context) -> dict[str, str]:
    """Digest of how files of each source are parsed."""
    names: list[object] = [metric.name for metric in metrics(domain.readings)]
    if domain.sensitive:
        names += [codes(metric) for metric in metrics(domain.readings)]
    code = code_digest(parse, canonical, *([pseudonymised] if domain.sensitive else []))
    return {
        name: digest_of(
            code, source.model_dump(mode="json", exclude=DESCRIPTIVE), domain.entity, names, context.first_day
        )
        for name, source in context.sources.items()
    }


DESCRIPTIVE = {"description", "match"}
"""Fields of a source description that change no row."""

NO_DESCRIPTION = "no description"
"""Parse digest of a source whose description is gone: its files cannot be read until it is back."""


def bronze_digest(held: Iterable[tuple[int, str, str]]) -> str:
    """Digest of a bronze day: ``(arrival_seq, identity, parse digest)`` of the files it holds."""
    return digest_of("bronze", sorted(held))


def parse_of(file: File, parses: Mapping[str, str]) -> str:
    """Digest of how a file is parsed: another one once some of its records were erased."""
    digest = parses.get(file.source, NO_DESCRIPTION)
    return digest_of(digest, file.erased) if file.erased else digest


def expected(state: State, day: date, parses: Mapping[str, str]) -> list[tuple[int, str, str]]:
    """What a bronze day should hold: ``(arrival_seq, identity, parse digest)`` of each file."""
    return [(f.arrival_seq, f.identity, parse_of(f, parses)) for f in state.readings(day)]


def plan(domain: Domain, context: Context, state: State) -> Plan:
    """Evaluate all targets of a domain; what was built of sealed days is taken as it is."""
    parses = parse_digests(domain, context)
    made = Plan()
    landed = {day.isoformat() for day in state.file_days if state.readings(day)}
    landed |= {day.isoformat() for day in state.erased}
    parts = {domain.bronze: landed | state.parts(domain.bronze)}
    sealed = {day.isoformat() for day in state.sealed}
    for part in sorted(parts[domain.bronze] - sealed):
        digest = bronze_digest(expected(state, date.fromisoformat(part), parses))
        _judge(made, state, [(domain.bronze, part)], digest, ())
    if state.snapshots() or state.parts(domain.registry):
        digest = dimension_digest(domain, state, parses)
        _judge(made, state, [(name, WHOLE) for name in domain.dimension], digest, ())
    for step in domain.steps:
        evaluate(step, context, state, parts, made)
    published = sorted(t for t in made.digests.keys() | state.built.keys() if t[0] in domain.published)
    if published:
        _judge(made, state, [(domain.warehouse, WHOLE)], publication_digest(domain, state.built), published)
    return made


def publication_digest(domain: Domain, built: Mapping[Target, Built]) -> str:
    """Digest of what the warehouse should hold of a domain."""
    outputs = sorted((*target, b.output) for target, b in built.items() if target[0] in domain.published)
    return digest_of("publish", outputs)


def dimension_digest(domain: Domain, state: State, parses: Mapping[str, str]) -> str:
    """Digest of the registry: its snapshot files and the code that reads them."""
    return digest_of(
        code_digest(domain.conform_dimension, registry_tables, canonical),
        [describe(contract) for contract in domain.dimension.values()],
        [(f.arrival_seq, f.identity, parse_of(f, parses)) for f in state.snapshots()],
    )


def evaluate(step: Step, context: Context, state: State, parts: dict[str, set[str]], made: Plan) -> None:
    """Add a step's targets to a plan; ``parts`` holds the existing parts of the tables before it."""
    reads = step.reads(context)
    whole = {read.table for read in reads if read.whole}
    configuration = step.configuration(context)
    code = digest_of(code_digest(step.make, canonical), [describe(contract) for contract in step.outputs.values()])
    # A local day west of UTC may begin before the first day, which no run could ask for.
    made_of = {part for part in _existing(step, reads, parts) if not part or part >= context.first_day.isoformat()}
    existing = state.parts(step.name) | made_of
    for name in step.outputs:
        parts[name] = existing
    for part in sorted(existing):
        if state.is_sealed((name, part) for name in step.outputs):
            continue
        day = date.fromisoformat(part) if part else None
        targets = [
            (r.table, of)
            for r in reads
            for of in (sorted(parts[r.table]) if r.whole else window(r.before, r.after, day))
            if of in parts[r.table]
        ]
        found = [(*target, state.built[target].output if target in state.built else "") for target in targets]
        # Of a table that is read whole, parts without rows tell only that there once were some.
        outputs = [one for one in found if one[0] not in whole or one[2] not in ("", EMPTY)]
        sources = frozenset(file.source for file in state.readings(day)) if day else frozenset()
        digest = digest_of(code, configuration(day, sources), outputs)
        needs = [target for target in targets if target[1] == part] if step.same_day else targets
        _judge(made, state, [(name, part) for name in step.outputs], digest, targets, needs if part else ())


def _existing(step: Step, reads: Iterable[Read], parts: Mapping[str, set[str]]) -> set[str]:
    if not step.partitioned:
        return {WHOLE} if any(parts[read.table] for read in reads) else set()
    return {
        (date.fromisoformat(part) + timedelta(days=shift)).isoformat()
        for read in reads
        for part in parts[read.table]
        for shift in ([0] if step.same_day else range(-read.after, read.before + 1))
    }


def window(before: int, after: int, day: date | None) -> list[str]:
    """ISO days from ``before`` days earlier to ``after`` days later."""
    if day is None:
        return []
    return [(day + timedelta(days=shift)).isoformat() for shift in range(-before, after + 1)]


def _judge(
    made: Plan,
    state: State,
    targets: list[Target],
    digest: str,
    reads: Sequence[Target],
    needs: Sequence[Target] = (),
) -> None:
    waiting = any(target in made.pending for target in reads)
    # Nothing can be made from tables that were never built.
    makeable = not reads or any(target in state.built for target in needs or reads)
    for target in targets:
        made.digests[target] = digest
        made.reads[target] = tuple(reads)
        made.needs[target] = tuple(needs)
        made.leads[target] = targets[0]
        built = state.built.get(target)
        if makeable and (built is None or built.digest != digest):
            made.changed.add(target)
            made.pending.add(target)
        elif waiting:
            made.pending.add(target)
