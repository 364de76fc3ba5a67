"""Errors of the surroundings, not of the data: the same build can succeed once a disk, a database or a lock is free."""

from errno import ENOENT

import duckdb
from deltalake.exceptions import CommitFailedError
from sqlalchemy.exc import OperationalError

from kaikai_assets.lake.tables import Conflict

_ERRORS = (OSError, OperationalError, CommitFailedError, Conflict, duckdb.IOException, duckdb.FatalException)


def is_transient(error: BaseException) -> bool:
    """Whether an error may go away by itself. A file that is gone does not come back."""
    return isinstance(error, _ERRORS) and getattr(error, "errno", None) != ENOENT
