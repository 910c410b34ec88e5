"""A quantizer and everything in front of it, as integer thresholds.

FINN-style activation: level(q) = lowest + #{i : q >= T_i}. For a nondecreasing ``f`` the i-th
threshold is the least integer ``q`` whose level is at least lowest + i,

    T_i = min { q in [low, high] : clip(round(f(q) / s + z)) - z >= lowest + i },

found here by bisection over the integers themselves, so that no rounding of a threshold ever
has to be argued about: the comparison *is* the quantizer, evaluated in float64.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsubnet.lower.stream import Floats, Integers, Unsupported

ROUNDING: dict[str, Callable[[Floats], Floats]] = {
    "ROUND": np.rint,
    "HALF_EVEN": np.rint,
    "FLOOR": np.floor,
    "CEIL": np.ceil,
    "ROUND_TO_ZERO": np.trunc,
    "DOWN": np.trunc,
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
}
"""QONNX rounding modes that are nondecreasing functions."""


def integer_limits(bits: int, signed: bool, narrow: bool) -> tuple[int, int]:
    """Return the least and greatest integer that Quant can give."""
    if signed:
        return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow


@dataclass(frozen=True)
class Quantizer:
    """``x -> clip(round(x / scale + zero_point), minimum, maximum) - zero_point + shift``.

    `scale` has one entry per channel; the integers that it gives mean ``scale * integer``.
    """

    scale: Floats
    zero_point: int
    minimum: int
    maximum: int
    rounding: str = "ROUND"
    divide: float = 1.0
    """Truncating quantizers round to `scale` first and divide by this, a power of two, after."""
    shift: int = 0
    """Added to the result at the end."""

    @property
    def lowest(self) -> int:
        """Least integer given."""
        return self.minimum - self.zero_point + self.shift

    @property
    def highest(self) -> int:
        """Greatest integer given."""
        return self.maximum - self.zero_point + self.shift

    def level(self, x: NDArray[np.floating[Any]]) -> Integers:
        """Quantize `x` of shape (channels, n), in the precision of `x`."""
        if self.rounding not in ROUNDING:
            known = ", ".join(ROUNDING)
            raise Unsupported(f"rounding mode {self.rounding} has no thresholds (known: {known})")
        kind = x.dtype.type
        scaled = x / self.scale[:, None].astype(kind) + kind(self.zero_point)
        if self.divide != 1.0:
            scaled = np.rint(scaled) / kind(self.divide)
        rounded = ROUNDING[self.rounding](scaled)
        clipped = np.clip(rounded, self.minimum, self.maximum)
        return clipped.astype(np.int64) + (self.shift - self.zero_point)


def find_thresholds(
    function: Callable[[Floats], Floats],
    quantizer: Quantizer,
    low: Integers,
    high: Integers,
) -> Integers:
    """Return thresholds of shape (channels, levels - 1).

    Parameters
    ----------
    function
        Nondecreasing per channel; maps (channels, n) integers to real numbers.
    quantizer
        What follows it.
    low, high
        Range of the integers per channel. ``low`` as a threshold is always passed and
        ``high + 1`` never.
    """
    steps = np.arange(quantizer.lowest + 1, quantizer.highest + 1)
    left = np.repeat(low[:, None], len(steps), axis=1)
    right = np.repeat(high[:, None] + 1, len(steps), axis=1)
    while (open_ := left < right).any():
        middle = (left + right) // 2
        reached = quantizer.level(function(middle.astype(np.float64))) >= steps
        right = np.where(open_ & reached, middle, right)
        left = np.where(open_ & ~reached, middle + 1, left)
    return left
