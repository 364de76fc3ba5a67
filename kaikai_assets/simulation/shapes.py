"""Shapes that simulated signals are made of: + - * / and sqrt only (see ``streams``)."""

from math import sqrt

import numpy as np

from kaikai_assets.simulation.streams import Floats


def hump(distance: Floats) -> Floats:
    """1 at distance 0, falling smoothly to 0 at distance 1."""
    height: Floats = np.square(1 - np.square(np.minimum(distance, 1)))
    return height


def bump(x: Floats, centre: float, half_width: float, period: float) -> Floats:
    """A hump around `centre` that comes back every `period`."""
    half = period / 2
    return hump(np.abs((x - centre + half) % period - half) / half_width)


def autocorrelated(innovations: Floats, before: Floats, interval_s: int) -> Floats:
    """Noise of standard deviation 1 that forgets within about an hour, continued from the row `before`."""
    keep = 1 / (1 + interval_s / 3600)
    noise: Floats = innovations * sqrt(1 - keep * keep)
    for step in range(len(noise)):
        before = noise[step] = noise[step] + keep * before
    return noise
