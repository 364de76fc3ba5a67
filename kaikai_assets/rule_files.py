"""Rule files: JSON that an expert may change, read as pydantic models."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

Text = Annotated[str, Field(min_length=1)]


class Rules(BaseModel):
    """A rule file or a part of one: nothing else stands in it, and its numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Sourced(Rules):
    """A part whose ``source`` says where its numbers come from."""

    source: Text


_Model = TypeVar("_Model", bound=Rules)


class RuleError(ValueError):
    """A rule file cannot be used; the message names file and field."""


def read_rule_file(path: Path, model: type[_Model]) -> _Model:
    """Read a rule file. Raises ``RuleError``."""
    try:
        content = path.read_bytes()
        return model.model_validate_json(content)
    except FileNotFoundError as error:
        raise RuleError(f"{path}: is not there") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "(whole file)"
        message = first["msg"].removeprefix("Value error, ")
        raise RuleError(f"{path}: {field}: {_part(content, first['loc'])}{message}") from error


def _part(content: bytes, loc: Sequence[int | str]) -> str:
    """Which part of a file is meant, where it has an ``id``: people do not count from zero."""
    if not loc:
        return ""
    part: Any = from_json(content)
    found = ""
    for step in loc:
        try:
            part = part[step]
        except (KeyError, IndexError, TypeError):
            break
        if isinstance(part, dict) and isinstance(part.get("id"), str):
            found = f"rule {part['id']!r}: "
    return found
