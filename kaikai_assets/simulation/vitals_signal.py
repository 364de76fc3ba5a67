"""What simulated bodies do, before anything goes wrong with their devices.

Every array is shaped (steps, patients); units are those of the readings' contract.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from kaikai_assets.simulation.shapes import autocorrelated, bump
from kaikai_assets.simulation.streams import Floats, Stream
from kaikai_assets.simulation.vitals_episodes import Episode
from kaikai_assets.simulation.vitals_patients import SimPatient

DECIMALS = {
    "freq_card": 0,
    "freq_resp": 0,
    "spo2_pct": 1,
    "temp_corp": 1,
    "temp_ambiante": 1,
    "pct_hydratation": 1,
    "heat_index": 1,
    "activity": 0,
    "pain": 0,
}
"""Metrics, with the decimals that devices send."""

# The signal never leaves these, so that every value outside was injected.
SOUND_RANGE = {
    "freq_card": (45.0, 175.0),
    "freq_resp": (8.0, 60.0),
    "spo2_pct": (60.0, 100.0),
    "temp_corp": (35.5, 41.5),
    "temp_ambiante": (15.0, 45.0),
    "pct_hydratation": (20.0, 100.0),
    "heat_index": (15.0, 60.0),
    "activity": (0.0, 100.0),
    "pain": (0.0, 10.0),
}
# Standard deviation of what changes slowly, and from reading to reading.
_NOISE = {
    "freq_card": (3.0, 1.0),
    "freq_resp": (0.8, 0.4),
    "spo2_pct": (0.4, 0.2),
    "temp_corp": (0.08, 0.03),
    "temp_ambiante": (1.0, 0.1),
    "pct_hydratation": (1.0, 0.2),
    "heat_index": (1.0, 0.1),
    "activity": (3.0, 2.0),
    "pain": (0.0, 0.0),
}


def vitals_signal(
    patients: Sequence[SimPatient],
    happening: Sequence[Episode],
    start: datetime,
    steps: int,
    interval_s: int,
    seed: int,
    before: Mapping[str, Floats] | None = None,
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Metrics of all patients, ``steps`` readings ``interval_s`` seconds apart from ``start`` on, rounded.

    The second result is where slow noise stands at the end, from which a next call goes on (``before``).
    """
    seconds = np.arange(steps, dtype=np.float64) * interval_s
    hour = (((start.hour * 60 + start.minute) * 60 + start.second + seconds) / 3600 % 24)[:, None]
    awake = bump(hour, 15, 11, 24)
    usual = {name: np.array([getattr(who, name) for who in patients]) for name in _OWN}
    values = {
        "freq_card": usual["freq_card"] + 8 * awake,
        "freq_resp": usual["freq_resp"] + 1.5 * awake,
        "spo2_pct": usual["spo2_pct"] + 0.5 * awake,
        "temp_corp": usual["temp_corp"] + 0.4 * bump(hour, 17, 12, 24) - 0.2,
        "temp_ambiante": 25 + 7 * bump(hour, 14, 10, 24) + 0 * usual["freq_card"],
        "pct_hydratation": usual["pct_hydratation"] - 3 * awake,
        "heat_index": 26 + 10 * bump(hour, 14, 10, 24) + 0 * usual["freq_card"],
        "activity": 15 * awake + 0 * usual["freq_card"],
        "pain": 0 * awake + 0 * usual["freq_card"],
    }
    slow_noise = {}
    for key, (metric, (slow, fast)) in enumerate(_NOISE.items()):
        stream = Stream(seed, 40, key)
        start_noise, steady = stream.normal(len(patients)), stream.normal(steps, len(patients))
        noise = autocorrelated(steady, before[metric] if before else start_noise, interval_s)
        slow_noise[metric] = noise[-1].copy()
        values[metric] = values[metric] + slow * noise
        values[metric] = values[metric] + fast * stream.normal(steps, len(patients))
    for episode in happening:
        first = max(0, -(-int((episode.start - start).total_seconds()) // interval_s))
        last = min(steps, -(-int((episode.end - start).total_seconds()) // interval_s))
        shape = _course(seconds[first:last] - (episode.start - start).total_seconds(), episode)
        for metric, effect in episode.effects.items():
            values[metric][first:last, episode.patient] += effect * shape
    rounded = {m: np.round(np.clip(values[m], *SOUND_RANGE[m]), DECIMALS[m]) + 0.0 for m in DECIMALS}
    return rounded, slow_noise


_OWN = ("freq_card", "freq_resp", "spo2_pct", "temp_corp", "pct_hydratation")


def _course(since: Floats, episode: Episode) -> Floats:
    """Share of an episode's effects at some seconds since its start: a trapezium."""
    left = (episode.end - episode.start).total_seconds() - since
    rising = since / episode.rise.total_seconds() if episode.rise else np.ones_like(since)
    falling = left / episode.fall.total_seconds() if episode.fall else np.ones_like(since)
    course: Floats = np.clip(np.minimum(rising, falling), 0, 1)
    return course
