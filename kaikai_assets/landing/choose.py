"""Which description reads a file: the one its folder names, else the one its header fits."""

import re
from collections.abc import Mapping
from pathlib import Path

from kaikai_assets.landing.raw import safe_name
from kaikai_assets.landing.readers import read_header
from kaikai_assets.landing.sources import Source, SourceError
from kaikai_assets.landing.unpack import TooLarge, UnreadableFile

_SUFFIXES = {
    "csv": {".csv", ".tsv", ".txt"},
    "ndjson": {".ndjson", ".jsonl"},
    "json": {".json"},
    "parquet": {".parquet"},
    "xlsx": {".xlsx"},
}


_BY_FOLDER = "no source is taken by its header: put the file into inbox/<domain>/<source>/"


def choose_source(path: Path, place: Path, sources: Mapping[str, Source], max_bytes: int) -> Source:
    """The source named by the first folder of a file's place in the inbox, else the one that its header fits.

    Raises ``SourceError`` or ``UnreadableFile`` with what a person can do, ``TooLarge`` where more must be read.
    """
    if len(place.parts) > 1 and place.parts[0] in sources:
        return sources[place.parts[0]]
    alike: dict[tuple[str | None, ...], dict[str, Source]] = {}
    possible = {key: source for key, source in sources.items() if _may_be(path, source.format)}
    if not possible:
        endings = sorted({suffix for source in sources.values() for suffix in _SUFFIXES[source.format]})
        raise SourceError(
            f"no source reads files with a name that ends like this one; it must end in {', '.join(endings)}"
        )
    for key, source in possible.items():
        if source.match == "header":
            dialect = (source.format, source.separator, source.encoding, source.sheet)
            alike.setdefault(dialect, {})[key] = source
    problems: list[str] = []
    for group in alike.values():
        try:
            return match_header(read_header(path, next(iter(group.values())), max_bytes), group)
        except TooLarge:
            raise
        except (SourceError, UnreadableFile) as error:
            problems.append(str(error))
    raise SourceError("; ".join(dict.fromkeys(problems)) or _BY_FOLDER)


def _may_be(path: Path, form: str) -> bool:
    suffixes = [s.lower() for s in path.suffixes if s.lower() not in (".gz", ".zst")]
    return bool(suffixes) and suffixes[-1] in _SUFFIXES[form]


def match_header(header: list[str], sources: Mapping[str, Source]) -> Source:
    """The one description whose mapped columns all stand in a header.

    Raises ``SourceError`` with the nearest description and what differs, or with the candidates when several match.
    """
    open_to_match = {name: source for name, source in sources.items() if source.match == "header"}
    matching = [source for source in open_to_match.values() if not source.missing_from(header)]
    if len(matching) > 1:
        # The description that explains most of the header wins; a tie stays a question for a person.
        explained = [len(set(source.mapped).intersection(header)) for source in matching]
        matching = [source for source, n in zip(matching, explained, strict=True) if n == max(explained)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        names = ", ".join(source.source for source in matching)
        raise SourceError(f"header fits several sources ({names}): put the file into inbox/<domain>/<source>/")
    if not open_to_match:
        raise SourceError(_BY_FOLDER)
    if header and not any(set(header) & set(source.mapped) for source in open_to_match.values()):
        seen = ", ".join(repr(name[:40]) for name in header[:5]) + (", …" if len(header) > 5 else "")
        raise SourceError(f"header fits no source: no source has any of its columns {seen}; describe its source")
    nearest = min(open_to_match.values(), key=lambda source: len(source.missing_from(header)) / len(source.required))
    raise SourceError(f"header fits no source; {nearest.difference(header)}")


def captured(source: Source, name: str) -> str:
    """What a source takes from a file's name. Raises ``UnreadableFile`` when the name does not have it."""
    if source.entity.from_name is None:
        return ""
    # Of the name in raw, so that landing and parsing find the same.
    found = re.search(source.entity.from_name, safe_name(name))
    if found is None or not found.group(1):
        raise UnreadableFile(f"name does not match {source.entity.from_name!r}")
    return found.group(1)
