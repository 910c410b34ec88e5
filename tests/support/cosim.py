"""Single kernels as graphs, and inputs that reach the ends of their types."""

from collections.abc import Callable

import numpy as np

from hwsubnet.kernels import KernelGraph, Node, make_kernel
from hwsubnet.kernels.datatype import IntArray
from hwsubnet.simulate.cppsim import LANES, CppSimulator

Compile = Callable[..., CppSimulator]
FRAMES = LANES + 5  # two rounds of frames side by side, the second not full


def graph_of_one(node: Node) -> KernelGraph:
    return KernelGraph.of((make_kernel(node),))


def random_inputs(graph: KernelGraph, seed: int = 20260) -> dict[str, IntArray]:
    """Uniform over each input's type, with both ends of its range in the first two frames."""
    rng = np.random.default_rng(seed)
    inputs = {}
    for stream in graph.inputs:
        datatype, shape = stream.datatype, (FRAMES, *stream.shape)
        low, high = datatype.min, datatype.max
        values = rng.integers(0, 2, shape) * 2 - 1 if datatype.bipolar else None
        if values is None:
            values = rng.integers(low, high, shape, endpoint=True)
        values[0], values[1] = low, high
        inputs[stream.tensor] = values
    return inputs
