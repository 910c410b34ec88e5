"""Conversion in blocks gives, to the last bit, what the formulas give at once."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from hwsubnet.driver import Units, to_integers, to_reals
from hwsubnet.driver.units import _BLOCK

SHAPES = st.sampled_from([(1,), (10,), (3, 2, 4), (5, 1, 1), (9, 9, 2)])


@given(
    shape=SHAPES,
    frames=st.integers(1, 5),
    scale=st.floats(1e-6, 1e6),
    zero_point=st.sampled_from([0.0, 3.0, 127.5]),
    dtype=st.sampled_from([np.float64, np.float32, np.float16, np.uint8, np.int8, np.bool_]),
    seed=st.integers(0, 99),
)
def test_integers_are_rounded_quotients_of_doubles(shape, frames, scale, zero_point, dtype, seed):
    rng = np.random.default_rng(seed)
    if np.issubdtype(dtype, np.floating):
        with np.errstate(over="ignore"):
            x = (rng.standard_normal((frames, *shape)) * scale * 40).astype(dtype)
        x = np.nan_to_num(x, posinf=0, neginf=0)
    else:
        x = rng.integers(0, 2, (frames, *shape)).astype(dtype)
    exact = np.rint(x.astype(np.float64) / scale + zero_point)
    low, high = int(exact.min()), int(exact.max())
    units = Units(shape, low, high, scale=(scale,), zero_point=zero_point)
    found = to_integers(x, units)
    assert found.dtype == np.int64
    assert np.array_equal(found, exact)


@given(
    shape=SHAPES,
    frames=st.integers(1, 5),
    per_channel=st.booleans(),
    dtype=st.sampled_from([np.uint8, np.int8, np.int16, np.int32, np.int64]),
    seed=st.integers(0, 99),
)
def test_reals_are_products_of_doubles(shape, frames, per_channel, dtype, seed):
    rng = np.random.default_rng(seed)
    limits = np.iinfo(dtype)
    integers = rng.integers(limits.min, limits.max, (frames, *shape), dtype, endpoint=True)
    count = shape[-1] if per_channel else 1
    scale, bias = rng.standard_normal(count), rng.standard_normal(count)
    transpose = None if len(shape) == 1 else (0, 3, 1, 2)
    units = Units(shape, 0, 1, transpose, tuple(scale), tuple(bias))
    expected = scale * integers.astype(np.float64) + bias
    kept = np.empty(expected.shape)
    found = to_reals(integers, units, kept)
    assert np.array_equal(kept, expected)
    assert np.array_equal(found, expected if transpose is None else expected.transpose(transpose))
    assert np.array_equal(to_reals(integers, units), found)


@pytest.mark.parametrize("elements", [7, _BLOCK // 2 + 1, _BLOCK + 1])
def test_blocks_leave_nothing_out(elements):
    rng = np.random.default_rng(0)
    frames = 3 * _BLOCK // elements + 2
    integers = rng.integers(0, 256, (frames, elements), np.uint8)
    units = Units((elements,), 0, 255, scale=(1 / 255,))
    x = to_reals(integers, units)
    assert np.array_equal(x, integers * (1 / 255))
    assert np.array_equal(to_integers(x, units, np.uint8), integers)
