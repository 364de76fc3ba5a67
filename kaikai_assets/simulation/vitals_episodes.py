"""What happens to simulated patients: exertion, stress and crises, each with its effects on the vital signs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from kaikai_assets.simulation.streams import Stream
from kaikai_assets.simulation.vitals_patients import SimPatient

Profile = Literal["simple", "medical"]

CRISES = ("crisis", "vaso_occlusive", "infection", "dehydration")
"""Kinds that count as crises; others belong to a normal day."""

_BLOCK = timedelta(minutes=10)
# Scenario of a block of the simple profile, up to this share.
_MIX = ((0.70, "normal"), (0.85, "stress"), (0.95, "activity"), (1.0, "crisis"))

Range = tuple[float, float]
# What a kind adds to a metric at its height.
_EFFECTS: dict[str, dict[str, Range]] = {
    "stress": {"freq_card": (15, 30), "freq_resp": (3, 6)},
    "activity": {"freq_card": (20, 40), "freq_resp": (5, 9), "activity": (30, 60), "spo2_pct": (-1, 0)},
    "crisis": {
        "spo2_pct": (-15, -5), "temp_corp": (1.5, 3.0), "freq_card": (20, 40), "freq_resp": (6, 12), "pain": (5, 9)
    },
    "vaso_occlusive": {
        "spo2_pct": (-15, -5), "temp_corp": (0.3, 1.2), "freq_card": (20, 45), "freq_resp": (5, 12), "pain": (6, 10)
    },
    "infection": {"spo2_pct": (-4, -1), "temp_corp": (1.5, 3.0), "freq_card": (15, 30), "freq_resp": (3, 8)},
    "dehydration": {"pct_hydratation": (-45, -15), "freq_card": (10, 25), "temp_corp": (0.2, 0.8)},
}  # fmt: skip
# Of the evolving crises: how likely, and hours of rise, of height and of fall.
_COURSES: dict[str, tuple[float, Range, Range, Range]] = {
    "vaso_occlusive": (0.5, (0.5, 2), (2, 8), (2, 6)),
    "infection": (0.3, (2, 6), (6, 24), (6, 12)),
    "dehydration": (0.2, (2, 5), (1, 4), (1, 3)),
}


@dataclass(frozen=True)
class Episode:
    """Something that happens to a patient in [``start``, ``end``): ``effects`` are reached after ``rise`` and left
    from ``fall`` before the end on."""

    patient: int
    kind: str
    start: datetime
    end: datetime
    rise: timedelta = timedelta()
    fall: timedelta = timedelta()
    effects: dict[str, float] = field(default_factory=dict)


def episodes(
    profile: Profile, patients: Sequence[SimPatient], start: datetime, length: timedelta, seed: int
) -> list[Episode]:
    """Episodes of all patients, by patient and time."""
    found = _blocks if profile == "simple" else _courses
    return [episode for n, who in enumerate(patients) for episode in found(n, who, start, length, seed)]


def _blocks(number: int, _who: SimPatient, start: datetime, length: timedelta, seed: int) -> Iterator[Episode]:
    stream = Stream(seed, 30, number)
    for block in range(-(-length // _BLOCK)):
        luck, *sizes = stream.uniform(1 + len(_EFFECTS["crisis"]))
        kind = next(kind for share, kind in _MIX if luck < share)
        begins = start + block * _BLOCK
        if kind != "normal":
            yield Episode(number, kind, begins, begins + _BLOCK, effects=_drawn(kind, sizes))


def _courses(number: int, who: SimPatient, start: datetime, length: timedelta, seed: int) -> Iterator[Episode]:
    stream = Stream(seed, 31, number)
    free = start
    for day in range(-(-length // timedelta(days=1))):
        strikes, which, hour, rising, high, falling, *sizes = stream.uniform(6 + len(_EFFECTS["crisis"]))
        exertion = start + timedelta(days=day, minutes=round(60 * (8 + 10 * hour)))
        begins = start + timedelta(days=day, minutes=round(60 * 24 * hour))
        if strikes >= who.crises_per_day or begins < free:
            yield Episode(
                number, "activity", exertion, exertion + timedelta(minutes=45), effects=_drawn("activity", sizes)
            )
            continue
        kind, (_, *spans) = next(item for item in _COURSES.items() if which < _up_to(item[0]))
        rise, height, fall = (
            timedelta(seconds=round(3600 * (low + (top - low) * luck)))
            for (low, top), luck in zip(spans, (rising, high, falling), strict=True)
        )
        free = begins + rise + height + fall
        yield Episode(number, kind, begins, free, rise, fall, _drawn(kind, sizes))


def _up_to(kind: str) -> float:
    """Likelihood of a course or one before it."""
    kinds = list(_COURSES)
    return 1.0 if kind == kinds[-1] else sum(_COURSES[one][0] for one in kinds[: kinds.index(kind) + 1])


def _drawn(kind: str, sizes: Sequence[float]) -> dict[str, float]:
    drawn = zip(_EFFECTS[kind].items(), sizes, strict=False)
    return {metric: float(low + (top - low) * luck) for (metric, (low, top)), luck in drawn}
