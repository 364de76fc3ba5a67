"""Bronze: each file parsed once, for all its days, in one commit, by the first run that meets it.

A day is committed only if every file it should hold could be read.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated

import pandera.polars as pa
import polars as pl

from kaikai_assets.build.pending import File, bronze_digest, expected, parse_digests, parse_of
from kaikai_assets.build.run import Done, Run, persistently
from kaikai_assets.build.steps import Domain
from kaikai_assets.lake.content import canonical
from kaikai_assets.landing.parse import parse
from kaikai_assets.landing.sources import Source, SourceError, undescribed
from kaikai_assets.landing.unpack import UnreadableFile, fingerprint
from kaikai_assets.privacy.rows import Texts, pseudonymised
from kaikai_assets.privacy.vault import Vault, readable
from kaikai_assets.privacy.wording import WITHHELD, without_values
from kaikai_assets.quality.contracts import Contract, codes, metrics, schema, validate
from kaikai_assets.settings import Settings

_AT_ONCE = 2
"""Files that are parsed beside each other."""


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
    """Bring bronze up to date for days that are not sealed. With ``reparse`` their files are read from raw again."""
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
    begun = set[date]()
    for files in _groups(run, behind):
        of_files = {day for day in behind for file in files if file.arrival_seq in run.start.file_days.get(day, {})}
        run.begin({(table, day.isoformat()): behind[day] for day in of_files - begun})
        begun |= of_files
        try:
            yield from _bring(run, files, of_files, parses, reparse)
        except Exception as error:  # noqa: BLE001 - the boundary that keeps one group's failure from the others
            for day in of_files:
                run.fail((table, day.isoformat()), error)
    emptied = {day for day in behind if not run.start.readings(day)}
    if emptied:
        run.begin({(table, day.isoformat()): behind[day] for day in emptied})
        yield from persistently(partial(_replace, run, emptied, [], parses))


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


def _bring(
    run: Run, files: Sequence[File], behind: set[date], parses: Mapping[str, str], reparse: bool
) -> Iterator[Done]:
    """Parse what bronze lacks of some files and commit their days; the days of a file that cannot be read fail."""
    model = schema(contract(run.domain))
    position = {name: model[name] for name in ("day", "arrival_seq", "parse")}
    stored = set(run.lake.read(run.domain.bronze, position, behind).unique().iter_rows())
    lacking: dict[File, str] = {}
    for file in files:
        digest = parse_of(file, parses)
        of_file = run.start.days(file.arrival_seq).keys() - run.start.sealed
        if reparse or any((day, file.arrival_seq, digest) not in stored for day in behind & of_file):
            lacking[file] = digest
    parsed: list[pl.DataFrame] = []
    write, spoilt = set(behind), set[date]()
    for file, rows in _parsed(run, lacking):
        of_file = run.start.days(file.arrival_seq).keys() - run.start.sealed
        if isinstance(rows, pl.DataFrame):
            parsed.append(rows)
            write |= of_file
        else:
            spoilt |= of_file
            for day in behind & of_file:
                run.fail((run.domain.bronze, day.isoformat()), rows)
    if write - spoilt:
        yield from persistently(partial(_replace, run, write - spoilt, parsed, parses))


def _replace(run: Run, days: set[date], parsed: Sequence[pl.DataFrame], parses: Mapping[str, str]) -> list[Done]:
    """Commit days as what they hold already, of the files and parses they should hold, and newly parsed rows."""
    table, model = run.domain.bronze, contract(run.domain)
    held = [(day, seq, digest) for day in days for seq, _, digest in expected(run.start, day, parses)]
    wanted = pl.DataFrame(held, schema={"day": pl.Date, "arrival_seq": pl.Int64, "parse": pl.String}, orient="row")
    new = pl.concat([frame.filter(pl.col("day").is_in(list(days))) for frame in parsed]) if parsed else None
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


def as_landed(settings: Settings, file: File) -> Path:
    """Path of a raw file. Raises ``UnreadableFile`` when its bytes are not those that landed."""
    path = settings.raw / file.raw_file
    if fingerprint(path) != file.sha256:
        raise UnreadableFile(f"{file.raw_file}: its bytes are not those that landed")
    return path


def _parsed(run: Run, digests: Mapping[File, str]) -> list[tuple[File, pl.DataFrame | Exception]]:
    """Bronze rows of each file, or why it cannot be read."""

    def rows_of(file: File) -> pl.DataFrame | Exception:
        try:
            return _parse(run, file, digests[file], run.start.days(file.arrival_seq))
        except (ValueError, OSError) as error:
            return error

    # Polars and hashing leave the interpreter to another thread.
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(zip(digests, pool.map(rows_of, digests), strict=True))


def _parse(run: Run, file: File, digest: str, counted: Mapping[date, int]) -> pl.DataFrame:
    """Bronze rows of a raw file. Raises ``UnreadableFile`` or ``SourceError`` naming the file."""
    source = run.context.sources.get(file.source)
    if source is None:
        raise SourceError(f"{file.raw_file}: {undescribed(file.source)}")
    as_landed(run.settings, file)
    try:
        with readable(run.settings, file.raw_file, source) as opened:
            rows = parse(
                opened.path,
                source,
                name=opened.name,
                entity=run.domain.entity,
                metrics=[metric.name for metric in metrics(run.domain.readings)],
                raw_file=file.raw_file,
                arrival_seq=file.arrival_seq,
                arrived_at=file.arrived_at,
                first_day=run.settings.first_day,
                max_bytes=run.settings.max_unpacked_bytes,
            )
    except UnreadableFile as error:
        reason = without_values(str(error), [source]) if run.domain.sensitive else str(error)
        raise UnreadableFile(f"{file.raw_file}: {reason}") from None
    if run.domain.sensitive:
        rows = _private(run, rows, source)
    found = dict(rows.group_by("day").len().iter_rows())
    if found != counted:
        differing = sorted(day for day in found.keys() | counted.keys() if found.get(day) != counted.get(day))
        raise UnreadableFile(
            f"{file.raw_file}: {found.get(differing[0], 0)} records of {differing[0]}, but landing counted "
            f"{counted.get(differing[0], 0)}; landing counts again when a source's times change"
        )
    return rows.with_columns(parse=pl.lit(digest))


def _private(run: Run, rows: pl.DataFrame, source: Source) -> pl.DataFrame:
    vault = Vault.opened(run.settings, run.domain.name)
    of_texts = {metric.name: codes(metric) for metric in metrics(run.domain.readings) if metric.dtype == pl.String}
    texts = Texts(
        numbers=[metric.name for metric in metrics(run.domain.readings) if metric.dtype.is_numeric()],
        coded={name: allowed for name, allowed in of_texts.items() if allowed is not None}
        | {"parameter": list(source.long.parameters) if source.long else []},
        free=[name for name, allowed in of_texts.items() if allowed is None],
        stand_in=vault.attribute,
        kept=("source", "raw_file"),
    )
    private = pseudonymised(rows, run.domain.entity, source, vault.pseudonym, texts)
    unread = pl.col("event_time").is_null() & pl.col("time").is_not_null()
    return private.with_columns(time=pl.when(unread).then(pl.lit(WITHHELD)).otherwise("time"))
