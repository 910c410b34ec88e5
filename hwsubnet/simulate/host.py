"""What the host does around the accelerator: real values to integers, and back."""

from math import prod

import numpy as np
from numpy.typing import NDArray

from hwsubnet.artifacts import HostAffine
from hwsubnet.errors import ModelError
from hwsubnet.kernels import DataType, IntArray

Real = NDArray[np.floating]


def to_integers(x: NDArray[np.generic], host: HostAffine, where: object = None) -> IntArray:
    """Turn frames in the model's input units into the accelerator's integers.

    Parameters
    ----------
    x
        (N, ...) in the layout of the model's input.
    host
        The accelerator's input.
    where
        Named in messages, such as the file that `x` came from.

    Returns
    -------
    IntArray
        (N, *host.shape[1:]): clip(round(x / scale + zero_point)), channels last.

    Raises
    ------
    ModelError
        If the shape is another one, or a value is no number or so far outside the range that it
        would saturate: then the units are probably wrong.
    """
    if x.dtype.kind not in "fiub":
        raise ModelError(f"input is of type {x.dtype}, not of numbers", where=where)
    frame = _model_shape(host)
    if x.ndim < 2 or len(x) == 0 or prod(x.shape[1:]) != prod(frame):
        raise ModelError(
            f"input has shape {x.shape}, the model takes frames of shape {frame}",
            where=where,
            fix=f"give an array of shape (N, {', '.join(map(str, frame))})",
        )
    datatype = DataType.parse(host.datatype)
    low, high = host.clip or (datatype.min, datatype.max)
    scale = host.scale[0]
    with np.errstate(over="ignore"):
        integers = np.rint(x.astype(np.float64) / scale + host.zero_point)
    # One step of saturation is what rounding to a range that does not reach its end can do.
    if not (np.isfinite(x).all() and integers.min() >= low - 1 and integers.max() <= high + 1):
        least, most = sorted((scale * (low - host.zero_point), scale * (high - host.zero_point)))
        raise ModelError(
            f"input values {x.min():g} to {x.max():g} leave the model's range "
            f"{least:g} to {most:g}",
            where=where,
            fix="give them in the units that the model was trained with",
        )
    values = np.clip(integers, low, high).astype(np.int64).reshape(len(x), *frame)
    if host.transpose is not None:
        values = values.transpose(host.transpose)
    return values.reshape(len(x), *host.shape[1:])


def to_reals(integers: IntArray, host: HostAffine) -> Real:
    """Turn what the accelerator gives into the model's output units.

    Parameters
    ----------
    integers
        (N, *host.shape[1:]), channels last.
    host
        The accelerator's output.

    Returns
    -------
    Real
        (N, ...) in the layout of the model's output: scale * integer + bias.
    """
    values: Real = np.asarray(host.scale) * integers + np.asarray(host.bias)
    values = values.reshape(len(integers), *host.shape[1:])
    return values.transpose(host.transpose) if host.transpose is not None else values


def _model_shape(host: HostAffine) -> tuple[int, ...]:
    """Return the model's own shape of an input frame, without the batch axis."""
    if host.transpose is None:
        return host.shape[1:]
    shape = [0] * len(host.shape)
    for axis, size in zip(host.transpose, host.shape, strict=True):
        shape[axis] = size
    return tuple(shape[1:])
