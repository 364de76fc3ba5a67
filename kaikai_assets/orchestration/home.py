"""Whether the history of runs can be reached."""

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from kaikai_assets.operations.findings import Finding
from kaikai_assets.platform import Platform


def home_findings(platform: Platform) -> Iterator[Finding]:
    """``DAGSTER_HOME`` and the storage that its ``dagster.yaml`` names."""
    home = Path(os.environ.get("DAGSTER_HOME") or platform.settings.data / "dagster")
    try:
        if not (home / "dagster.yaml").is_file():
            yield Finding(
                "warning", "dagster", f"there is no {home / 'dagster.yaml'}", "make dev and kaikai build make one"
            )
            return
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield Finding("ok", "dagster", f"{home}: {instance.get_runs_count()} runs")
    except Exception as error:  # noqa: BLE001 - each storage has errors of its own
        what = f"{home}: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        yield Finding("error", "dagster", what, "correct dagster.yaml, or start the server that it names")
