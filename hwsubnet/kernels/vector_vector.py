"""Vector-vector unit: depthwise convolutions over windows."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar, Self

import numpy as np

from hwsubnet.errors import ModelError
from hwsubnet.kernels.base import CppCall, Kernel, RtlModule
from hwsubnet.kernels.datatype import IntArray
from hwsubnet.kernels.dot_product import DotProduct
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.schedule import Schedule, each
from hwsubnet.kernels.sliding_window import window_shape
from hwsubnet.kernels.stream import Stream


@dataclass(frozen=True, eq=False)
class VectorVector(Kernel):
    """FINN's ``VVAU_rtl`` and ``VVAU_hls``: out[c] = activation(sum_k W[c, k] in[c][k])."""

    header: ClassVar[str] = "vector_vector.hpp"

    arithmetic: DotProduct
    weights: IntArray
    """Shape (C, K): channels by window positions."""

    @classmethod
    def from_node(cls, node: Node) -> Self:
        """Read the kernel's parameters from a node."""
        channels, positions = node.integer("Channels"), prod(node.integers("Kernel"))
        pe, simd = node.integer("PE"), node.integer("SIMD", 1)
        node.divides("PE", pe, "Channels", channels)
        node.divides("SIMD", simd, "the window's positions", positions)
        arithmetic = DotProduct.read(node, channels)
        weights = arithmetic.weights(node)
        if weights.shape != (channels, 1, *node.integers("Kernel")):
            raise ModelError(
                f"weights of shape {weights.shape}, but (Channels, 1, *Kernel) = "
                f"{(channels, 1, *node.integers('Kernel'))}",
                where=node.name,
            )
        dim = node.integers("Dim")
        windows = window_shape(dim, channels, positions, pe)
        return cls(
            node.name,
            node.op,
            (Stream(node.inputs[0], arithmetic.input, windows, simd * pe),),
            (Stream(node.outputs[0], arithmetic.output, (*dim, channels), pe),),
            arithmetic,
            weights.reshape(channels, positions),
        )

    @property
    def latency(self) -> int:
        """Of the array."""
        return self.arithmetic.latency(self._simd)

    def schedule(self) -> Schedule:
        """Give one word for those of a window."""
        (source,), (target,) = self.inputs, self.outputs
        interval = source.words // target.words
        results = interval - 1 + each(target.words, interval)
        return Schedule((each(source.words),), (results,), self.cycles)

    def compute(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Multiply channel by channel, then apply the activation."""
        (target,) = self.outputs
        channels, positions = self.weights.shape
        pe = target.parallel
        windows = self.arithmetic.operand(inputs[0])
        windows = windows.reshape(-1, *target.shape[:-1], channels // pe, positions, pe)
        weights = self.weights.reshape(channels // pe, pe, positions).swapaxes(1, 2)
        products = np.sum(windows * weights, axis=-2).reshape(-1, *target.shape)
        return (self.arithmetic.finish(products, positions, self.name),)

    def cpp(self) -> CppCall:
        """Call ``vector_vector``."""
        (target,) = self.outputs
        shape = (prod(target.shape[:-1]), *self.weights.shape, self._simd, target.parallel)
        call = self.arithmetic.cpp("vector_vector", shape, self._tiles(), target.parallel)
        return CppCall(self.header, *call)

    def rtl(self) -> RtlModule:
        """Instantiate ``vector_vector``: FINN's own is for Versal only."""
        channels, positions = self.weights.shape
        pe = self.outputs[0].parallel
        shape = {"CHANNELS": channels, "K": positions, "SIMD": self._simd, "PE": pe}
        return self.arithmetic.rtl("vector_vector", shape, self._tiles(), ("vector_vector.sv",))

    @property
    def _simd(self) -> int:
        return self.inputs[0].parallel // self.outputs[0].parallel

    def _tiles(self) -> IntArray:
        """Return the weights as [C / PE][K / SIMD][PE][SIMD]."""
        channels, positions = self.weights.shape
        pe, simd = self.outputs[0].parallel, self._simd
        return self.weights.reshape(channels // pe, pe, positions // simd, simd).swapaxes(1, 2)
