"""Files that are complete when they become visible."""

from pathlib import Path


def write_whole(path: Path, content: bytes) -> Path:
    """Write beside `path` under a dotfile name, then rename; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_bytes(content)
    return unfinished.replace(path)
