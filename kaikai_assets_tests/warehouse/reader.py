"""An analyst: another process that holds a DuckDB file open and answers queries."""

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb


class Reader:
    """Holds ``path`` open until the end of the block, or until it is killed. Raises ``RuntimeError`` if it cannot."""

    def __init__(self, path: Path, *, read_only: bool = True) -> None:
        command = [sys.executable, __file__, str(path), "ro" if read_only else "rw"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if (answer := self._answer()) != "open":
            raise RuntimeError(answer)

    def ask(self, sql: str) -> Any:
        """Rows of a query, or the name of the error it ended with."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(sql) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def kill(self) -> None:
        """End without closing anything."""
        self._process.kill()
        self._process.wait(30)

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, _t: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None) -> None:
        self._process.communicate(timeout=30)


def rows(path: Path, sql: str) -> Any:
    """Rows that a new reader sees."""
    with Reader(path) as reader:
        return reader.ask(sql)


def _serve(path: str, mode: str) -> None:
    try:
        connection = duckdb.connect(path, read_only=mode == "ro")
    except duckdb.Error as error:
        print(json.dumps(str(error)), flush=True)
        return
    print(json.dumps("open"), flush=True)
    for line in sys.stdin:
        try:
            answer: Any = connection.execute(json.loads(line)).fetchall()
        except duckdb.Error as error:
            answer = type(error).__name__
        print(json.dumps(answer, default=str), flush=True)
    connection.close()


if __name__ == "__main__":
    _serve(*sys.argv[1:])
