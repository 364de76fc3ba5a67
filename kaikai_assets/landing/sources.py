"""Source descriptions: one YAML file tells how to read one format of one origin.

A description is data: a new source needs no code. Errors name the file and the field.
"""

import codecs
import difflib
import re
from collections.abc import Hashable, Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from kaikai_assets.landing.times import checked_format, checked_zone

Format = Literal["csv", "ndjson", "json", "parquet", "xlsx"]

POSITION = ("record", "defect", "text")
"""Columns of every read frame: position in the file; what is wrong with a damaged record, and how it stands."""


def _column_name(name: str) -> str:
    if name in POSITION:
        raise ValueError(f"a column named {name!r} cannot be mapped: {', '.join(POSITION)} are reserved")
    return name


def _pattern(text: str) -> str:
    try:
        groups = re.compile(text).groups
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from error
    if not groups:
        raise ValueError("needs a group, in parentheses, that holds the entity")
    return text


def _encoding(name: str) -> str:
    try:
        codec = codecs.lookup(name)
        "".encode(name)  # refuses codecs that do not make text
    except LookupError as error:
        raise ValueError(f"{name!r} is no text encoding") from error
    # The mark of utf-8-sig is optional and always looked for.
    return "utf-8" if codec.name == "utf-8-sig" else codec.name


def _separator(character: str) -> str:
    if not character.isascii() or character in '"\r\n':
        raise ValueError("must be one ASCII character, neither a quote nor a line end")
    return character


