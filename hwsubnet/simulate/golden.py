"""The accelerator's meaning: every kernel's integer golden model, one after the other."""

from collections.abc import Mapping

import numpy as np

from hwsubnet.kernels import IntArray, KernelGraph
from hwsubnet.progress import track
from hwsubnet.simulate.inputs import check_inputs

_BATCH = 64
"""Frames at once: enough to amortize NumPy's overhead, few enough to bound the memory."""


def simulate_golden(graph: KernelGraph, inputs: Mapping[str, IntArray]) -> dict[str, IntArray]:
    """Run N frames through the integer golden models.

    Parameters
    ----------
    inputs
        By tensor name; shape (N, *stream.shape), values (not codes).

    Returns
    -------
    dict
        The accelerator's outputs, by tensor name; shape (N, *stream.shape).

    Raises
    ------
    ModelError
        If an input has the wrong shape or range, or a value inside does not fit its declared type.
    """
    frames = check_inputs(graph, inputs)
    names = [stream.tensor for stream in graph.outputs]
    parts: dict[str, list[IntArray]] = {name: [] for name in names}
    for first in track(range(0, frames, _BATCH), "golden model"):
        batch = {name: values[first : first + _BATCH] for name, values in inputs.items()}
        tensors = graph.run(batch)
        for name in names:
            parts[name].append(tensors[name])
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}
