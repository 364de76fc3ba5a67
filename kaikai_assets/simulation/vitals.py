"""Raw messages of bracelets with injected crises, device faults and defects, and what a correct platform makes of them.

Same arguments, same bytes, on any machine.
"""

import time as clock
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from kaikai_assets.simulation.files import write_whole
from kaikai_assets.simulation.streams import Floats, Stream
from kaikai_assets.simulation.vitals_defects import REJECTED, VitalsDefects, with_defects
from kaikai_assets.simulation.vitals_episodes import CRISES, Episode, Profile, episodes
from kaikai_assets.simulation.vitals_faults import device_faults, with_faults
from kaikai_assets.simulation.vitals_messages import flat, nested, stamps
from kaikai_assets.simulation.vitals_patients import SimPatient, medical_patients, registry_csv, simple_patients
from kaikai_assets.simulation.vitals_signal import DECIMALS, vitals_signal

__all__ = ["FAULTS_PER_DAY", "Profile", "Truth", "VitalsDefects", "simulate_vitals", "simulate_vitals_live"]

FAULTS_PER_DAY = 0.2
"""Of a device."""

BATCH_H = 6
"""Hours of messages in a file."""

_SOURCES = {"nested": "bracelet_ndjson", "flat": "bracelet_flat"}
_INSTANT = pl.Datetime("us", "UTC")
_SPAN: dict[str, pl.DataType] = {"kind": pl.String(), "start": _INSTANT, "end": _INSTANT}
_CRISES: dict[str, pl.DataType] = {"patient_id": pl.String(), **_SPAN, "effects": pl.String()}
_FAULTS: dict[str, pl.DataType] = {"device_id": pl.String(), **_SPAN}


@dataclass(frozen=True)
class Truth:
    """What was injected, and what remains.

    ``crises``: ``patient_id, kind, start, end`` and what each adds to the vital signs at its height, as text.
    ``faults``: of devices, ``device_id, kind, start, end``. ``defects``: ``kind, patient_id, time, file`` (the one that
    delivers the message first). ``files``: ``file, records``. ``readings``: what belongs in silver, one row for each
    patient and time, in the contract's columns; cells that cannot be used are null.
    """

    crises: pl.DataFrame
    faults: pl.DataFrame
    defects: pl.DataFrame
    files: pl.DataFrame
    readings: pl.DataFrame


