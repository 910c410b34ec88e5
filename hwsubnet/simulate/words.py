"""Tensors of integers as the bytes of stream words, and back."""

import numpy as np
from numpy.typing import NDArray

from hwsubnet.kernels import IntArray, Stream


def pack(values: IntArray, stream: Stream) -> NDArray[np.uint8]:
    """Return the words of N frames as the simulation's files hold them.

    Parameters
    ----------
    values
        Shape (N, *stream.shape).

    Returns
    -------
    NDArray[np.uint8]
        Shape (N * stream.words, stream.axi_width / 8): little-endian, element 0 in the low bits,
        padding zero.
    """
    codes = stream.datatype.encode(values).reshape(-1, stream.parallel)
    container = stream.datatype.container
    octets = np.ascontiguousarray(codes, dtype=container).view(np.uint8)
    octets = octets.reshape(*codes.shape, container.itemsize)
    bits = np.unpackbits(octets, axis=-1, bitorder="little")
    payload = bits[..., : stream.datatype.bits].reshape(len(codes), stream.width)
    return np.packbits(payload, axis=-1, bitorder="little")


def unpack(octets: NDArray[np.uint8], stream: Stream) -> IntArray:
    """Return the values that words carry; the inverse of `pack`.

    Parameters
    ----------
    octets
        Shape (N * stream.words, stream.axi_width / 8).

    Returns
    -------
    IntArray
        Shape (N, *stream.shape).
    """
    payload = np.unpackbits(octets, axis=-1, bitorder="little", count=stream.width)
    elements = payload.reshape(-1, stream.datatype.bits)
    container = stream.datatype.container
    wide = np.zeros((len(elements), 8 * container.itemsize), dtype=np.uint8)
    wide[:, : stream.datatype.bits] = elements
    if stream.datatype.signed:
        wide[:, stream.datatype.bits :] = elements[:, -1:]
    codes = np.packbits(wide, axis=-1, bitorder="little").view(container).astype(np.int64)
    return stream.datatype.decode(codes).reshape(-1, *stream.shape)
