"""Chance that can be asked again: every random number is a hash of what it is about.

The draw for order 7, line 3 is the same whether one day is written or a whole year, in whatever
order and by however many threads. No generator with a state is used anywhere in the company.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]
Part = int | Ints | Keys | Flags

# The increment and the two multipliers of SplitMix64, a mixer whose output passes BigCrush.
_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True)
class Chance:
    """Draws of one company; `about` names what is drawn, `parts` for which thing.

    Parts are integers or integer arrays that broadcast against each other; the result has their
    common shape and at least one dimension.
    """

    seed: int

    def keys(self, about: str, *parts: Part) -> Keys:
        """64 random bits for each thing: also a name for it in later draws."""
        digest = hashlib.blake2b(f"{self.seed}:{about}".encode(), digest_size=8).digest()
        state: Keys = np.frombuffer(digest, dtype="<u8").astype(np.uint64)
        for part in parts:
            numbers = np.atleast_1d(np.asarray(part)).astype(np.uint64)
            state = _mixed(state + numbers * _INCREMENT)
        return state

    def uniform(self, about: str, *parts: Part) -> Floats:
        """Numbers strictly between 0 and 1."""
        bits = self.keys(about, *parts) >> np.uint64(12)
        return (bits.astype(np.float64) + 0.5) * 2.0**-52

    def normal(self, about: str, *parts: Part) -> Floats:
        """Standard normal numbers."""
        return np.asarray(ndtri(self.uniform(about, *parts)), dtype=np.float64)

    def happens(self, share: float | Floats, about: str, *parts: Part) -> Flags:
        """True for about `share` of the things."""
        is_so: Flags = self.uniform(about, *parts) < share
        return is_so

    def pick(self, shares: Sequence[float] | Floats, about: str, *parts: Part) -> Ints:
        """An index into `shares` for each thing, as often as its share says."""
        bounds = np.cumsum(np.asarray(shares, dtype=np.float64))
        drawn = self.uniform(about, *parts) * bounds[-1]
        found: Ints = np.searchsorted(bounds, drawn, side="right").astype(np.int64)
        return found

    def below(self, bound: int | Ints, about: str, *parts: Part) -> Ints:
        """Integers from 0 up to, but not including, `bound`."""
        return np.floor(self.uniform(about, *parts) * bound).astype(np.int64)


def _mixed(state: Keys) -> Keys:
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))


def hexadecimal(keys: Keys, digits: int) -> NDArray[np.str_]:
    """The first `digits` (at most 16) hexadecimal digits of each key."""
    text = np.frombuffer(keys.astype(">u8").tobytes().hex().encode("ascii"), dtype="S16")
    return text.astype(f"S{digits}").astype(f"U{digits}")
