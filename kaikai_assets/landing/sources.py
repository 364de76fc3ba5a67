"""Source descriptions: one YAML file tells how to read one format of one origin.

A description is data: a new source needs no code. Errors name the file and the field.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

Format = Literal["csv", "ndjson", "json", "parquet", "xlsx"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _column_from_text(value: object) -> object:
    return {"from": value} if isinstance(value, str) else value


class Column(_Strict):
    """One contract column of a wide source: where it stands and the unit it is written in (contract unit if none)."""

    origin: str = Field(alias="from")
    unit: str | None = None


class Metric(_Strict):
    """One parameter of a long source: the metric it fills and the unit its values are really in."""

    metric: str
    unit: str | None = None


def _metric_from_text(value: object) -> object:
    return {"metric": value} if isinstance(value, str) else value


class Long(_Strict):
    """Long layout: one metric a record. ``parameters`` maps the file's parameter to a metric."""

    parameter: str
    value: str
    parameters: dict[str, Annotated[Metric, BeforeValidator(_metric_from_text)]]


class Entity(_Strict):
    """Where the entity's id stands: a column, or a group of a regular expression on the file's name."""

    column: str | None = None
    from_name: str | None = None
    prefix: str = ""

    @model_validator(mode="after")
    def _one_origin(self) -> "Entity":
        if (self.column is None) == (self.from_name is None):
            raise ValueError("give exactly one of `column` and `from_name`")
        return self


class Time(_Strict):
    """Column of the reading's time, the formats tried in order (``iso`` or strptime), zone of texts without offset."""

    column: str
    formats: tuple[str, ...] = ("iso",)
    timezone: str = "UTC"


class Source(_Strict):
    """A whole description. ``grain`` is ``instant`` or an ISO 8601 duration (PT5M, PT1H, P1D)."""

    source: str
    description: str = ""
    format: Format
    kind: Literal["readings", "snapshot"] = "readings"
    grain: str = Field("instant", pattern=r"^(instant|PT\d+[SMH]|P1D)$")
    match: Literal["header", "folder"] = Field(
        "header", description="`folder`: taken only from inbox/<domain>/<source>/, never by its header alone"
    )
    entity: Entity
    time: Time | None = None
    columns: dict[str, Annotated[Column, BeforeValidator(_column_from_text)]] = {}
    long: Long | None = None
    missing: tuple[str, ...] = ("",)
    separator: str = Field(",", min_length=1, max_length=1)
    decimal: Literal[".", ","] = "."
    encoding: str = "utf-8"
    sheet: str | None = None

    @model_validator(mode="after")
    def _coherent(self) -> "Source":
        if self.kind == "readings" and self.time is None:
            raise ValueError("a source of readings needs `time`")
        if bool(self.columns) == (self.long is not None):
            raise ValueError("give `columns` (wide layout) or `long` (long layout), not both")
        return self

    @property
    def fills(self) -> tuple[str, ...]:
        """Contract columns that the description fills."""
        if self.long is None:
            return tuple(self.columns)
        return tuple(dict.fromkeys(metric.metric for metric in self.long.parameters.values()))

    @property
    def required(self) -> tuple[str, ...]:
        """Columns of the file that the description maps, in its order, each once."""
        found = [*self.identifying, *(column.origin for column in self.columns.values())]
        found += [self.long.parameter, self.long.value] if self.long else []
        return tuple(dict.fromkeys(found))

    @property
    def identifying(self) -> tuple[str, ...]:
        """Columns that say whose reading it is and when."""
        found = [self.entity.column, self.time.column if self.time else None]
        return tuple(dict.fromkeys(name for name in found if name))

    def missing_from(self, header: Iterable[str]) -> list[str]:
        """Mapped columns that a header lacks. Members of JSON objects are optional, but for the identifying ones."""
        present = set(header)
        needed = self.identifying if self.format in ("json", "ndjson") else self.required
        return [name for name in needed if name not in present]


class SourceError(ValueError):
    """A source description cannot be used; the message names its file and field."""


def read_source(path: Path) -> Source:
    """Read one description. Raises ``SourceError`` naming the file and the offending field."""
    try:
        return Source.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise SourceError(f"{path}: not valid YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "(whole file)"
        raise SourceError(f"{path}: {field}: {first['msg']}") from error


def read_sources(folders: Iterable[Path]) -> dict[str, Source]:
    """All descriptions of some folders by source name; a later folder's replaces an earlier one's of the same name."""
    found: dict[str, Source] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")):
            source = read_source(path)
            if source.source != path.stem:
                raise SourceError(f"{path}: source: is {source.source!r}, must be the file's name {path.stem!r}")
            found[source.source] = source
    return found


def match_header(header: list[str], sources: Mapping[str, Source]) -> Source:
    """The one description whose mapped columns all stand in a header.

    Raises ``SourceError`` with the nearest description and what differs, or with the candidates when several match.
    """
    open_to_match = {name: source for name, source in sources.items() if source.match == "header"}
    matching = [source for source in open_to_match.values() if not source.missing_from(header)]
    if len(matching) > 1:
        # The description that explains most of the header wins; a tie stays a question for a person.
        matching.sort(key=lambda source: len(source.required), reverse=True)
        if len(matching[0].required) > len(matching[1].required):
            matching = matching[:1]
    if len(matching) == 1:
        return matching[0]
    if matching:
        names = ", ".join(source.source for source in matching)
        raise SourceError(f"header fits several sources ({names}): put the file into inbox/<domain>/<source>/")
    if not open_to_match:
        raise SourceError("no source is described for this domain")
    nearest = min(open_to_match.values(), key=lambda source: len(source.missing_from(header)) / len(source.required))
    raise SourceError(f"header fits no source; {difference(header, nearest)}")


def difference(header: list[str], source: Source) -> str:
    """One line: the columns of a source that a header lacks, each with the nearest column that stands there."""
    lacks = []
    for name in source.missing_from(header):
        near = difflib.get_close_matches(name, header, n=1)
        lacks.append(f"{name!r} (nearest: {near[0]!r})" if near else f"{name!r}")
    return f"nearest is {source.source!r}, lacking {', '.join(lacks)}"
