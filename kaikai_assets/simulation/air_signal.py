"""What the simulated air does, before anything goes wrong with its files.

Every array is shaped (steps of a day, sensors). Units: pm25 µg/m³, temperature °C, humidity %, co2 ppm. All places are
in Senegal, where local time is UTC.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from kaikai_assets.simulation.air_sensors import Sensor
from kaikai_assets.simulation.shapes import autocorrelated, bump, hump
from kaikai_assets.simulation.streams import Floats, Stream, below

METRICS = ("pm25", "temperature", "humidity", "co2")

# The signal never leaves these, so that every value outside was injected.
SOUND_RANGE = {"pm25": (0.5, 450.0), "temperature": (10.0, 48.0), "humidity": (5.0, 98.0), "co2": (380.0, 3000.0)}

# city: mean temperature, seasonal and daily half swing (°C), mean humidity (%)
_CLIMATE = {
    "Dakar": (25.0, 3.5, 2.5, 64.0),
    "Saint-Louis": (26.0, 3.5, 4.0, 60.0),
    "Thiès": (27.0, 3.0, 5.5, 52.0),
    "Diourbel": (28.5, 3.0, 7.0, 44.0),
}
# zone: what the morning and the evening peak add to PM2.5, as a share of its base; CO2 (ppm) that school hours add
_ZONE = {
    "Urban": (0.8, 0.7, 0.0),
    "Residential": (0.4, 0.9, 0.0),
    "Commercial": (0.7, 0.6, 0.0),
    "School": (0.5, 0.4, 500.0),
}


@dataclass(frozen=True)
class Dust:
    """A Saharan dust episode: from `start` to `end`, at most `peak` µg/m³ of PM2.5 in the middle."""

    start: datetime
    end: datetime
    peak: float

    def share(self, hours: Floats, midnight: datetime) -> Floats:
        """Intensity 0 … 1 at `hours` after `midnight`."""
        half_width = (self.end - self.start) / timedelta(hours=2)
        centre = (self.start - midnight) / timedelta(hours=1) + half_width
        return hump(np.abs(hours - centre) / half_width)


def dust_episode(start: date, days: int, seed: int) -> Dust | None:
    """One episode of 24 to 48 hours that lies within the period; none in less than three days."""
    if days < 3:
        return None
    length, begin, peak = Stream(seed, 1).uniform(3)
    hours = 24 + round(24 * length)
    first = datetime.combine(start, time(), UTC) + timedelta(hours=round((24 * days - hours) * begin))
    return Dust(first, first + timedelta(hours=hours), 140 + 110 * float(peak))


@dataclass(frozen=True)
class Cooking:
    """Smoke of an evening meal beside a sensor: from `start` to `end`, `peak` µg/m³ of PM2.5 in the middle."""

    sensor_id: str
    start: datetime
    end: datetime
    peak: float


def cooking_peaks(sensors: Sequence[Sensor], start: date, days: int, seed: int) -> list[Cooking]:
    """Peaks of 50 to 90 minutes between 17:35 and 22:15, at Residential places on two evenings of five; by time."""
    peaks = []
    for day, evening in enumerate(_kitchens(sensors, days, seed)):
        midnight = datetime.combine(start, time(), UTC) + timedelta(days=day)
        for sensor, (centre, half_width, peak) in zip(sensors, evening.T, strict=True):
            if peak:
                middle, half = midnight + timedelta(minutes=float(centre)), timedelta(minutes=float(half_width))
                peaks.append(Cooking(sensor.sensor_id, middle - half, middle + half, float(peak)))
    return sorted(peaks, key=lambda one: (one.start, one.sensor_id))


def _kitchens(sensors: Sequence[Sensor], days: int, seed: int) -> Floats:
    """Whole minutes of centre and half width, and the peak (0 where nobody cooks): (days, 3, sensors)."""
    strike, when, length, size = Stream(seed, 6).uniform(4, days, len(sensors))
    cooks = (strike < 0.4) & np.array([sensor.location_type == "Residential" for sensor in sensors])
    return np.stack([18 * 60 + 20 + below(when, 190), 25 + below(length, 21), cooks * (15 + 25 * size)], axis=1)


def air_signal(
    sensors: Sequence[Sensor], start: date, days: int, interval_s: int, seed: int
) -> Iterator[dict[str, Floats]]:
    """Yield METRICS day by day, unrounded, within SOUND_RANGE."""
    count, steps = len(sensors), 86400 // interval_s
    hours = (np.arange(steps) * interval_s / 3600)[:, None]
    mean, seasonal, daily, moist = np.array([_CLIMATE[s.city] for s in sensors]).T
    morning, evening, school = np.array([_ZONE[s.location_type] for s in sensors]).T
    base, offset, exposure = Stream(seed, 2).uniform(3, count)
    dust = dust_episode(start, days, seed)
    kitchens = _kitchens(sensors, days, seed)

    traffic = 1 + morning * bump(hours, 7.5, 2.5, 24) + evening * bump(hours, 20.5, 3.5, 24)
    warmth = 2 * bump(hours, 15, 12, 24) - 1
    lessons = school * (bump(hours, 10.5, 3, 24) + 0.7 * bump(hours, 16, 2, 24))
    noise = np.zeros((4, count))

    for day in range(days):
        midnight = datetime.combine(start, time(), UTC) + timedelta(days=day)
        stream = Stream(seed, 3, day)
        slow = autocorrelated(stream.normal(steps, 4, count), noise, interval_s)
        noise = slow[-1]
        fast = stream.normal(steps, count)

        year_day = np.array(midnight.timetuple().tm_yday, dtype=np.float64)
        dry_season = bump(year_day, 30, 120, 365.25)
        heat = 2 * bump(year_day, 255, 182, 365.25) - 1
        haze = dust.share(hours, midnight) if dust else np.zeros_like(hours)
        in_class = midnight.weekday() < 5

        local = (6 + 4 * base) * (1 + 0.3 * dry_season) * traffic * np.square(1 + 0.15 * slow[:, 0])
        dusty = (dust.peak if dust else 0) * (0.8 + 0.4 * exposure) * haze * np.square(1 + 0.05 * slow[:, 1])
        centre, half_width, peak = kitchens[day]
        smoke = peak * hump(np.abs(60 * hours - centre) / half_width)
        swing = daily * warmth + 0.6 * slow[:, 2]
        values = {
            "pm25": (local + dusty + smoke) * (1 + 0.03 * fast),
            "temperature": mean + offset - 0.5 + seasonal * heat + swing + 1.5 * haze,
            "humidity": (moist + 6 * heat - 3 * swing + 1.5 * slow[:, 3]) * (1 - 0.4 * haze),
            "co2": 405 + 15 * traffic + 8 * slow[:, 3] + 2 * fast + (lessons if in_class else 0),
        }
        yield {metric: np.clip(values[metric], *SOUND_RANGE[metric]) for metric in METRICS}
