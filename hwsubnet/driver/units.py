"""A model's real values as the accelerator's integers, and back."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hwsubnet.errors import ModelError

_BLOCK = 1 << 15
"""Elements that are converted at a time: so many doubles stay in a processor's cache."""


@dataclass(frozen=True)
class Units:
    """How one end of the accelerator maps to the model's tensor.

    Input: integer = clip(round(x / scale + zero_point), low, high); output: y = scale * integer +
    bias, with `scale` and `bias` per tensor (one entry) or per channel.

    Parameters
    ----------
    shape
        Of a frame in the accelerator, without the batch axis, channels last.
    low, high
        Least and greatest integer.
    transpose
        Permutation of axes, the batch axis among them, from the model's layout to the accelerator's
        (input) or back (output); ``None``: the same.
    """

    shape: "tuple[int, ...]"
    low: int
    high: int
    transpose: "tuple[int, ...] | None" = None
    scale: "tuple[float, ...]" = (1.0,)
    bias: "tuple[float, ...]" = (0.0,)
    zero_point: float = 0.0

    @property
    def frame(self) -> "tuple[int, ...]":
        """Shape of an input frame in the model's own layout, without the batch axis."""
        if self.transpose is None:
            return self.shape
        sizes = [0] * len(self.transpose)
        for axis, size in zip(self.transpose, (1, *self.shape), strict=True):
            sizes[axis] = size
        return tuple(sizes[1:])


def check_frames(x: "NDArray[Any]", units: Units, where: object = None) -> None:
    """Refuse what is not a batch of at least one frame of numbers.

    Raises
    ------
    ModelError
        Naming the shape or type, and the one that is taken.
    """
    if x.dtype.kind not in "fiub":
        raise ModelError(
            f"input is of type {x.dtype}, not of real numbers",
            where=where,
            fix="give it as floats or integers",
        )
    if x.ndim < 2 or len(x) == 0 or not _same_frame(x.shape[1:], units.frame):
        raise ModelError(
            f"input has shape {x.shape}, the model takes frames of shape {units.frame}",
            where=where,
            fix=f"give an array of shape (N, {', '.join(map(str, units.frame))})",
        )


def _same_frame(given: "tuple[int, ...]", frame: "tuple[int, ...]") -> bool:
    """Say whether both shapes hold the same elements in the same order.

    Axes of one element do not count, and either may be flat. Channels last, for a model that has
    them first, is another frame.
    """
    axes, expected = ([size for size in sizes if size != 1] for sizes in (given, frame))
    flat = len(axes) <= 1 or len(expected) <= 1
    return prod(axes) == prod(expected) if flat else axes == expected


def to_integers(
    x: "NDArray[Any]", units: Units, dtype: DTypeLike = np.int64, where: object = None
) -> "NDArray[Any]":
    """Turn frames in the model's input units into the accelerator's integers.

    Parameters
    ----------
    x
        (N, ...) in the layout of the model's input, or flat frames.
    units
        Of the accelerator's input.
    dtype
        Of the result; holds `low` ... `high`.
    where
        Named in messages, such as the file that `x` came from.

    Returns
    -------
    NDArray
        (N, *units.shape), channels last.

    Raises
    ------
    ModelError
        If the shape is another one, or a value is no number or so far outside the range that it
        would saturate: then the units are probably wrong.
    """
    check_frames(x, units, where)
    frames = x.reshape(len(x), -1)
    integers: NDArray[Any] = np.empty(frames.shape, dtype=dtype)
    step = max(1, _BLOCK // frames.shape[1])
    scratch = np.empty((step, frames.shape[1]))
    for start in range(0, len(frames), step):
        part = frames[start : start + step]
        values = scratch[: len(part)]
        with np.errstate(over="ignore", invalid="ignore"):
            np.divide(part, units.scale[0], out=values, dtype=np.float64)
            values += units.zero_point
            np.rint(values, out=values)
        least, most = values.min(), values.max()
        # One step of saturation is what rounding to a range that does not reach its end can do.
        # What is not a number compares as false.
        if not (least >= units.low - 1 and most <= units.high + 1):
            raise _out_of_range(x, units, where)
        if least < units.low or most > units.high:
            np.clip(values, units.low, units.high, out=values)
        integers[start : start + step] = values
    integers = integers.reshape(len(x), *units.frame)
    if units.transpose is not None:
        integers = integers.transpose(units.transpose)
    return integers.reshape(len(x), *units.shape)


def _out_of_range(x: "NDArray[Any]", units: Units, where: object) -> ModelError:
    unknown = np.isnan(x).reshape(len(x), -1).any(axis=1)
    if unknown.any():
        return ModelError(
            f"frame {unknown.argmax()} of the input holds NaN, which is no number",
            where=where,
            fix="leave that frame out, or mend it",
        )
    ends = (units.scale[0] * (end - units.zero_point) for end in (units.low, units.high))
    least, most = sorted(ends)
    return ModelError(
        f"input values {x.min():g} to {x.max():g} leave the model's range {least:g} to {most:g}",
        where=where,
        fix="give them in the units that the model was trained with",
    )


def to_reals(
    integers: "NDArray[Any]", units: Units, out: "NDArray[np.float64] | None" = None
) -> "NDArray[np.float64]":
    """Turn what the accelerator gives into the model's output units.

    Parameters
    ----------
    integers
        (N, *units.shape), channels last.
    units
        Of the accelerator's output.
    out
        (N, *units.shape), C-contiguous, where the values are written before axes are permuted; a
        new array if not given.

    Returns
    -------
    NDArray
        (N, ...) in the layout of the model's output: scale * integer + bias.
    """
    values = np.empty((len(integers), *units.shape)) if out is None else out
    # A row of factors is as long as a frame: channels alone would make inner loops of a few steps.
    scale, bias = (_row(entries, units.shape) for entries in (units.scale, units.bias))
    given, rows = integers.reshape(len(integers), -1), values.reshape(len(integers), -1)
    step = max(1, _BLOCK // rows.shape[1])
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        np.multiply(given[start : start + step], scale, out=part, dtype=np.float64)
        part += bias
    return values.transpose(units.transpose) if units.transpose is not None else values


def _row(entries: "tuple[float, ...]", shape: "tuple[int, ...]") -> "NDArray[np.float64]":
    """Return one entry for all elements, or an entry for each element of a frame."""
    if len(entries) == 1:
        return np.asarray(entries)
    return np.broadcast_to(np.asarray(entries), shape).reshape(-1)
