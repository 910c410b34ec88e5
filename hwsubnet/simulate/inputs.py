"""What every simulation checks before it starts."""

from collections.abc import Mapping

from hwsubnet.errors import ModelError
from hwsubnet.kernels import IntArray, KernelGraph


def check_inputs(graph: KernelGraph, inputs: Mapping[str, IntArray]) -> int:
    """Return the number of frames in `inputs`, arrays by tensor name.

    Raises
    ------
    ModelError
        If a tensor is missing, has the wrong shape or range, or another number of frames.
    """
    names = [stream.tensor for stream in graph.inputs]
    if sorted(inputs) != sorted(names):
        raise ModelError(f"inputs {sorted(inputs)} given, the accelerator has {sorted(names)}")
    frames = {len(stream.check(inputs[stream.tensor], "input")) for stream in graph.inputs}
    if len(frames) != 1 or 0 in frames:
        raise ModelError(f"inputs hold {sorted(frames)} frames, one number above 0 is needed")
    return frames.pop()
