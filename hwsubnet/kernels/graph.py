"""A folded dataflow graph as kernels and the streams between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsubnet.errors import ModelError
from hwsubnet.kernels.base import Kernel
from hwsubnet.kernels.datatype import IntArray
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.registry import make_kernel
from hwsubnet.kernels.stream import Stream


@dataclass(frozen=True, eq=False)
class KernelGraph:
    """Kernels in topological order; a tensor name joins an output to the input that reads it.

    Parameters
    ----------
    kernels
        Each after those that feed it.
    inputs, outputs
        The accelerator's own streams, in the order of the graph's.
    """

    kernels: tuple[Kernel, ...]
    inputs: tuple[Stream, ...]
    outputs: tuple[Stream, ...]

    @classmethod
    def of(cls, kernels: tuple[Kernel, ...]) -> "KernelGraph":
        """Join `kernels`; the graph's inputs and outputs are the streams with one end free.

        Raises
        ------
        ModelError
            If a tensor is read twice or never written, if its two ends disagree, or if the graph
            has a cycle.
        """
        sources = {stream.tensor: stream for kernel in kernels for stream in kernel.outputs}
        carriers = {k.outputs[0].tensor: k for k in kernels if k.transparent}
        sinks: dict[str, Stream] = {}
        for kernel in kernels:
            for stream in kernel.inputs:
                if stream.tensor in sinks:
                    raise ModelError(
                        f"tensor {stream.tensor!r} has two readers",
                        where=kernel.name,
                        fix="insert DuplicateStreams",
                    )
                sinks[stream.tensor] = stream
                if not kernel.transparent:
                    origin = stream
                    while origin.tensor in carriers:
                        origin = carriers[origin.tensor].inputs[0]
                    _agree(sources.get(origin.tensor, stream), stream, kernel.name)
        return cls(
            _ordered(kernels, sources),
            tuple(stream for tensor, stream in sinks.items() if tensor not in sources),
            tuple(stream for tensor, stream in sources.items() if tensor not in sinks),
        )

    def run(self, inputs: Mapping[str, IntArray]) -> dict[str, IntArray]:
        """Return every tensor of the golden run, by name; see :meth:`Kernel.golden`."""
        tensors = dict(inputs)
        for kernel in self.kernels:
            frames = (tensors[stream.tensor].reshape(-1, *stream.shape) for stream in kernel.inputs)
            results = kernel.golden(*frames)
            for stream, values in zip(kernel.outputs, results, strict=True):
                tensors[stream.tensor] = values
        return tensors


def _agree(source: Stream, sink: Stream, where: str) -> None:
    """Refuse a join whose ends differ in more than in how one frame is shaped.

    Windows by channel, shape (H, W, C / PE, K, PE), are in another order for each PE: there the
    shapes must be the same.
    """
    windows = len(source.shape) == 5 or len(sink.shape) == 5
    for what, left, right in (
        ("datatype", source.datatype.name, sink.datatype.name),
        ("elements per frame", source.elements, sink.elements),
        ("windows (H, W, C / PE, K, PE)", source.shape, sink.shape if windows else source.shape),
    ):
        if left != right:
            raise ModelError(
                f"{what} of tensor {sink.tensor!r}: {left} written, {right} read", where=where
            )


def _ordered(kernels: tuple[Kernel, ...], sources: Mapping[str, Stream]) -> tuple[Kernel, ...]:
    ordered: list[Kernel] = []
    known: set[str] = set()
    waiting = list(kernels)
    while waiting:
        ready = [
            kernel
            for kernel in waiting
            if all(s.tensor in known or s.tensor not in sources for s in kernel.inputs)
        ]
        if not ready:
            raise ModelError(f"the graph has a cycle through {waiting[0].name!r}")
        ordered += ready
        known.update(stream.tensor for kernel in ready for stream in kernel.outputs)
        waiting = [kernel for kernel in waiting if kernel not in ready]
    return tuple(ordered)


def read_graph(path: Path) -> KernelGraph:
    """Read the folded dataflow graph in the ONNX file `path`.

    Raises
    ------
    ModelError
        If the file is not an ONNX model, or a node is not a hardware kernel of this project.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        # Tensors outside the file could lie anywhere on the disk.
        model = onnx.load_model(str(path), load_external_data=False)
    except (OSError, DecodeError) as error:
        raise ModelError(f"is not a readable ONNX model ({error})", where=path) from error
    return graph_of(model)


def graph_of(model: Any) -> KernelGraph:
    """Read the folded dataflow graph of an ``onnx.ModelProto``; see :func:`read_graph`."""
    import onnx

    graph = model.graph
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    kernels = tuple(
        make_kernel(node_of(node, constants, index)) for index, node in enumerate(graph.node)
    )
    joined = KernelGraph.of(kernels)
    return KernelGraph(
        joined.kernels,
        _in_order(joined.inputs, [v.name for v in graph.input if v.name not in constants], "input"),
        _in_order(joined.outputs, [v.name for v in graph.output], "output"),
    )


def node_of(
    proto: Any, constants: Mapping[str, NDArray[np.generic]] | None = None, index: int = 0
) -> Node:
    """Read an ``onnx.NodeProto``; `index` names it where it has no name."""
    import onnx

    values = constants or {}
    return Node(
        name=proto.name or f"{proto.op_type}_{index}",
        op=proto.op_type,
        attributes={a.name: onnx.helper.get_attribute_value(a) for a in proto.attribute},
        inputs=tuple(proto.input),
        outputs=tuple(proto.output),
        constants={name: values[name] for name in proto.input if name in values},
    )


def _in_order(streams: tuple[Stream, ...], names: list[str], kind: str) -> tuple[Stream, ...]:
    by_name = {stream.tensor: stream for stream in streams}
    if set(by_name) != set(names):
        raise ModelError(
            f"the graph's {kind}s are {sorted(names)}, the kernels leave {sorted(by_name)} open"
        )
    return tuple(by_name[name] for name in names)
