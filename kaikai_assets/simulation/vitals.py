"""Raw messages of bracelets with injected crises, device faults and defects, and what a correct platform makes of them.

Same arguments, same bytes, on any machine.
"""

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
from kaikai_assets.simulation.vitals_faults import Fault, device_faults, with_faults
from kaikai_assets.simulation.vitals_messages import flat, nested, stamps
from kaikai_assets.simulation.vitals_patients import SimPatient, medical_patients, registry_csv, simple_patients
from kaikai_assets.simulation.vitals_signal import DECIMALS, vitals_signal

__all__ = ["FAULTS_PER_DAY", "Profile", "Truth", "VitalsDefects", "simulate_vitals"]

FAULTS_PER_DAY = 0.2
"""Of a device."""

BATCH_H = 6
"""Hours of messages in a file."""

SOURCES = {"nested": "bracelet_ndjson", "flat": "bracelet_flat"}
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
    people = people_of(profile, patients, start, seed)
    begin, length = datetime.combine(start, time(), UTC), timedelta(days=days)
    happening = episodes(profile, people, begin, length, seed)
    faults = device_faults([who.device_id for who in people], begin, length, faults_per_day, seed)
    values, _ = vitals_signal(people, happening, begin, 86400 * days // interval_s, interval_s, seed)
    readings = readings_of(people, values, begin, interval_s, seed)
    spoilt = with_defects(with_faults(readings, faults, seed), defects, seed)
    made = spoilt.with_columns(batch=(pl.col("time") - begin).dt.total_hours() // BATCH_H)

    folder = out / "vitals"
    write_whole(folder / "patients_csv" / "patients.csv", registry_csv(people, interval_s))
    delivered = _deliver(folder, made, begin, seed)
    again = _redeliver(folder, delivered, defects.redelivered, seed)
    result = Truth(
        crises=crises_of(people, happening),
        faults=faults_frame(faults),
        defects=delivered.filter(pl.col("kind").is_not_null())
        .sort("id", "batch")
        .unique("id", keep="first", maintain_order=True)
        .select("kind", "patient_id", "time", "file"),
        files=pl.concat([delivered.group_by("file").agg(records=pl.len()), again]).sort("file"),
        readings=_remaining(made),
    )
    if truth:
        write_truth(truth, crises=result.crises, faults=result.faults, defects=result.defects)
    return result


def write_truth(folder: Path, **frames: pl.DataFrame) -> None:
    """Write ``vitals_<name>.csv`` for each frame."""
    for name, frame in frames.items():
        write_whole(folder / f"vitals_{name}.csv", frame.write_csv(datetime_format="%Y-%m-%dT%H:%M:%SZ").encode())


def crises_of(people: Sequence[SimPatient], happening: Sequence[Episode]) -> pl.DataFrame:
    """What of it counts as a crisis, as in ``Truth``."""
    return pl.DataFrame([_row(people, episode) for episode in happening if episode.kind in CRISES], schema=_CRISES)


def faults_frame(faults: Sequence[Fault]) -> pl.DataFrame:
    """Faults of devices, as in ``Truth``."""
    return pl.DataFrame([asdict(fault) for fault in faults], schema=_FAULTS)


def people_of(profile: Profile, patients: int, start: date, seed: int) -> list[SimPatient]:
    """Patients of a profile at a start; the simple one has three."""
    return simple_patients(start) if profile == "simple" else medical_patients(patients, start, seed)


def readings_of(
    people: Sequence[SimPatient], values: dict[str, Floats], start: datetime, interval_s: int, seed: int, first: int = 0
) -> pl.DataFrame:
    """One row for each patient and step, by patient, then time; ``luck`` draws the spelling of its time.

    ``first`` counts the steps before, which drained the batteries.
    """
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
    charge = 100 - (np.arange(first, first + steps) * interval_s % 259_200) / 2_592
    return grid.with_columns(
        *(pl.Series(metric, values[metric].T.ravel()) for metric in DECIMALS),
        pl.Series("battery_pct", np.tile(np.round(charge), len(people))),
        pl.Series("signal", np.round(-65 + 6 * stream.normal(grid.height))),
        pl.Series("luck", stream.uniform(grid.height)),
        pl.Series("slot", stream.uniform(grid.height)),
        id=pl.int_range(pl.len()),
    ).with_columns(pain=pl.when(pl.col("pain") > 0).then("pain"))


def message_lines(messages: pl.DataFrame, form: str) -> pl.Series:
    """Messages of one form, as lines."""
    kind = pl.col("kind")
    stamped = messages.with_columns(
        patient=pl.when(kind == "no_patient").then(pl.lit("")).otherwise("patient_id"),
        stamp=pl.when(kind == "bad_time").then(pl.lit("soon")).otherwise(stamps("luck")),
    )
    line = nested() if form == "nested" else flat()
    whole = stamped.with_columns(line=line)
    return whole.select(pl.when(kind == "damaged").then(pl.col("line").str.head(60)).otherwise("line")).to_series()


def file_of(lines: pl.Series) -> bytes:
    """Lines as a file."""
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
        source = SOURCES[str(form)]
        name = f"{source}/bracelets_{begin + timedelta(hours=BATCH_H * int(str(batch))):%Y-%m-%dT%H}.ndjson"
        write_whole(folder / name, file_of(message_lines(messages, str(form))))
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
