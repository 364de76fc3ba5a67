"""What must outlive a power cut."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Have the content of a file, or the entries of a folder, written to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
