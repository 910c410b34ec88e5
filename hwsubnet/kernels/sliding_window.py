"""Sliding window: the patches that a convolution or a pooling sees."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from hwsubnet.errors import FoldingError, ModelError
from hwsubnet.kernels.base import CppCall, Kernel
from hwsubnet.kernels.datatype import IntArray
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.stream import Stream


def window_shape(
    dim: tuple[int, ...], channels: int, positions: int, parallel: int
) -> tuple[int, ...]:
    """Return the shape, in stream order, of windows that come channel fold by channel fold.

    That is (H, W, C / parallel, positions, parallel); windows of one position are in no special
    order, (H, W, C).
    """
    if positions == 1:
        return (*dim, channels)
    return (*dim, channels // parallel, positions, parallel)


@dataclass(frozen=True, eq=False)
class SlidingWindow(Kernel):
    """FINN's ``ConvolutionInputGenerator_rtl``, in its default and its parallel style.

    Dense windows are in the order of im2col, (OH, OW, KH * KW * C). Depthwise ones come channel
    fold by channel fold, (OH, OW, C / SIMD, KH * KW, SIMD): the order that their reader needs,
    which FINN's own Python execution does not show.
    """

    header: ClassVar[str] = "sliding_window.hpp"

    window: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    depthwise: bool
    parallel: bool
    """All positions of a window in one word."""
    simd: int

    @classmethod
    def from_node(cls, node: Node) -> Self:
        """Read the kernel's parameters from a node."""
        channels, simd = node.integer("IFMChannels"), node.integer("SIMD")
        node.divides("SIMD", simd, "IFMChannels", channels)
        if node.integer("dynamic_mode", 0):
            raise ModelError("windows that change at run time are not supported", where=node.name)
        height, width = node.integers("IFMDim")
        kh, kw = node.integers("ConvKernelDim")
        sh, sw = node.integers("Stride", (1, 1))
        dh, dw = node.integers("Dilation", (1, 1))
        depthwise = bool(node.integer("depthwise", 0))
        parallel = bool(node.integer("parallel_window", 0))
        if parallel and not depthwise and simd != channels and kh * kw > 1:
            raise FoldingError(
                f"parallel windows need SIMD = IFMChannels = {channels}, not {simd}",
                where=node.name,
            )
        dim = ((height - (kh - 1) * dh - 1) // sh + 1, (width - (kw - 1) * dw - 1) // sw + 1)
        if min(dim) < 1:
            raise ModelError(
                f"a window of {kh} x {kw} does not fit {height} x {width}", where=node.name
            )
        dense = (*dim, kh * kw * channels)
        windows = window_shape(dim, channels, kh * kw, simd) if depthwise else dense
        datatype = node.datatype("inputDataType")
        width_out = simd * kh * kw if parallel else simd
        return cls(
            node.name,
            node.op,
            (Stream(node.inputs[0], datatype, (height, width, channels), simd),),
            (Stream(node.outputs[0], datatype, windows, width_out),),
            (kh, kw),
            (sh, sw),
            (dh, dw),
            depthwise,
            parallel,
            simd,
        )

    @property
    def cycles(self) -> int:
        """FINN's model of its RTL: fill the buffer, then the slower side of each output row."""
        (source,), (target,) = self.inputs, self.outputs
        height, width, channels = source.shape
        (kh, kw), (sh, sw), (dh, dw) = self.window, self.stride, self.dilation
        oh, ow = target.shape[:2]
        folds = channels // self.simd
        if self.parallel or kh * kw == 1:
            return source.words + 2
        if height == 1 or width == 1:
            ow, kw = oh * ow, kh * kw  # the other axis is 1
            if not self.depthwise:
                return ow * kw * folds + 2
            stride = sw if height == 1 else sh
            given = ow * kw * folds + (folds - 1) * kw
            taken = height * width * folds + folds * (kw - 1) * (stride - 1)
            return max(given, taken) + 2
        fill = ((kh - 1) * dh * width + (kw - 1) * dw + 1) * folds
        row = max(ow * kw * kh * folds, sw * width * folds)
        if self.depthwise:
            row += ow * (sw - 1) * (folds - 1)
            fill += (sh - 1) * width * folds
        return fill + oh * row

    def compute(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Cut the windows out."""
        (target,) = self.outputs
        (kh, kw), (sh, sw), (dh, dw) = self.window, self.stride, self.dilation
        span = ((kh - 1) * dh + 1, (kw - 1) * dw + 1)
        views = np.lib.stride_tricks.sliding_window_view(inputs[0], span, axis=(1, 2))
        # (N, OH, OW, C, KH, KW)
        views = views[:, ::sh, ::sw, :, ::dh, ::dw]
        if self.depthwise:
            views = views.reshape(*views.shape[:3], -1, self.simd, kh * kw).swapaxes(-1, -2)
        else:
            views = views.transpose(0, 1, 2, 4, 5, 3)
        return (views.reshape(-1, *target.shape),)

    def cpp(self) -> CppCall:
        """Call ``sliding_window``."""
        (source,) = self.inputs
        arguments = (
            *source.shape,
            *self.window,
            *self.stride,
            *self.dilation,
            self.simd,
            str(self.depthwise).lower(),
            str(self.parallel).lower(),
            source.datatype.cpp,
        )
        return CppCall(self.header, f"sliding_window<{', '.join(map(str, arguments))}>")
