"""Sliding window: the patches that a convolution or a pooling sees."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from hwsubnet.errors import FoldingError, ModelError
from hwsubnet.kernels.base import CppCall, Kernel
from hwsubnet.kernels.datatype import IntArray
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.schedule import Schedule, Times, each
from hwsubnet.kernels.stream import Stream
from hwsubnet.kernels.window_buffer import WindowBuffer, window_times


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
    def _streams_through(self) -> bool:
        """Whether every word is taken in a cycle of its own, whatever the windows are."""
        return self.parallel or self.window == (1, 1)

    @cached_property
    def cycles(self) -> int:
        """What FINN's RTL takes: its controller is followed word by word."""
        if self._streams_through:
            words = self.inputs[0].words
            # The next frame waits until a window is gone that ends with the last word.
            return words + int(self._completed()[-1] == words - 1)
        always = np.zeros(2 * self.inputs[0].words, np.int64)
        given = self.times([always], 2).given[0].reshape(2, -1)
        return int(given[1, -1] - given[0, -1])

    @property
    def latency(self) -> int:
        """The register that a window's last word enters; what is word-wise tells its own times."""
        return 1

    def schedule(self) -> Schedule:
        """Give a window with its last pixel, where words stream through."""
        return Schedule((each(self.inputs[0].words),), (self._completed(),), self.cycles)

    def _completed(self) -> IntArray:
        """Return for each window the word that comes last of it, where words stream through."""
        (source,), (target,) = self.inputs, self.outputs
        pixels = each(source.words).reshape(*source.shape[:2], -1)
        (kh, kw), (dh, dw) = self.window, self.dilation
        corners = pixels[(kh - 1) * dh :: self.stride[0], (kw - 1) * dw :: self.stride[1]]
        return corners[: target.shape[0], : target.shape[1]].reshape(-1)

    def times(self, arrivals: Sequence[IntArray], frames: int) -> Times:
        """Follow the controller where the buffer makes reading and writing wait for each other."""
        if self._streams_through:
            return super().times(arrivals, frames)
        return window_times(self._buffer(), arrivals[0], frames)

    def _buffer(self) -> WindowBuffer:
        """Return what swg_template_default.sv is made of."""
        (source,), (target,) = self.inputs, self.outputs
        (height, width), folds = source.shape[:2], source.shape[2] // self.simd
        (kh, kw), (sh, sw), (dh, dw) = self.window, self.stride, self.dilation
        span = ((kh - 1) * dh * width + (kw - 1) * dw + 1) * folds
        spare = max(0, sw - 1 - kh * kw) + max(0, (sh - 1) * width - kh * kw)
        elements = each(source.words).reshape(height, width, folds)
        views = np.lib.stride_tricks.sliding_window_view(
            elements, ((kh - 1) * dh + 1, (kw - 1) * dw + 1), axis=(0, 1)
        )[::sh, ::sw, :, ::dh, ::dw]  # (OH, OW, folds, KH, KW)
        views = views[: target.shape[0], : target.shape[1]]
        if not self.depthwise:
            views = views.transpose(0, 1, 3, 4, 2)
        # A channel fold of a depthwise window is fetched as if it were a window.
        windows = views.reshape(-1, kh * kw if self.depthwise else kh * kw * folds)
        return WindowBuffer(source.words, span + spare * folds, span, windows)

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
