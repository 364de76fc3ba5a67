"""What the platform stands on: settings, folders and their permissions, disk space, clock."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

from pydantic import SecretStr

from kaikai_assets.landing.raw import BUILDING
from kaikai_assets.operations.findings import Finding
from kaikai_assets.settings import Settings

_PREFIX = "KAIKAI_"
# Read by dagster.yaml and by the fault hook: no settings of the platform.
_OTHERS = {"KAIKAI_DAGSTER_POSTGRES_URL", "KAIKAI_KILL_AT_WRITE"}
_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@\s]*@")
_LOW, _FULL = 2 * 2**30, 100 * 2**20
"""Free bytes below which disk space is a warning, and an error."""
_LOW_INODES = 0.05


def settings_in_use(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Each setting with where it comes from, secrets masked; and variables that look like settings but are none."""
    known = {f"{_PREFIX}{name.upper()}": name for name in type(settings).model_fields}
    given = {name.upper() for name in environment}
    for variable, name in known.items():
        value = getattr(settings, name)
        text = ("***" if value.get_secret_value() else "") if isinstance(value, SecretStr) else str(value)
        origin = "environment" if variable in given else "given" if name in settings.model_fields_set else "default"
        masked = _PASSWORD.sub(r"\1:***@", text) or "empty"
        yield Finding("ok", "settings", f"{variable} = {masked} ({origin})")
    for variable in sorted(environment):
        if variable.upper().startswith(_PREFIX) and variable.upper() not in known.keys() | _OTHERS:
            near = get_close_matches(variable.upper(), known, n=1)
            meant = f"did you mean {near[0]}?" if near else "see docs/settings.md for those that exist"
            yield Finding("warning", "settings", f"{variable} is no setting and changes nothing", meant)


def folders(settings: Settings) -> Iterator[Finding]:
    """Whether each folder can be read and written by this user, and raw can take files by a rename."""
    places = [settings.data, settings.inbox, settings.raw, settings.rejected, settings.warehouse.parent]
    if "://" not in settings.lake_uri:
        places.append(Path(settings.lake_uri))
    for place in places:
        yield _folder(place)
    building = settings.raw / BUILDING
    try:
        if building.is_dir() and building.stat().st_dev != settings.raw.stat().st_dev:
            yield Finding("error", "folders", f"{building} is on another file system than {settings.raw}", "unmount it")
    except PermissionError:
        pass  # said of the folder above


def _folder(place: Path) -> Finding:
    try:
        if place.is_dir():
            lacking = [
                word for word, mode in (("read", os.R_OK | os.X_OK), ("written", os.W_OK)) if not os.access(place, mode)
            ]
            if not lacking:
                return Finding("ok", "folders", f"{place} can be read and written")
            return _forbidden(place, f"cannot be {' or '.join(lacking)}")
        if place.exists():
            return Finding("error", "folders", f"{place} is not a folder", "move it away")
        above = next(parent for parent in place.parents if parent.exists())
    except PermissionError:
        return _forbidden(place, "cannot be reached")
    if os.access(above, os.W_OK | os.X_OK):
        return Finding("ok", "folders", f"{place} is not there; it is made on first use")
    return _forbidden(place, "is not there and cannot be made")


def _forbidden(place: Path, what: str) -> Finding:
    return Finding("error", "folders", f"{place} {what} by user {os.geteuid()}", f"chown -R or chmod -R u+rwX {place}")


def disk(settings: Settings) -> Iterator[Finding]:
    """Free space and inodes where the data root is."""
    place = settings.data
    try:
        while not place.exists():
            place = place.parent
        usage, inodes = shutil.disk_usage(place), os.statvfs(place)
    except OSError as error:
        yield Finding("error", "disk", f"{place}: {error.strerror}")
        return
    free = f"{usage.free / 2**30:.1f} of {usage.total / 2**30:.1f} GiB free at {place}"
    todo = "free space; kaikai compact removes files of the lake that nothing needs"
    if usage.free < _FULL:
        yield Finding("error", "disk", free, todo)
    else:
        yield Finding("warning", "disk", free, todo) if usage.free < _LOW else Finding("ok", "disk", free)
    if inodes.f_files:
        share = inodes.f_favail / inodes.f_files
        few = share < _LOW_INODES
        todo = "remove small files; kaikai compact merges those of the lake" if few else ""
        yield Finding("warning" if few else "ok", "disk", f"{share:.0%} of the inodes free", todo)


def clock(last: datetime | None, now: datetime) -> Finding:
    """Whether the clock stands behind the last arrival."""
    if last is not None and last > now:
        what = f"the last file arrived at {last:%Y-%m-%d %H:%M:%S} UTC, but it is {now:%Y-%m-%d %H:%M:%S} UTC"
        return Finding("error", "clock", what, "set the clock; if it is right now, it was wrong when that file landed")
    return Finding("ok", "clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")
