"""Whether a table can be opened, and whether its log and the files beside it fit. For lakes in folders."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from kaikai_assets.lake.tables import Lake

_WRITING_S = 3600
"""Files younger than this may belong to a commit that is being made."""


@dataclass(frozen=True)
class Integrity:
    """``broken`` says why a table cannot be opened. ``damaged`` are parts whose files are not as the log says;
    ``orphans`` are data files that no version refers to."""

    broken: str = ""
    damaged: dict[str, str] = field(default_factory=dict)
    orphans: list[Path] = field(default_factory=list)


def integrity(lake: Lake, table: str) -> Integrity:
    """Look at a table's log and the names and sizes of its files; rows are not read."""
    folder = Path(lake.uri(table))
    try:
        opened = lake.open(table)
    except Exception as error:  # noqa: BLE001 - what is wrong with the log is asked for
        return Integrity(broken=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
    if opened is None:
        log = folder / "_delta_log"
        return Integrity("its log is gone" if folder.is_dir() and (log.is_dir() or any(folder.iterdir())) else "")
    files = pl.DataFrame(opened.get_add_actions(flatten=True))
    part = pl.col("partition.day").cast(pl.String) if "partition.day" in files.columns else pl.lit("")
    damaged: dict[str, str] = {}
    for of_part, path, size in files.select(part, "path", "size_bytes").iter_rows() if files.height else ():
        file = folder / path
        if not file.is_file():
            damaged[of_part] = f"{path} is gone"
        elif file.stat().st_size != size:
            damaged[of_part] = f"{path} has {file.stat().st_size} bytes, not {size}"
    unused = opened.vacuum(0, dry_run=True, enforce_retention_duration=False, full=True)
    replaced = opened.vacuum(0, dry_run=True, enforce_retention_duration=False)
    now = time.time()
    orphans = [folder / name for name in sorted({*unused} - {*replaced})]
    return Integrity(
        "", damaged, [path for path in orphans if path.is_file() and now - path.stat().st_mtime > _WRITING_S]
    )
