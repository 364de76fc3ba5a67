"""Errors of the surroundings, not of the data: the same build can succeed once a disk, a database or a lock is free."""

import re
from errno import ENOENT

import duckdb
from deltalake.exceptions import CommitFailedError, DeltaError
from sqlalchemy.exc import OperationalError

from kaikai_assets.lake.tables import Conflict

_OVERTAKEN = (CommitFailedError, Conflict)
_ERRORS = (OSError, OperationalError, duckdb.IOException, duckdb.FatalException)
_NUMBER = re.compile(r"\(os error (\d+)\)")


def is_transient(error: BaseException) -> bool:
    """Whether an error may go away by itself. A file that is gone does not come back."""
    if isinstance(error, _OVERTAKEN):
        return True
    number = _system_error(error)
    return number != ENOENT and (isinstance(error, _ERRORS) or (isinstance(error, DeltaError) and number is not None))


def _system_error(error: BaseException) -> int | None:
    """Number of the system's error; those of the lake tell it in their text only."""
    if (number := getattr(error, "errno", None)) is not None:
        return int(number)
    found = _NUMBER.search(str(error)) if isinstance(error, DeltaError | OSError) else None
    return int(found[1]) if found else None
