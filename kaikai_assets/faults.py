"""The one fault hook: a test can have a process killed before any of its durable writes.

Off unless the environment variable ``KAIKAI_KILL_AT_WRITE`` holds a number n: then the process ends as by ``kill -9``
before its n-th write. It is no setting: nobody but a test sets it.
"""

import os
import signal
from itertools import count

_AT = int(os.environ.get("KAIKAI_KILL_AT_WRITE", "0"))
_writes = count(1)


def before_write() -> None:
    """Called before each write that outlives the process: a file, a rename, a removal, a commit."""
    if _AT and next(_writes) == _AT:
        os.kill(os.getpid(), signal.SIGKILL)