def simulate_vitals(
    out: Path,
    *,
    profile: Profile,
    start: date,
    days: int,
    patients: int = 100,
    interval_s: int = 60,
    seed: int = 0,
    faults_per_day: float = FAULTS_PER_DAY,
    defects: VitalsDefects = VitalsDefects(),  # noqa: B008 (frozen)
    truth: Path | None = None,
) -> Truth:
    """Write ``out/vitals/bracelet_ndjson/`` and ``out/vitals/bracelet_flat/``, a file for every six hours, and the
    registry ``out/vitals/patients_csv/patients.csv``.

    The simple profile has three patients. ``truth`` is a folder for ``vitals_crises.csv``, ``vitals_faults.csv`` and
    ``vitals_defects.csv``. Raises ``ValueError`` for arguments that do not fit.
    """
    if days < 1 or patients < 1:
        raise ValueError(f"at least one day and one patient, not {days} and {patients}")
    if interval_s < 1 or 86400 % interval_s:
        raise ValueError(f"interval_s must divide a day of 86400 s; {interval_s} does not")
    people = _people(profile, patients, start, seed)
    begin, length = datetime.combine(start, time(), UTC), timedelta(days=days)
    happening = episodes(profile, people, begin, length, seed)
    faults = device_faults([who.device_id for who in people], begin, length, faults_per_day, seed)
    values = vitals_signal(people, happening, begin, 86400 * days // interval_s, interval_s, seed)
    readings = _readings(people, values, begin, interval_s, seed)
    spoilt = with_defects(with_faults(readings, faults, seed), defects, seed)
    made = spoilt.with_columns(batch=(pl.col("time") - begin).dt.total_hours() // BATCH_H)

    folder = out / "vitals"
    write_whole(folder / "patients_csv" / "patients.csv", registry_csv(people, interval_s))
    delivered = _deliver(folder, made, begin, seed)
    again = _redeliver(folder, delivered, defects.redelivered, seed)
    result = Truth(
        crises=pl.DataFrame([_row(people, episode) for episode in happening if episode.kind in CRISES], schema=_CRISES),
        faults=pl.DataFrame([asdict(fault) for fault in faults], schema=_FAULTS),
        defects=delivered.filter(pl.col("kind").is_not_null())
        .sort("id", "batch")
        .unique("id", keep="first", maintain_order=True)
        .select("kind", "patient_id", "time", "file"),
        files=pl.concat([delivered.group_by("file").agg(records=pl.len()), again]).sort("file"),
        readings=_remaining(made),
    )
    if truth:
        for name in ("crises", "faults", "defects"):
            frame: pl.DataFrame = getattr(result, name)
            write_whole(truth / f"vitals_{name}.csv", frame.write_csv(datetime_format="%Y-%m-%dT%H:%M:%SZ").encode())
    return result


def simulate_vitals_live(
    out: Path, *, profile: Profile, patients: int, interval_s: int, seed: int, seconds: float | None
) -> int:
    """Drop a small file of each form every ``interval_s`` seconds, as the readings are made, and the registry first.

    Until stopped, or for some ``seconds``; the number of files.
    """
    begin = datetime.now(UTC).replace(microsecond=0)
    people = _people(profile, patients, begin.date(), seed)
    folder, files = out / "vitals", 0
    write_whole(folder / "patients_csv" / "patients.csv", registry_csv(people, interval_s))
    steps, block = max(1, 3600 // interval_s), 0
    until = None if seconds is None else clock.monotonic() + seconds
    while True:
        start = begin + timedelta(seconds=block * steps * interval_s)
        happening = episodes(profile, people, start, timedelta(seconds=steps * interval_s), seed + block)
        values = vitals_signal(people, happening, start, steps, interval_s, seed + block)
        rows = with_defects(
            with_faults(_readings(people, values, start, interval_s, seed + block), [], seed),
            VitalsDefects.none(),
            seed,
        )
        for (at,), now in rows.sort("time").partition_by("time", as_dict=True, maintain_order=True).items():
            wait = (at - datetime.now(UTC)).total_seconds()
            if until is not None and clock.monotonic() + max(wait, 0) >= until:
                return files
            clock.sleep(max(wait, 0))
            for form, source in _SOURCES.items():
                lines = _lines(now.filter(form=form), form)
                if lines.len():
                    write_whole(folder / source / f"live_{at:%Y%m%dT%H%M%S}.ndjson", _text(lines))
                    files += 1
        block += 1


def _people(profile: Profile, patients: int, start: date, seed: int) -> list[SimPatient]:
    return simple_patients(start) if profile == "simple" else medical_patients(patients, start, seed)


def _readings(
    people: Sequence[SimPatient], values: dict[str, Floats], start: datetime, interval_s: int, seed: int
) -> pl.DataFrame:
    """One row for each patient and step, by patient, then time; ``luck`` draws the spelling of its time."""
    steps = len(values["freq_card"])
    times = [start + timedelta(seconds=step * interval_s) for step in range(steps)]
    who = pl.DataFrame(
        {
            "patient_id": [p.patient_id for p in people],
            "device_id": [p.device_id for p in people],
            "form": [p.form for p in people],
        }
    )
    grid = who.join(pl.DataFrame({"time": times}, schema={"time": _INSTANT}), how="cross", maintain_order="left_right")
    stream = Stream(seed, 70)
    # A battery lasts three days.
    charge = 100 - (np.arange(steps) * interval_s % 259_200) / 2_592
    return grid.with_columns(
        *(pl.Series(metric, values[metric].T.ravel()) for metric in DECIMALS),
        pl.Series("battery_pct", np.tile(np.round(charge), len(people))),
        pl.Series("signal", np.round(-65 + 6 * stream.normal(grid.height))),
        pl.Series("luck", stream.uniform(grid.height)),
        pl.Series("slot", stream.uniform(grid.height)),
        id=pl.int_range(pl.len()),
    ).with_columns(pain=pl.when(pl.col("pain") > 0).then("pain"))


def _lines(messages: pl.DataFrame, form: str) -> pl.Series:
    kind = pl.col("kind")
    stamped = messages.with_columns(
        patient=pl.when(kind == "no_patient").then(pl.lit("")).otherwise("patient_id"),
        stamp=pl.when(kind == "bad_time").then(pl.lit("soon")).otherwise(stamps("luck")),
    )
    line = nested() if form == "nested" else flat()
    whole = stamped.with_columns(line=line)
    return whole.select(pl.when(kind == "damaged").then(pl.col("line").str.head(60)).otherwise("line")).to_series()


def _text(lines: pl.Series) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _deliver(folder: Path, made: pl.DataFrame, begin: datetime, seed: int) -> pl.DataFrame:
    """Write all files, messages in no order; the delivered messages with ``file`` and ``batch``."""
    last = made["batch"].max()
    kind = pl.col("kind")
    moved = (pl.col("batch") + pl.col("delay")).clip(upper_bound=pl.lit(last))
    on_time = made.with_columns(batch=pl.when(kind == "late").then(moved).otherwise("batch"))
    copies = made.filter(kind == "duplicate").with_columns(batch=moved, slot=1 - pl.col("slot"))
    both = pl.concat([on_time, copies]).sort("batch", "slot", "id")
    found = []
    for (batch, form), messages in both.partition_by("batch", "form", as_dict=True, maintain_order=True).items():
        source = _SOURCES[str(form)]
        name = f"{source}/bracelets_{begin + timedelta(hours=BATCH_H * int(str(batch))):%Y-%m-%dT%H}.ndjson"
        write_whole(folder / name, _text(_lines(messages, str(form))))
        found.append(messages.select("id", "batch", "kind", "patient_id", "time", file=pl.lit(name)))
    return pl.concat(found)


def _redeliver(folder: Path, delivered: pl.DataFrame, rate: float, seed: int) -> pl.DataFrame:
    """Write some files again, byte for byte; ``file, records`` of the copies."""
    counts = delivered.group_by("file").agg(records=pl.len()).sort("file")
    chosen = sorted(Stream(seed, 80).order(counts.height)[: int(rate * counts.height)].tolist())
    copies = counts[chosen].with_columns(file=pl.col("file").str.replace(".ndjson", "_copy.ndjson", literal=True))
    for original, copy in zip(counts[chosen]["file"], copies["file"], strict=True):
        write_whole(folder / copy, (folder / original).read_bytes())
    return copies


def _remaining(made: pl.DataFrame) -> pl.DataFrame:
    """What belongs in silver."""
    kept = made.filter(~pl.col("kind").is_in(REJECTED).fill_null(False), pl.col("fault").ne_missing("signal_loss"))
    is_nested = pl.col("form") == "nested"
    return kept.select(
        "patient_id",
        "time",
        *(pl.col(metric) for metric in DECIMALS if metric != "spo2_pct"),
        # A saturation of 0 cannot be.
        pl.when(pl.col("spo2_pct") > 0).then("spo2_pct").alias("spo2_pct"),
        "device_id",
        "quality_flag",
        *(pl.when(is_nested).then(name).alias(name) for name in ("battery_pct", "signal")),
    )


def _row(people: Sequence[SimPatient], episode: Episode) -> dict[str, object]:
    effects = ", ".join(f"{metric} {size:+.1f}" for metric, size in episode.effects.items())
    who = people[episode.patient].patient_id
    return {"patient_id": who, "kind": episode.kind, "start": episode.start, "end": episode.end, "effects": effects}
