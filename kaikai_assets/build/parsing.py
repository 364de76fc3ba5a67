"""Raw files parsed into the spool, each whole or not at all."""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from pathlib import Path

import polars as pl

from kaikai_assets.build.run import Run
from kaikai_assets.build.spool import Spool
from kaikai_assets.build.state import File
from kaikai_assets.landing.parse import parse
from kaikai_assets.landing.sources import Source, SourceError, undescribed
from kaikai_assets.landing.unpack import UnreadableFile, fingerprint
from kaikai_assets.privacy.rows import Texts, pseudonymised
from kaikai_assets.privacy.vault import Vault, readable
from kaikai_assets.privacy.wording import WITHHELD, without_values
from kaikai_assets.quality.contracts import codes, metrics
from kaikai_assets.settings import Settings

_AT_ONCE = 2
"""Files that are parsed beside each other."""


def parsed(
    run: Run, digests: Mapping[File, str], begin: Callable[[File], None], spool: Spool
) -> Iterator[tuple[File, Exception | None]]:
    """Parse files into the spool; each in its turn, with what was wrong with it.

    The next ones are parsed while the caller is at work.
    """

    def spooled(file: File) -> Exception | None:
        try:
            _parse(run, file, digests[file], run.start.days(file.arrival_seq), spool)
        except Exception as error:  # noqa: BLE001 - the boundary that keeps one file's failure from the others
            return error
        return None

    ahead = deque[tuple[File, Future[Exception | None]]]()
    # Polars and hashing leave the interpreter to another thread.
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for file in digests:
            begin(file)
            ahead.append((file, pool.submit(spooled, file)))
            if len(ahead) > _AT_ONCE:
                first, result = ahead.popleft()
                yield first, result.result()
        for first, result in ahead:
            yield first, result.result()


def _parse(run: Run, file: File, digest: str, counted: Mapping[date, int], spool: Spool) -> None:
    """Bronze rows of a raw file into the spool. Raises ``UnreadableFile`` or ``SourceError`` naming the file."""
    source = run.context.sources.get(file.source)
    if source is None:
        raise SourceError(f"{file.raw_file}: {undescribed(file.source)}")
    as_landed(run.settings, file)
    found = Counter[date]()
    try:
        with readable(run.settings, file.raw_file, source) as opened:
            pieces = parse(
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
            if run.domain.sensitive:
                # All ids of a file are looked for in each of its texts.
                pieces = iter([_private(run, pl.concat(pieces), source)])
            for rows in pieces:
                found.update(dict(rows["day"].value_counts().iter_rows()))
                # Nothing may come to days that do not wait for this file.
                if found.keys() <= counted.keys():
                    spool.add(rows.with_columns(parse=pl.lit(digest)))
    except UnreadableFile as error:
        reason = without_values(str(error), [source]) if run.domain.sensitive else str(error)
        raise UnreadableFile(f"{file.raw_file}: {reason}") from None
    if found != counted:
        differing = sorted(day for day in found.keys() | counted.keys() if found.get(day) != counted.get(day))
        raise UnreadableFile(
            f"{file.raw_file}: {found.get(differing[0], 0)} records of {differing[0]}, but landing counted "
            f"{counted.get(differing[0], 0)}; landing counts again when a source's times change"
        )


def as_landed(settings: Settings, file: File) -> Path:
    """Path of a raw file. Raises ``UnreadableFile`` when its bytes are not those that landed."""
    path = settings.raw / file.raw_file
    if fingerprint(path) != file.sha256:
        raise UnreadableFile(f"{file.raw_file}: its bytes are not those that landed")
    return path


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
