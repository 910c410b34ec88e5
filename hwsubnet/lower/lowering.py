"""From a QONNX file to an artifact: streamlined graph, dataflow graph, coverage."""

from pathlib import Path

import numpy as np
import onnx

from hwsubnet.artifacts import File, HostAffine, LoweredGraph, replacing
from hwsubnet.boards import Board
from hwsubnet.errors import ModelError
from hwsubnet.lower.cut import Exit, find_exit
from hwsubnet.lower.dataflow import write_dataflow
from hwsubnet.lower.dataflow_builder import channels_last
from hwsubnet.lower.integer_graph import IntegerGraph, datatype
from hwsubnet.lower.onnx_file import tensor_datatype
from hwsubnet.lower.read import layer_name, name_nodes, read_model
from hwsubnet.lower.streamlined import write_streamlined
from hwsubnet.lower.walk import walk


def lower(onnx_path: Path, out: Path, board: Board) -> LoweredGraph:
    """Turn a QONNX model into a FINN dataflow graph of integer hardware nodes.

    Parameters
    ----------
    onnx_path
        Any QONNX model with one input, quantized there.
    out
        Folder for ``streamlined.onnx``, ``dataflow.onnx`` and ``lowered.json``.
    board
        Its part decides which implementations are possible.

    Returns
    -------
    LoweredGraph
        With every node of the model either converted or listed with the reason.

    Raises
    ------
    ModelError
        If the file cannot be read safely, or is no QONNX model.
    NoHardware
        If no layer can be converted.
    """
    from hwsubnet.finn_adapter.specialize import specialize

    model = read_model(onnx_path)
    name_nodes(model)
    try:
        state = walk(model)
        exit_ = find_exit(model, state)
    except ModelError as error:
        place = error.where or onnx_path
        raise type(error)(error.what, where=place, fix=error.fix) from error
    graph, output = state.graph, exit_.stream.tensor
    name = layer_name(onnx_path.stem)
    streamlined = write_streamlined(graph, output, name)
    dataflow = specialize(write_dataflow(graph, output, name), board.part)
    for file, proto in (("streamlined.onnx", streamlined), ("dataflow.onnx", dataflow)):
        with replacing(out / file) as temporary:
            onnx.save(proto, temporary)
    lowered = LoweredGraph(
        name=name,
        streamlined=File.of(out, "streamlined.onnx"),
        dataflow=File.of(out, "dataflow.onnx"),
        input=_input(graph),
        output=_output(graph, exit_, tensor_datatype(dataflow, dataflow.graph.output[0].name)),
        coverage=exit_.coverage,
        macs=_macs(graph),
    )
    lowered.save(out)
    return lowered


def _transpose(rank: int, *, back: bool) -> tuple[int, ...] | None:
    """Return the axes that move channels last (or back to axis 1)."""
    if rank < 3:
        return None
    return (0, rank - 1, *range(1, rank - 1)) if back else (0, *range(2, rank), 1)


def _input(graph: IntegerGraph) -> HostAffine:
    entry, tensor = graph.entry, graph.tensors["input"]
    assert entry is not None  # find_exit found a matrix product, which had an input
    return HostAffine(
        datatype=datatype(entry.low, entry.high),
        tensor=entry.source,
        clip=(entry.low, entry.high),
        shape=channels_last(tensor.shape),
        transpose=_transpose(len(tensor.shape), back=False),
        scale=(entry.scale,),
        zero_point=entry.zero_point,
    )


def _output(graph: IntegerGraph, exit_: Exit, kind: str) -> HostAffine:
    stream, tensor = exit_.stream, graph.tensors[exit_.stream.tensor]
    affine = stream.affine()
    assert affine is not None  # find_exit takes no other stream
    scale = affine.scale * tensor.sign
    bias = affine.bias - scale * tensor.offset
    return HostAffine(
        datatype=kind,
        tensor=stream.source,
        shape=channels_last(tensor.shape),
        transpose=_transpose(len(tensor.shape), back=True),
        scale=tuple(np.unique(scale)) if (scale == scale[0]).all() else tuple(scale),
        bias=tuple(np.unique(bias)) if (bias == bias[0]).all() else tuple(bias),
    )


def _macs(graph: IntegerGraph) -> int:
    """Count multiplications with weights for one frame."""
    return sum(
        node.arrays["weight"].size * int(np.prod(graph.tensors[node.output].shape[2:]))
        for node in graph.nodes
        if node.op in ("Conv", "Gemm")
    )
