"""Thresholding: a quantized activation function as a staircase per channel."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar, Self

import numpy as np

from hwsubnet.errors import ModelError
from hwsubnet.kernels.arithmetic import staircase
from hwsubnet.kernels.base import CppArray, CppCall, Kernel
from hwsubnet.kernels.datatype import DataType, IntArray
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.stream import Stream


@dataclass(frozen=True, eq=False)
class Steps:
    """The staircase of C channels: out = bias + #{ s : in >= thresholds[c, s] }.

    A bipolar output is -1 or +1 instead, by its single threshold; its code is 0 or 1, as without
    bias.
    """

    thresholds: IntArray
    """Shape (C, steps), ascending along the last axis."""
    bias: int
    output: DataType

    @classmethod
    def read(cls, node: Node, index: int, channels: int, output: DataType) -> Self:
        """Read the thresholds of `node` from its constant input `index`."""
        thresholds = node.constant(index)
        if thresholds.ndim != 2 or thresholds.shape[0] not in (1, channels):
            raise ModelError(
                f"thresholds of shape {thresholds.shape} do not fit {channels} channels",
                where=node.name,
            )
        if (np.diff(thresholds, axis=1) < 0).any():
            raise ModelError("thresholds of a channel do not ascend", where=node.name)
        if output.bipolar and thresholds.shape[1] != 1:
            raise ModelError("a bipolar output has one threshold", where=node.name)
        bias = 0 if output.bipolar else node.integer("ActVal", 0)
        return cls(np.broadcast_to(thresholds, (channels, thresholds.shape[1])), bias, output)

    def compute(self, x: IntArray) -> IntArray:
        """Apply the staircase to values of shape (..., C)."""
        return self.output.decode(staircase(x, self.thresholds) + self.bias)

    def comparison(self, values: DataType) -> DataType:
        """Return the signed type that holds `values`, every threshold, and the result."""
        low = min(values.min, int(self.thresholds.min()), self.bias)
        high = max(values.max, int(self.thresholds.max()), self.bias + self.thresholds.shape[1])
        return DataType.holding(low, high, signed=True)

    def array(self, pe: int) -> CppArray:
        """Return the thresholds as the C++ kernels take them: [C / PE][PE][steps]."""
        low, high = int(self.thresholds.min()), int(self.thresholds.max())
        folded = self.thresholds.reshape(-1, pe, self.thresholds.shape[1])
        return CppArray(DataType.holding(low, high), folded)


@dataclass(frozen=True, eq=False)
class Thresholding(Kernel):
    """FINN's ``Thresholding_rtl`` and ``Thresholding_hls``."""

    header: ClassVar[str] = "thresholding.hpp"

    steps: Steps

    @classmethod
    def from_node(cls, node: Node) -> Self:
        """Read the kernel's parameters from a node."""
        channels, pe = node.integer("NumChannels"), node.integer("PE")
        node.divides("PE", pe, "NumChannels", channels)
        shape = (*node.vectors(), channels)
        source = node.datatype("inputDataType")
        if source.bipolar:
            raise ModelError("thresholds of a bipolar input are not supported", where=node.name)
        target = node.datatype("outputDataType")
        return cls(
            node.name,
            node.op,
            (Stream(node.inputs[0], source, shape, pe),),
            (Stream(node.outputs[0], target, shape, pe),),
            Steps.read(node, 1, channels, target),
        )

    @property
    def latency(self) -> int:
        """Of a binary search that decides one bit of the result in two stages."""
        steps: int = self.steps.thresholds.shape[1]
        return 2 + 2 * steps.bit_length()

    def compute(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Apply the staircase of each channel."""
        return (self.steps.compute(inputs[0]),)

    def cpp(self) -> CppCall:
        """Call ``thresholding``."""
        (source,), (target,) = self.inputs, self.outputs
        channels, steps = self.steps.thresholds.shape
        arguments = (
            prod(source.shape[:-1]),
            channels,
            source.parallel,
            steps,
            self.steps.bias,
            source.datatype.cpp,
            target.datatype.cpp,
            self.steps.comparison(source.datatype).cpp,
        )
        return CppCall(
            self.header,
            f"thresholding<{', '.join(map(str, arguments))}>",
            (self.steps.array(source.parallel),),
        )
