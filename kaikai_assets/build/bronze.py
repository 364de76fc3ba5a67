"""Bronze: each file parsed once, for all its days, by the first run that meets it.

A day is committed only if every file it should hold could be read.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Annotated

import pandera.polars as pa
import polars as pl

from kaikai_assets.build.parsing import parsed
from kaikai_assets.build.pending import bronze_digest, expected, parse_digests, parse_of
from kaikai_assets.build.run import Done, Run, persistently
from kaikai_assets.build.spool import Spool
from kaikai_assets.build.state import File
from kaikai_assets.build.steps import Domain
from kaikai_assets.lake.content import canonical
from kaikai_assets.quality.contracts import Contract, metrics, schema, validate


class BronzeRecords(pa.DataFrameModel):
    """One row a record, as it stood in its file. The entity and each metric follow as texts."""

    day: pl.Date = pa.Field(description="UTC day of the reading, or of arrival where the time cannot be used")
    source: str = pa.Field(description="Source description that read the file")
    raw_file: str = pa.Field(description="File below raw/")
    arrival_seq: int = pa.Field(description="Arrival number of the file", metadata={"key": True})
    record: int = pa.Field(
        description="Line of a CSV or JSON-lines file, row of a sheet, element of an array", metadata={"key": True}
    )
    arrived_at: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(description="When the file landed, UTC")
    event_time: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(nullable=True, description="Time of the reading, UTC")
    defect: str = pa.Field(nullable=True, description="What is wrong with a damaged record")
    text: str = pa.Field(nullable=True, description="A damaged record as it stands in the file")
    parameter: str = pa.Field(nullable=True, description="Parameter of a long layout")
    time: str = pa.Field(nullable=True, description="Time as written")
    parse: str = pa.Field(
        description="Digest of the code and description that parsed the file", metadata={"arrival_dependent": True}
    )

    class Config:
        strict = True


def contract(domain: Domain) -> Contract:
    """Bronze contract of a domain: the common columns, then the entity and the metrics as texts."""
    texts = [domain.entity, *(metric.name for metric in metrics(domain.readings))]
    fields = {name: pa.Field(nullable=True, description=f"{name} as written") for name in texts}
    return type(
        f"{domain.name.title()}Bronze",
        (BronzeRecords,),
        {
            "__annotations__": dict.fromkeys(texts, str),
            "__module__": __name__,
            "__doc__": BronzeRecords.__doc__,
            **fields,
        },
    )


def all_contracts(domain: Domain) -> dict[str, Contract]:
    """Contracts of all tables of a domain in the lake, bronze first."""
    return {domain.bronze: contract(domain), **domain.contracts}


def build_bronze(run: Run, days: Collection[date], *, reparse: bool) -> Iterator[Done]:
    """Bring bronze up to date for days that are not sealed. With ``reparse`` their files are read from raw again.

    Days are committed in groups, each once the last file with rows of them is parsed.
    """
    table = run.domain.bronze
    parses = parse_digests(run.domain, run.context)
    behind: dict[date, str] = {}
    for day in sorted(set(days) - run.start.sealed):
        digest = bronze_digest(expected(run.start, day, parses))
        built = run.start.built.get((table, day.isoformat()))
        if (built or run.start.readings(day) or day in run.start.erased) and (
            reparse or built is None or built.digest != digest
        ):
            behind[day] = digest
    lacking = _lacking(run, behind, parses, reparse)
    of_file = {file: run.start.days(file.arrival_seq).keys() - run.start.sealed for file in lacking}
    groups = _groups(run, behind.keys() | {day for days in of_file.values() for day in days})
    group_of = {day: n for n, group in enumerate(groups) for day in group}
    groups_of = {file: sorted({group_of[day] for day in days}) for file, days in of_file.items()}
    awaited: list[set[File]] = [set() for _ in groups]
    for file, numbers in groups_of.items():
        for n in numbers:
            awaited[n].add(file)
    begun, spoilt = set[int](), set[date]()

    def begin(numbers: Collection[int]) -> None:
        # As they come up: a run that is killed must not make the days suspect that it had not come to.
        new = [day for n in numbers if n not in begun for day in groups[n] if day in behind]
        run.begin({(table, day.isoformat()): behind[day] for day in new})
        begun.update(numbers)

    def commit(n: int) -> Iterator[Done]:
        whole = set(groups[n]) - spoilt
        try:
            rows = spool.take(n)
            if whole:
                yield from persistently(partial(_replace, run, whole, rows, parses))
        except Exception as error:  # noqa: BLE001 - the boundary that keeps one group's failure from the others
            _fail(run, whole & behind.keys(), error)

    with Spool(group_of, 2 * run.settings.group_records, run.settings.data) as spool:
        for n, files in enumerate(awaited):
            if not files:
                begin([n])
                yield from commit(n)
        for file, error in parsed(run, lacking, lambda file: begin(groups_of[file]), spool):
            if error is not None:
                spoilt |= of_file[file]
                _fail(run, behind.keys() & of_file[file], error)
            for n in groups_of[file]:
                awaited[n].discard(file)
                if not awaited[n]:
                    yield from commit(n)


def _lacking(run: Run, behind: dict[date, str], parses: Mapping[str, str], reparse: bool) -> dict[File, str]:
    """Files of some days that bronze does not hold as they should be parsed, in order of arrival.

    Days of which it cannot be read fail, and are taken out of ``behind``.
    """
    table, model = run.domain.bronze, schema(contract(run.domain))
    position = {name: model[name] for name in ("day", "arrival_seq", "parse")}
    stored = set[tuple[date, int, str]]()
    for group in [] if reparse else _groups(run, behind):
        try:
            stored.update(run.lake.read(table, position, group).unique().iter_rows())
        except Exception as error:  # noqa: BLE001 - the boundary that keeps one group's failure from the others
            run.begin({(table, day.isoformat()): behind.pop(day) for day in group})
            _fail(run, group, error)
    files = {file.arrival_seq: file for day in behind for file in run.start.readings(day)}
    lacking = {}
    for seq, file in sorted(files.items()):
        digest = parse_of(file, parses)
        wanted = {(day, seq, digest) for day in run.start.days(seq) if day in behind}
        if reparse or not wanted <= stored:
            lacking[file] = digest
    return lacking


def _fail(run: Run, days: Collection[date], error: Exception) -> None:
    for day in days:
        run.fail((run.domain.bronze, day.isoformat()), error)


def _groups(run: Run, days: Collection[date]) -> list[list[date]]:
    parts = [day.isoformat() for day in sorted(days)]
    return [list(map(date.fromisoformat, group)) for group in run.start.groups(parts, run.settings.group_records)]


def _replace(run: Run, days: set[date], frames: Sequence[pl.DataFrame], parses: Mapping[str, str]) -> list[Done]:
    """Commit days as what they hold already, of the files and parses they should hold, and newly parsed rows."""
    table, model = run.domain.bronze, contract(run.domain)
    held = [(day, seq, digest) for day in days for seq, _, digest in expected(run.start, day, parses)]
    wanted = pl.DataFrame(held, schema={"day": pl.Date, "arrival_seq": pl.Int64, "parse": pl.String}, orient="row")
    new = None
    if frames:
        new = pl.concat(frames, how="diagonal_relaxed").filter(pl.col("day").is_in(list(days)))
    kept = run.lake.read(table, schema(model), days).join(wanted, on=wanted.columns, how="semi")
    if new is not None:
        kept = kept.join(new.select("arrival_seq").unique(), on="arrival_seq", how="anti")
        kept = pl.concat([kept, new], how="diagonal_relaxed")
    rows = canonical(model, kept)
    validate(table, model, rows)
    digests = {day.isoformat(): bronze_digest([]) for day in days}
    for (day,), of_day in rows.select(wanted.columns).unique().partition_by("day", as_dict=True).items():
        files = [(seq, run.start.files[seq].identity, digest) for _, seq, digest in of_day.iter_rows()]
        digests[day.isoformat()] = bronze_digest(files)
    return run.commit(table, model, rows, digests)
