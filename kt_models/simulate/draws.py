"""Chance by counters: a draw is a function of the seed, its purpose and its counters, not of what was drawn before it.

    h_0 = mix(seed, purpose),   h_i = mix(h_(i-1) + c_i odd),   u = (floor(h / 2^11) + 1/2) / 2^53

mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014), a bijection of 64 bits. So the n-th practice of a concept
by a learner meets the same luck under every policy (common random numbers): differences between policies vary far
less than under luck of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from kt_models.recall import Float

_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_MASK: Final = (1 << 64) - 1


@final
@dataclass(frozen=True)
class Draws:
    """Draws of one seed. Counters are integers or arrays of them, and broadcast; shapes are those of the broadcast."""

    seed: int

    def uniform(self, purpose: str, *counters: ArrayLike) -> Float:
        """Inside (0, 1), independent between purposes and counters."""
        start = (self.seed * 0x9E3779B97F4A7C15 + crc32(purpose.encode()) * 0xD1B54A32D192ED03) & _MASK
        bits = _mix(np.atleast_1d(np.uint64(start)))
        for counter in counters:
            bits = _mix(bits + np.atleast_1d(np.asarray(counter, dtype=np.int64)).astype(np.uint64) * _ODD)
        shape = np.broadcast_shapes(*(np.shape(counter) for counter in counters))
        return np.asarray(((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53).reshape(shape)

    def normal(self, purpose: str, *counters: ArrayLike) -> Float:
        """Standard normal, by the quantile of `uniform`: what is monotone in one is monotone in the other."""
        return np.asarray(ndtri(self.uniform(purpose, *counters)), dtype=np.float64)


def _mix(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
