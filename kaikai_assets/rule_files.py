"""Rule files: JSON that an expert may change, read as pydantic models."""

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

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
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise RuleError(f"{path}: is not there") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "(whole file)"
        raise RuleError(f"{path}: {field}: {first['msg']}") from error
