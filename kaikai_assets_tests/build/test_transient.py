"""Which errors may go away by themselves."""

import pytest
from deltalake.exceptions import CommitFailedError, DeltaError

from kaikai_assets.build.transient import is_transient

LAKE = "Generic LocalFileSystem error: Unable to open file /data/lake/t/part-0.parquet#1: {} (os error {})"


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (OSError(28, "No space left on device"), True),
        (OSError(LAKE.format("Permission denied", 13)), True),
        (DeltaError(LAKE.format("No space left on device", 28)), True),
        (CommitFailedError("another writer was first"), True),
        (CommitFailedError(LAKE.format("No such file or directory", 2)), True),
        (FileNotFoundError(2, "No such file or directory"), False),
        (OSError(LAKE.format("No such file or directory", 2)), False),
        (DeltaError("Schema of data does not match"), False),
        (ValueError("(os error 13)"), False),
    ],
)
def test_troubles_of_a_disk_may_go_away_but_a_lost_file_and_bad_data_do_not(error: Exception, transient: bool) -> None:
    assert is_transient(error) is transient
