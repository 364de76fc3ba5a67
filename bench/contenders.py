"""Who takes part: the command of each, and where its results lie."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.results import Results, of_files, of_platform

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Contender:
    """``command`` and ``environment`` of files and an empty folder; ``prepare`` is not timed; ``needs`` a module."""

    name: str
    command: Callable[[str, Path, Path], list[str]]
    results: Callable[[Path], Results] | None
    prepare: Callable[[Path, Path], None] = field(default=lambda source, target: None)
    environment: Callable[[Path], Mapping[str, str]] = field(default=lambda target: {})
    needs: str = ""


def _module(*arguments: str) -> Callable[[str, Path, Path], list[str]]:
    return lambda python, source, target: [python, "-m", *arguments, str(source), str(target)]


def _script(name: str) -> Callable[[str, Path, Path], list[str]]:
    return lambda python, source, target: [python, str(_HERE / name), str(source), str(target)]


def _dbt(python: str, source: Path, target: Path) -> list[str]:
    project = str(_HERE / "dbt")
    where = ["--project-dir", project, "--profiles-dir", project, "--target-path", str(target / "target")]
    return [python, "-m", "dbt.cli.main", "run", *where, "--log-path", str(target / "logs"), "--no-use-colors"]


def _into_inbox(source: Path, target: Path) -> None:
    """Hard links, since landing takes files out of its inbox."""
    inbox = target / "inbox" / "air"
    inbox.mkdir(parents=True)
    for file in source.glob("*.csv"):
        os.link(file, inbox / file.name)


FLOORS = tuple(
    Contender(f"floor ({library})", _module("bench.floor", library), None) for library in ("polars", "duckdb")
)
PLATFORM = Contender(
    "kaikai",
    lambda python, source, target: [python, "-m", "kaikai_assets.cli", "build"],
    of_platform,
    prepare=_into_inbox,
    environment=lambda target: {"KAIKAI_DATA": str(target), "DAGSTER_HOME": str(target / "dagster")},
)
OTHERS = (
    Contender("pandas", _script("pandas_script.py"), of_files),
    Contender(
        "dbt-duckdb",
        _dbt,
        of_files,
        environment=lambda target: {
            "BENCH_SOURCE": str(target.parent / "files"),
            "BENCH_TARGET": str(target),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        },
        needs="dbt.adapters.duckdb",
    ),
    Contender("pyspark", _script("spark_script.py"), of_files, needs="pyspark"),
)
NAMES = ("kaikai", *(other.name for other in OTHERS))


def absent(contender: Contender, python: str) -> str:
    """Why a contender cannot take part, in one line; empty when it can."""
    if not contender.needs:
        return ""
    found = subprocess.run([python, "-c", f"import {contender.needs}"], capture_output=True, check=False)
    if found.returncode:
        return f"{contender.name} is left out: {python} has no {contender.needs} (pip install -e '.[bench]')"
    if contender.name == "pyspark" and shutil.which("java") is None:
        return "pyspark is left out: there is no java"
    return ""


def python_for(contender: Contender, others: str) -> str:
    """The interpreter of a contender: this one, but for the optional ones."""
    return others if contender.needs else sys.executable
