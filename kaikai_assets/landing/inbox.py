"""What waits in an inbox: which files, and whether they are finished."""

import os
import stat
import time
from pathlib import Path

_UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload")
# Hidden files, and what a spreadsheet program puts beside an open workbook.
_PASSED_BY = (".", "~$")

_CLOCKS_DIFFER_S = 60
"""Clocks of this host and of a file server may differ by this much."""


def waiting(inbox: Path) -> tuple[list[Path], list[tuple[Path, OSError]]]:
    """Finished files of the inbox, and links to folders, oldest first; then what cannot be looked at."""
    found: list[tuple[int, Path]] = []
    unseen: list[tuple[Path, OSError]] = []
    folders = [inbox]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                paths = [Path(entry.path) for entry in entries if not entry.name.startswith(_PASSED_BY)]
        except FileNotFoundError:
            continue
        except OSError as error:
            unseen.append((folder, error))
            continue
        for path in paths:
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            except OSError as error:
                unseen.append((path, error))
                continue
            if stat.S_ISDIR(status.st_mode):
                folders.append(path)
            elif not path.name.lower().endswith(_UNFINISHED):
                found.append((status.st_mtime_ns, path))
    return [path for _, path in sorted(found)], unseen


def printable(place: Path) -> str:
    """A file's place as text."""
    # A name need not be UTF-8, but what is noted of it must.
    return os.fsencode(place).decode(errors="backslashreplace")


def is_settled(status: os.stat_result, settle_s: float) -> bool:
    """Whether nobody writes a file any more, as far as its times tell; what is no file is settled."""
    # A clock that ran ahead where the file was made must not keep it waiting for years.
    last = status.st_mtime if status.st_mtime <= time.time() else status.st_ctime
    age = time.time() - last
    # Nor one that was set back here: what changed so far ahead has not changed since.
    return age >= settle_s or age < -_CLOCKS_DIFFER_S or not stat.S_ISREG(status.st_mode)


def is_same(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether a file was not written in between."""
    return (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
