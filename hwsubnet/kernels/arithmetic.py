"""Exact integer arithmetic that several golden models share."""

import numpy as np
from numpy.typing import NDArray

from hwsubnet.errors import ModelError
from hwsubnet.kernels.datatype import DataType, IntArray


def exact_matmul(x: IntArray, w: IntArray) -> IntArray:
    """Return ``x @ w`` exactly, through floating point where that is exact.

    NumPy multiplies integer matrices without BLAS. A floating-point product is exact, in whatever
    order it is summed, while sum |x||w| stays below 2^p for a p-bit significand.
    """
    largest = int(np.abs(x).max(initial=0)) * int(np.abs(w).sum(axis=-2).max(initial=0))
    if largest >= 1 << 63:
        raise ModelError(f"sums up to {largest} do not fit 64 bits")
    kind = np.float32 if largest < 1 << 24 else np.float64 if largest < 1 << 53 else np.int64
    product: IntArray = np.matmul(x.astype(kind), w.astype(kind)).astype(np.int64)
    return product


def staircase(x: IntArray, thresholds: IntArray) -> IntArray:
    """Count the thresholds that each element has reached.

    Parameters
    ----------
    x
        Shape (..., C).
    thresholds
        Shape (C, steps), ascending along the last axis.

    Returns
    -------
    IntArray
        Shape (..., C); entry #{ s : x[..., c] >= thresholds[c, s] }.
    """
    counts: NDArray[np.int64] = np.empty_like(x)
    for channel, steps in enumerate(thresholds):
        counts[..., channel] = np.searchsorted(steps, x[..., channel], side="right")
    return counts


def check_accumulator(values: IntArray, datatype: DataType, where: str) -> IntArray:
    """Return `values` if the accumulator's declared type holds them.

    Raises
    ------
    ModelError
        If one does not fit: hardware would wrap it silently.
    """
    if not datatype.allows(values):
        raise ModelError(
            f"sums {values.min()} to {values.max()} do not fit the accumulator, "
            f"declared {datatype.name}",
            where=where,
            fix="widen the declared accumulator type",
        )
    return values
