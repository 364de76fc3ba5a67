"""Messages of bracelets as time passes, with crises and faults of devices drawn once for the whole time; no defects."""

import time as clock
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import polars as pl

from kaikai_assets.simulation.files import write_whole
from kaikai_assets.simulation.vitals import (
    FAULTS_PER_DAY,
    SOURCES,
    Profile,
    VitalsDefects,
    crises_of,
    faults_frame,
    file_of,
    message_lines,
    people_of,
    readings_of,
    write_truth,
)
from kaikai_assets.simulation.vitals_defects import with_defects
from kaikai_assets.simulation.vitals_episodes import Episode, episodes
from kaikai_assets.simulation.vitals_faults import Fault, device_faults, with_faults
from kaikai_assets.simulation.vitals_patients import SimPatient, registry_csv
from kaikai_assets.simulation.vitals_signal import vitals_signal

LONGEST_S = 7 * 86_400.0

BLOCK_S = 3600
"""Readings are made for so long ahead."""


def simulate_vitals_live(
    out: Path,
    *,
    profile: Profile,
    patients: int,
    interval_s: int,
    seed: int,
    seconds: float = LONGEST_S,
    faults_per_day: float = FAULTS_PER_DAY,
    truth: Path | None = None,
) -> int:
    """Drop a small file of each form every ``interval_s`` seconds, as the readings are made, and the registry first.

    For some ``seconds``; the number of files. ``truth`` is a folder for ``vitals_crises.csv`` and
    ``vitals_faults.csv``, written at once: what lies ahead in that time.
    """
    begin, until = datetime.now(UTC).replace(microsecond=0), clock.monotonic() + seconds
    people = people_of(profile, patients, begin.date(), seed)
    happening, faults = drawn(profile, people, begin, timedelta(seconds=seconds), faults_per_day, seed)
    if truth:
        write_truth(truth, crises=crises_of(people, happening), faults=faults_frame(faults))
    folder, files = out / "vitals", 0
    write_whole(folder / "patients_csv" / "patients.csv", registry_csv(people, interval_s))
    for block in blocks(people, happening, faults, begin, interval_s, seed):
        for (at,), now in block.sort("time").partition_by("time", as_dict=True, maintain_order=True).items():
            wait = max((at - datetime.now(UTC)).total_seconds(), 0)
            if clock.monotonic() + wait >= until:
                return files
            clock.sleep(wait)
            for form, source in SOURCES.items():
                lines = message_lines(now.filter(form=form), form)
                if lines.len():
                    write_whole(folder / source / f"live_{at:%Y%m%dT%H%M%S}.ndjson", file_of(lines))
                    files += 1
    return files


def drawn(
    profile: Profile,
    people: Sequence[SimPatient],
    begin: datetime,
    length: timedelta,
    faults_per_day: float,
    seed: int,
) -> tuple[list[Episode], list[Fault]]:
    """What happens to patients and devices in a span. Days are drawn from midnight, so that each has its hours."""
    midnight, end = datetime.combine(begin.date(), time(), UTC), begin + length
    happening = episodes(profile, people, midnight, end - midnight, seed)
    faults = device_faults([who.device_id for who in people], midnight, end - midnight, faults_per_day, seed)
    return [e for e in happening if e.end > begin and e.start < end], [
        f for f in faults if f.end > begin and f.start < end
    ]


def blocks(
    people: Sequence[SimPatient],
    happening: Sequence[Episode],
    faults: Sequence[Fault],
    begin: datetime,
    interval_s: int,
    seed: int,
    block_s: int = BLOCK_S,
) -> Iterator[pl.DataFrame]:
    """Messages of one block of time after the other, for ever: each goes on from where the one before ended."""
    steps, first, noise = max(1, block_s // interval_s), 0, None
    stuck: list[pl.DataFrame] = []
    while True:
        start = begin + timedelta(seconds=first * interval_s)
        end = start + timedelta(seconds=steps * interval_s)
        values, noise = vitals_signal(people, happening, start, steps, interval_s, seed + first, noise)
        sound = readings_of(people, values, start, interval_s, seed + first, first)
        both = pl.concat([*stuck, sound])
        sent = with_faults(both, [f for f in faults if f.start < end and f.end > start], seed + first)
        yield with_defects(sent.filter(pl.col("time") >= start), VitalsDefects.none(), seed)
        # A device that stands still shows what it showed first.
        lasting = [f for f in faults if f.start < end < f.end]
        stuck = [_first(both, fault) for fault in lasting]
        first += steps


def _first(readings: pl.DataFrame, fault: Fault) -> pl.DataFrame:
    """The first reading in a fault."""
    during = (pl.col("device_id") == fault.device_id) & (pl.col("time") >= fault.start)
    return readings.filter(during).sort("time").head(1)
