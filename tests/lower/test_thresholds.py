"""Thresholds are the quantizer: the same level for every integer of the range."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from hwsubnet.lower.stream import Unsupported
from hwsubnet.lower.thresholds import ROUNDING, Quantizer, find_thresholds, integer_limits


@given(
    seed=st.integers(0, 2**32 - 1),
    bits=st.integers(1, 8),
    signed=st.booleans(),
    zero_point=st.integers(-3, 3),
    mode=st.sampled_from(sorted(ROUNDING)),
    divide=st.sampled_from([1.0, 4.0]),
)
def test_thresholds_equal_the_quantizer(seed, bits, signed, zero_point, mode, divide):
    rng = np.random.default_rng(seed)
    channels = 3
    slope, bias = rng.uniform(0, 2, (channels, 1)), rng.normal(0, 5, (channels, 1))
    slope[0] = 0.5  # exact ties
    scale = np.array([0.25, *rng.uniform(0.05, 3, channels - 1)])
    quantizer = Quantizer(scale, zero_point, *integer_limits(bits, signed, False), mode, divide)

    def function(q):
        return np.maximum(slope * q + bias, -7.0)

    low = rng.integers(-300, 0, channels)
    high = low + rng.integers(0, 600, channels)
    thresholds = find_thresholds(function, quantizer, low, high)
    assert thresholds.shape == (channels, quantizer.highest - quantizer.lowest)
    for channel in range(channels):
        q = np.arange(low[channel], high[channel] + 1)
        counted = quantizer.lowest + (q[:, None] >= thresholds[channel]).sum(1)
        x = function(np.tile(q.astype(np.float64), (channels, 1)))
        np.testing.assert_array_equal(counted, quantizer.level(x)[channel])


def test_unknown_rounding():
    quantizer = Quantizer(np.ones(1), 0, 0, 3, "STOCHASTIC")
    with pytest.raises(Unsupported, match="rounding mode STOCHASTIC has no thresholds"):
        quantizer.level(np.zeros((1, 1)))