FileColumn = Annotated[str, Field(min_length=1), AfterValidator(_column_name)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _column_from_text(value: object) -> object:
    return {"from": value} if isinstance(value, str | list) else value


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Column(_Strict):
    """One contract column of a wide source: where it stands, the unit it is written in (contract unit if none), and
    whether files may lack it. Of several names that it goes by, the first that is filled counts. In a snapshot,
    ``value`` instead: what holds for all that the source describes."""

    origins: Annotated[tuple[FileColumn, ...], BeforeValidator(_several)] = Field((), alias="from")
    value: Annotated[str, Field(min_length=1)] | None = None
    unit: str | None = None
    optional: bool = False

    @model_validator(mode="after")
    def _one_origin(self) -> "Column":
        if bool(self.origins) == (self.value is not None):
            raise ValueError("give exactly one of `from` and `value`")
        return self


class Metric(_Strict):
    """One parameter of a long source: the metric it fills and the unit its values are really in."""

    metric: str
    unit: str | None = None


def _metric_from_text(value: object) -> object:
    return {"metric": value} if isinstance(value, str) else value


class Long(_Strict):
    """Long layout: one metric a record. ``parameters`` maps the file's parameter to a metric."""

    parameter: FileColumn
    value: FileColumn
    parameters: dict[str, Annotated[Metric, BeforeValidator(_metric_from_text)]] = Field(min_length=1)


class Entity(_Strict):
    """Where the entity's id stands: a column, or the first group of a regular expression on the file's name as raw
    keeps it (``raw.safe_name``: letters, digits and ``._-+`` as they are, ``_`` for anything else)."""

    column: FileColumn | None = None
    from_name: Annotated[str, AfterValidator(_pattern)] | None = None
    prefix: str = ""

    @model_validator(mode="after")
    def _one_origin(self) -> "Entity":
        if (self.column is None) == (self.from_name is None):
            raise ValueError("give exactly one of `column` and `from_name`")
        return self


class Time(_Strict):
    """Column of the reading's time, the formats tried in order (``iso`` or strptime), zone of texts without offset.

    With ``relative_to``, an instant, the column holds numbers of ``unit`` since then.
    """

    column: FileColumn
    formats: tuple[Annotated[str, AfterValidator(checked_format)], ...] = Field(("iso",), min_length=1)
    timezone: Annotated[str, AfterValidator(checked_zone)] = "UTC"
    relative_to: AwareDatetime | None = None
    unit: Literal["ms", "s", "min", "h"] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Time":
        if (self.relative_to is None) != (self.unit is None):
            raise ValueError("`relative_to` and `unit` go together")
        if self.relative_to is not None and self.model_fields_set & {"formats", "timezone"}:
            raise ValueError("a time `relative_to` an instant has neither `formats` nor `timezone`")
        return self


class Source(_Strict):
    """A whole description. ``grain`` is ``instant`` or an ISO 8601 duration (PT5M, PT1H, P1D)."""

    source: str = Field(pattern=r"^\w[\w.-]{0,63}$")
    description: str = ""
    format: Format
    kind: Literal["readings", "snapshot"] = "readings"
    grain: str = Field("instant", pattern=r"^(instant|PT[1-9]\d*[SMH]|P1D)$")
    match: Literal["header", "folder"] = Field(
        "header", description="`folder`: taken only from inbox/<domain>/<source>/, never by its header alone"
    )
    entity: Entity
    time: Time | None = None
    columns: dict[str, Annotated[Column, BeforeValidator(_column_from_text)]] = {}
    long: Long | None = None
    missing: tuple[str, ...] = ("",)
    separator: Annotated[str, Field(min_length=1, max_length=1), AfterValidator(_separator)] = ","
    decimal: Literal[".", ","] = "."
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    sheet: str | None = None

    @model_validator(mode="after")
    def _coherent(self) -> "Source":
        if self.kind == "readings" and self.time is None:
            raise ValueError("a source of readings needs `time`")
        if self.kind == "snapshot" and self.entity.column is None:
            raise ValueError("a snapshot needs `entity.column`: it describes an entity a line")
        if self.kind == "readings" and (fixed := [n for n, c in self.columns.items() if c.value is not None]):
            raise ValueError(f"columns.{fixed[0]}: a reading is measured; only a snapshot has a `value` for all")
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
    def mapped(self) -> tuple[str, ...]:
        """Columns of the file that the description maps, in its order, each once."""
        found = [*self.identifying, *(name for column in self.columns.values() for name in column.origins)]
        found += [self.long.parameter, self.long.value] if self.long else []
        return tuple(dict.fromkeys(found))

    @property
    def required(self) -> tuple[str, ...]:
        """Mapped columns that no file may lack, each by the first of its names."""
        columns = self.columns.values()
        optional = {name for column in columns for name in column.origins[0 if column.optional else 1 :]}
        return tuple(name for name in self.mapped if name not in optional)

    @property
    def identifying(self) -> tuple[str, ...]:
        """Columns that say whose reading it is and when."""
        found = [self.entity.column, self.time.column if self.time else None]
        return tuple(dict.fromkeys(name for name in found if name))

    def missing_from(self, header: Iterable[str]) -> list[str]:
        """Mapped columns that a header lacks. Members of JSON objects are optional, but for the identifying ones."""
        present = set(header)
        needed = self.identifying if self.format in ("json", "ndjson") else self.required
        names = {column.origins[0]: column.origins for column in self.columns.values() if column.origins}
        return [name for name in needed if not present.intersection(names.get(name, (name,)))]

    def difference(self, header: list[str]) -> str:
        """One line: the columns that a header lacks, each with the nearest column that stands there."""
        lacks = []
        for name in self.missing_from(header):
            near = difflib.get_close_matches(name, header, n=1)
            lacks.append(f"{name!r} (nearest: {near[0]!r})" if near else f"{name!r}")
        return f"nearest is {self.source!r}, lacking {', '.join(lacks)}"


def undescribed(source: str) -> str:
    """What is wrong when landed files name a source whose description is gone."""
    return f"source {source!r} has no description any more; put its YAML file back"


class SourceError(ValueError):
    """A source description cannot be used; the message names its file and field."""


class _Loader(yaml.SafeLoader):
    """YAML without keys given twice: the last would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                mark = node.value[position][0].start_mark
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is given twice", mark)
        return super().construct_mapping(node, deep)


def read_source(path: Path) -> Source:
    """Read one description. Raises ``SourceError`` naming the file and the offending field."""
    try:
        return _described(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "(whole file)"
        raise SourceError(f"{path}: {field}: {first['msg']}") from error
    except yaml.YAMLError as error:
        raise SourceError(f"{path}: not valid YAML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read: {error}") from error


@cache
def _described(text: str) -> Source:
    # Each tick reads all descriptions; parsing the YAML of one takes as long as landing a small file.
    return Source.model_validate(yaml.load(text, _Loader))


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
