"""Bronze: each file parsed once, for all its days, in one commit, by the first run that meets it."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from functools import partial
from typing import Annotated

import pandera.polars as pa
import polars as pl

from kaikai_assets.build.pending import File, bronze_digest, parse_digests
from kaikai_assets.build.run import Done, Run, persistently
from kaikai_assets.build.steps import Domain
from kaikai_assets.lake.content import canonical
from kaikai_assets.landing.parse import parse
from kaikai_assets.landing.unpack import UnreadableFile
from kaikai_assets.quality.contracts import Contract, metrics, schema


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
    parse: str = pa.Field(description="Digest of the code and description that parsed the file")

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


def build_bronze(run: Run, days: Collection[date], *, reparse: bool) -> Iterator[Done]:
    """Bring bronze up to date for some days. With ``reparse`` the files of those days are read from raw again."""
    table = run.domain.bronze
    parses = parse_digests(run.domain, run.context.sources)
    behind: dict[date, str] = {}
    for day in sorted(days):
        if files := run.start.readings(day):
            expected = bronze_digest((f.arrival_seq, f.identity, parses[f.source]) for f in files)
            built = run.start.built.get((table, day.isoformat()))
            if reparse or built is None or built.digest != expected:
                behind[day] = expected
    run.begin({(table, day.isoformat()): digest for day, digest in behind.items()})
    for group in _groups(run, behind):
        try:
            yield from persistently(partial(_commit, run, group, parses, reparse))
        except Exception as error:  # noqa: BLE001 - the boundary that keeps one file's failure from the others
            for file in group:
                yield from _commit_alone(run, file, parses, reparse, behind, error if len(group) == 1 else None)


def _commit_alone(
    run: Run, file: File, parses: dict[str, str], reparse: bool, behind: Collection[date], error: Exception | None
) -> list[Done]:
    if error is None:
        try:
            return persistently(partial(_commit, run, [file], parses, reparse))
        except Exception as alone:  # noqa: BLE001 - as above
            error = alone
    for day in behind:
        if file.arrival_seq in run.start.file_days[day]:
            run.fail((run.domain.bronze, day.isoformat()), error)
    return []


def _groups(run: Run, days: Collection[date]) -> Iterator[list[File]]:
    """Files of some days, in order of arrival, in groups of at most ``group_records`` records (or of one file)."""
    wanted = {file.arrival_seq for day in days for file in run.start.readings(day)}
    sizes: dict[int, int] = dict.fromkeys(sorted(wanted), 0)
    for counts in run.start.file_days.values():
        for seq, records in counts.items():
            if seq in sizes:
                sizes[seq] += records
    group: list[File] = []
    total = 0
    for seq, records in sizes.items():
        if group and total + records > run.settings.group_records:
            yield group
            group, total = [], 0
        group.append(run.start.files[seq])
        total += records
    if group:
        yield group


def _commit(run: Run, group: Sequence[File], parses: dict[str, str], reparse: bool) -> list[Done]:
    table, model = run.domain.bronze, contract(run.domain)
    of_group = {file.arrival_seq for file in group}
    days = [day for day, counts in run.start.file_days.items() if not of_group.isdisjoint(counts)]
    stored = run.lake.read(table, schema(model), days)
    present = set(stored.select("arrival_seq", "parse").unique().iter_rows())
    missing = [file for file in group if reparse or (file.arrival_seq, parses[file.source]) not in present]
    if not missing:
        return []
    kept = stored.filter(~pl.col("arrival_seq").is_in([file.arrival_seq for file in missing]))
    rows = canonical(model, pl.concat([kept, *(_parse(run, file, parses) for file in missing)], how="diagonal_relaxed"))
    held = rows.select("day", "arrival_seq", "parse").unique()
    digests = {}
    for (day,), of_day in held.partition_by("day", as_dict=True).items():
        files = ((seq, run.start.files[seq].identity, parsed) for _, seq, parsed in of_day.iter_rows())
        digests[day.isoformat()] = bronze_digest(files)
    return run.commit(table, model, rows, digests, {})


def _parse(run: Run, file: File, parses: dict[str, str]) -> pl.DataFrame:
    try:
        rows = parse(
            run.settings.raw / file.raw_file,
            run.context.sources[file.source],
            entity=run.domain.entity,
            metrics=[metric.name for metric in metrics(run.domain.readings)],
            raw_file=file.raw_file,
            arrival_seq=file.arrival_seq,
            arrived_at=file.arrived_at,
            first_day=run.settings.first_day,
            max_bytes=run.settings.max_unpacked_bytes,
        )
    except UnreadableFile as error:
        raise UnreadableFile(f"{file.raw_file}: {error}") from error
    return rows.with_columns(parse=pl.lit(parses[file.source]))
