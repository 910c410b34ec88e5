"""Padding: zeros around a feature map, or between its pixels."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from hwsubnet.errors import ModelError
from hwsubnet.kernels.base import CppCall, Kernel, RtlModule
from hwsubnet.kernels.datatype import DataType, IntArray
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.schedule import Schedule, each
from hwsubnet.kernels.stream import Stream


def _zero_type(node: Node) -> DataType:
    datatype = node.datatype("inputDataType")
    if datatype.bipolar:
        raise ModelError("a bipolar feature map has no 0 to pad with", where=node.name)
    return datatype


@dataclass(frozen=True, eq=False)
class Padding(Kernel):
    """FINN's ``FMPadding_rtl``: out[h, w] = in[h - top, w - left] inside, 0 outside."""

    header: ClassVar[str] = "padding.hpp"

    margins: tuple[int, int, int, int]
    """(top, left, bottom, right)"""

    @classmethod
    def from_node(cls, node: Node) -> Self:
        """Read the kernel's parameters from a node."""
        channels, simd = node.integer("NumChannels"), node.integer("SIMD", 1)
        node.divides("SIMD", simd, "NumChannels", channels)
        height, width = node.integers("ImgDim")
        top, left, bottom, right = node.integers("Padding", (1, 1, 1, 1))
        datatype = _zero_type(node)
        padded = (top + height + bottom, left + width + right, channels)
        return cls(
            node.name,
            node.op,
            (Stream(node.inputs[0], datatype, (height, width, channels), simd),),
            (Stream(node.outputs[0], datatype, padded, simd),),
            (top, left, bottom, right),
        )

    def schedule(self) -> Schedule:
        """Take a pixel when it leaves."""
        (source,), (target,) = self.inputs, self.outputs
        (top, left, _, _), (height, width) = self.margins, source.shape[:2]
        every = each(target.words).reshape(*target.shape[:2], -1)
        taken = every[top : top + height, left : left + width].reshape(-1)
        return Schedule((taken,), (each(target.words),), self.cycles)

    def compute(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Pad."""
        top, left, bottom, right = self.margins
        return (np.pad(inputs[0], ((0, 0), (top, bottom), (left, right), (0, 0))),)

    def cpp(self) -> CppCall:
        """Call ``padding``."""
        (source,) = self.inputs
        arguments = (*source.shape, *self.margins, source.parallel, source.datatype.cpp)
        return CppCall(self.header, f"padding<{', '.join(map(str, arguments))}>")


@dataclass(frozen=True, eq=False)
class PixelPadding(Kernel):
    """FINN's ``FMPadding_Pixel_hls``: out[h * stride_h, w * stride_w] = in[h, w], 0 between."""

    header: ClassVar[str] = "pixel_padding.hpp"

    stride: tuple[int, int]

    @classmethod
    def from_node(cls, node: Node) -> Self:
        """Read the kernel's parameters from a node."""
        channels, simd = node.integer("NumChannels"), node.integer("SIMD", 1)
        node.divides("SIMD", simd, "NumChannels", channels)
        height, width = node.integers("ImgDim")
        sh, sw = node.integers("Stride")
        datatype = _zero_type(node)
        padded = ((height - 1) * sh + 1, (width - 1) * sw + 1, channels)
        return cls(
            node.name,
            node.op,
            (Stream(node.inputs[0], datatype, (height, width, channels), simd),),
            (Stream(node.outputs[0], datatype, padded, simd),),
            (sh, sw),
        )

    def schedule(self) -> Schedule:
        """Take a pixel when it leaves."""
        (target,) = self.outputs
        every = each(target.words).reshape(*target.shape[:2], -1)
        taken = every[:: self.stride[0], :: self.stride[1]].reshape(-1)
        return Schedule((taken,), (each(target.words),), self.cycles)

    def compute(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Spread the pixels."""
        (target,) = self.outputs
        sh, sw = self.stride
        padded = np.zeros((len(inputs[0]), *target.shape), np.int64)
        padded[:, ::sh, ::sw] = inputs[0]
        return (padded,)

    def cpp(self) -> CppCall:
        """Call ``pixel_padding``."""
        (source,) = self.inputs
        arguments = (*source.shape, *self.stride, source.parallel, source.datatype.cpp)
        return CppCall(self.header, f"pixel_padding<{', '.join(map(str, arguments))}>")

    def rtl(self) -> RtlModule:
        """Instantiate ``pixel_padding``."""
        (source,) = self.inputs
        height, width, channels = source.shape
        return RtlModule(
            "pixel_padding",
            ("skid_buffer.sv", "wrap_counter.sv", "pixel_padding.sv"),
            {
                "WIDTH": source.width,
                "ROWS": height,
                "COLUMNS": width,
                "FOLDS": channels // source.parallel,
                "STRIDE_H": self.stride[0],
                "STRIDE_W": self.stride[1],
            },
        )
