"""Records as they stand in raw, file by file; a file that is gone or edited is named, the others are read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from kaikai_assets.build.state import File
from kaikai_assets.landing.as_written import as_written, header_as_written
from kaikai_assets.landing.sources import Source, undescribed
from kaikai_assets.landing.unpack import UnreadableFile, fingerprint
from kaikai_assets.ledger.store import Ledger
from kaikai_assets.privacy.container import SEALED
from kaikai_assets.privacy.keys import KeyProblem
from kaikai_assets.privacy.vault import readable
from kaikai_assets.settings import Settings

_UNITS = {"csv": "line", "ndjson": "line", "json": "element", "parquet": "row", "xlsx": "row"}


@dataclass(frozen=True)
class RawFile:
    """A landed file and some of its records: what is known of each, then ``line`` and ``text`` (``as_written``), both
    null where ``problem`` says why they cannot be shown. ``header``: line number and text, in CSV. ``again``: names
    under which the same content came again, and when."""

    file: File
    unit: str
    header: tuple[int, str] | None
    records: pl.DataFrame
    problem: str | None
    again: tuple[tuple[str, datetime], ...]


def raw_files(
    settings: Settings,
    ledger: Ledger,
    files: Mapping[int, File],
    sources: Mapping[str, Source],
    records: pl.DataFrame,
    *,
    decrypt: bool,
) -> list[RawFile]:
    """Raw files of some records (``arrival_seq, record`` and more), in order of arrival.

    Sealed ones are read with ``decrypt`` only.
    """
    parts = records.sort("arrival_seq", "record").partition_by("arrival_seq", as_dict=True, maintain_order=True)
    of_parts = {files[seq].identity for (seq,) in parts}
    again: dict[str, tuple[tuple[str, datetime], ...]] = {}
    for identity, name, at in ledger.landed.redeliveries(of_parts):
        again[identity] = (*again.get(identity, ()), (name, at))
    return [
        _raw_file(
            settings, files[seq], sources.get(files[seq].source), part, again.get(files[seq].identity, ()), decrypt
        )
        for (seq,), part in parts.items()
    ]


def damage(settings: Settings, file: File) -> str | None:
    """What is wrong with a raw file: it is gone, cannot be read, or its bytes are not those that landed."""
    path = settings.raw / file.raw_file
    try:
        return None if fingerprint(path) == file.sha256 else "its bytes are not those that landed"
    except FileNotFoundError:
        return "the file is gone"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _raw_file(
    settings: Settings,
    file: File,
    source: Source | None,
    records: pl.DataFrame,
    again: tuple[tuple[str, datetime], ...],
    decrypt: bool,
) -> RawFile:
    problem = damage(settings, file)
    if problem is None and file.raw_file.endswith(SEALED) and not decrypt:
        problem = "is sealed; --decrypt --reason TEXT opens it, and is noted"
    if problem is None and source is None:
        problem = undescribed(file.source)
    if problem is None and source is not None:
        most = settings.max_unpacked_bytes
        try:
            with readable(settings, file.raw_file, source) as opened:
                texts = as_written(opened.path, source, records["record"].to_list(), most)
                header = header_as_written(opened.path, source, most)
        except (UnreadableFile, KeyProblem) as error:
            problem = str(error)
        else:
            shown = records.join(texts, on="record", how="left", maintain_order="left")
            return RawFile(file, _UNITS[source.format], header, shown, None, again)
    unit = "record" if source is None else _UNITS[source.format]
    nothing = records.with_columns(line=pl.lit(None, pl.Int64), text=pl.lit(None, pl.String))
    return RawFile(file, unit, None, nothing, problem, again)
