"""Processes of the product on a data root, which may be killed before one of their writes."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

LIGHT = ("kaikai_assets_tests.faults.light",)
KAIKAI_BUILD = ("kaikai_assets.cli", "build")

Ended = subprocess.CompletedProcess[str]


def environment(root: Path, **more: str) -> dict[str, str]:
    """Environment of a process that works on a data root and takes files at once."""
    kept = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    return {**kept, "KAIKAI_DATA": str(root), "KAIKAI_SETTLE_S": "0", "KAIKAI_RETRY_S": "0", **more}


def start(
    root: Path, module: tuple[str, ...] = LIGHT, *, before: Sequence[str] = (), **more: str
) -> "subprocess.Popen[str]":
    """Start a module with its arguments; ``before`` is a command that starts it, ``more`` goes into its environment."""
    return subprocess.Popen(
        [*before, sys.executable, "-m", *module],
        env=environment(root, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(root: Path, module: tuple[str, ...] = LIGHT, *, before: Sequence[str] = (), **more: str) -> Ended:
    """Run a module with its arguments to its end."""
    with start(root, module, before=before, **more) as process:
        out, err = process.communicate(timeout=300)
    return Ended(process.args, process.returncode, out, err)


def killed_at_write(root: Path, n: int, module: tuple[str, ...] = LIGHT) -> bool:
    """Run a module that is killed before its n-th write; False where it ended by itself, having made fewer."""
    ended = run(root, module, KAIKAI_KILL_AT_WRITE=str(n))
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
    return ended.returncode != 0
