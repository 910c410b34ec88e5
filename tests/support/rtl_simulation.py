"""Emission of test networks as FIFO sizing asks for it, and frames for them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from support.dataflow import PART

from hwsubnet.emit.rtl import emit_rtl
from hwsubnet.kernels import IntArray, Stream
from hwsubnet.simulate.rtlsim import Target

FRAMES = 6

Emit = Callable[[Mapping[str, int]], Target]


def random_frames(stream: Stream, count: int = FRAMES, seed: int = 7) -> IntArray:
    rng = np.random.default_rng(seed)
    low, high = stream.datatype.min, stream.datatype.max
    values = rng.integers(low, high, (count, *stream.shape), endpoint=True)
    values[0], values[1] = low, high
    return values


def emitter(model: ModelWrapper, folder: Path) -> Emit:
    """What `size_fifos` takes: emits `model` with the depths it is asked for."""
    folded = folder / "folded.onnx"
    model.save(str(folded))

    def emit(depths: Mapping[str, int]) -> Target:
        out = folder / "design"
        return Target.accelerator(
            emit_rtl(folded, out, part=PART, clock_mhz=100, depths=depths), out
        )

    return emit
