"""Random numbers that are the same on every machine and with every numpy release.

Only the raw output of PCG64 is used (numpy guarantees it; it does not guarantee its distributions), with arithmetic
that IEEE 754 fixes to the last bit. Simulators keep to + - * / and sqrt on these numbers for the same reason.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Stream:
    """Independent random numbers for one `seed` and one `key` (what they are for, which day, …)."""

    def __init__(self, seed: int, *key: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key))

    def uniform(self, *shape: int) -> Floats:
        """Numbers in [0, 1)."""
        raw = self._bits.random_raw(int(np.prod(shape)))
        numbers: Floats = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return numbers.reshape(shape)

    def normal(self, *shape: int) -> Floats:
        """Mean 0, standard deviation 1, within ±3.5: sums of four 16-bit uniform numbers."""
        raw = self._bits.random_raw(int(np.prod(shape)))
        total: Ints = raw.view(np.uint16).reshape(*shape, 4).sum(axis=-1, dtype=np.int64)
        return (total - 2 * 65535).astype(np.float64) / (65536 * sqrt(1 / 3))

    def order(self, count: int) -> Ints:
        """A permutation of range(count)."""
        return np.argsort(self.uniform(count), kind="stable")


def below(uniform: Floats, count: int) -> Ints:
    """Whole numbers in [0, count) from numbers in [0, 1)."""
    return (uniform * count).astype(np.int64)
