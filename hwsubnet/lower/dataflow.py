"""The integer graph as FINN hardware nodes: one stream a tensor, channels last.

Each integer operation has one fixed translation, so this is a table of small functions and not a
search. FINN's own conversion passes look for the same patterns in a graph; building the nodes
directly keeps every datatype as narrow as the exact ranges allow and takes milliseconds.
"""

import numpy as np
import onnx

from hwsubnet.kernels.datatype import DataType
from hwsubnet.lower.dataflow_builder import DataflowBuilder, channels_last
from hwsubnet.lower.integer_graph import IntegerGraph, Node, Tensor, datatype
from hwsubnet.lower.onnx_file import build_model
from hwsubnet.lower.stream import Integers
from hwsubnet.lower.streamlined import threshold_datatype, weight_datatype


def write_dataflow(graph: IntegerGraph, output: str, name: str) -> onnx.ModelProto:
    """Translate every node; all folding at 1, no implementation style chosen yet."""
    builder = DataflowBuilder(graph)
    for node in graph.nodes:
        TRANSLATIONS[node.op](builder, node)
    output = builder.alias.get(output, output)
    nodes = builder.finish(output)
    return build_model(name, nodes, builder.initializers, builder.shapes, builder.datatypes, output)


def _product(builder: DataflowBuilder, node: Node) -> None:
    weight: Integers = node.arrays["weight"]
    outputs = len(weight)
    depthwise = node.op == "Conv" and node.attributes["group"] > 1
    kind = weight_datatype(node)
    out = builder.graph.tensors[node.output]
    result = datatype(int(out.low.min()), int(out.high.max()))
    stream = builder.windows(node, depthwise) if node.op == "Conv" else builder.input(node)
    common = {
        "PE": 1,
        "SIMD": 1,
        "inputDataType": builder.datatypes[stream],
        "weightDataType": kind,
        "outputDataType": result,
        "accDataType": result,
        "noActivation": 1,
        "mem_mode": "internal_decoupled",
    }
    if depthwise:
        name = builder.constant(f"{node.output}_weight", weight, kind)
        _, rows, columns, _ = channels_last(out.shape)
        builder.emit(
            "VVAU",
            [stream, name],
            node,
            Dim=[rows, columns],
            Channels=outputs,
            Kernel=list(weight.shape[2:]),
            **common,
        )
        return
    if node.op == "Conv":
        matrix = weight.transpose(2, 3, 1, 0).reshape(-1, outputs)
    else:
        order = builder.order.get(node.inputs[0], np.arange(weight.shape[1]))
        matrix = np.empty_like(weight.T)
        matrix[order] = weight.T
    xnor = node.weight_type == "XNOR"
    if xnor:
        matrix, kind = (matrix + 1) // 2, "BINARY"
        common["weightDataType"] = kind
    builder.emit(
        "MVAU",
        [stream, builder.constant(f"{node.output}_weight", matrix, kind)],
        node,
        MW=len(matrix),
        MH=outputs,
        numInputVectors=list(channels_last(out.shape)[:-1]),
        binaryXnorMode=int(xnor),
        **common,
    )


def _threshold(builder: DataflowBuilder, node: Node) -> None:
    stream = builder.input(node)
    thresholds: Integers = node.arrays["thresholds"]
    order = builder.order.get(node.inputs[0])
    if order is not None:
        reordered = np.empty_like(thresholds)
        reordered[order] = thresholds
        thresholds, builder.order[node.output] = reordered, order
    tensor = builder.graph.tensors[node.inputs[0]]
    out = builder.graph.tensors[node.output]
    result = datatype(int(out.low.min()), int(out.high.max()))
    thresholds, bias = _complete(
        thresholds, node.attributes["out_bias"], DataType.parse(result), tensor
    )
    kind = threshold_datatype(thresholds, int(tensor.low.min()))
    shape = channels_last(out.shape)
    builder.emit(
        "Thresholding",
        [stream, builder.constant(f"{node.output}_thresholds", thresholds, kind)],
        node,
        NumChannels=shape[-1],
        PE=1,
        numSteps=thresholds.shape[1],
        inputDataType=builder.datatypes[stream],
        weightDataType=kind,
        outputDataType=result,
        numInputVectors=list(shape[:-1]),
        ActVal=bias,
    )


def _complete(
    thresholds: Integers, bias: int, output: DataType, tensor: Tensor
) -> tuple[Integers, int]:
    """Add thresholds that every value passes, or none, until they need all bits of the output.

    FINN writes the memories of its binary search for one stage per bit of the output's type, and
    its RTL has as many stages as the number of thresholds needs.
    """
    missing = max(2 ** (output.bits - 1) - thresholds.shape[1], 0)
    below = min(missing, bias - output.min)
    always = np.full((len(thresholds), below), tensor.low.min())
    never = np.full((len(thresholds), missing - below), tensor.high.max() + 1)
    return np.concatenate([always, thresholds, never], axis=1), bias - below


def _max_pool(builder: DataflowBuilder, node: Node) -> None:
    _pool(builder, node, "MaxPool", 0)


def _sum_pool(builder: DataflowBuilder, node: Node) -> None:
    stream = builder.input(node)
    _, height, width, channels = builder.shapes[stream]
    if node.attributes["kernel_shape"] == [height, width]:
        kind = DataType.parse(builder.datatypes[stream])
        builder.emit(
            "GlobalAccPool",
            [stream],
            node,
            NumChannels=channels,
            PE=1,
            inputDataType=builder.datatypes[stream],
            numInputVectors=[1, height, width],
        )
        # Not the exact range: FINN derives the type of the sums from that of the addends.
        extreme = height * width * (kind.min if kind.signed else kind.max)
        builder.datatypes[node.output] = datatype(min(extreme, 0), max(extreme, 0))
        return
    out = builder.graph.tensors[node.output]
    kind = DataType.parse(datatype(int(out.low.min()), int(out.high.max())))
    _pool(builder, node, "AccPool", kind.bits)


def _pool(builder: DataflowBuilder, node: Node, function: str, accumulator: int) -> None:
    windows = builder.windows(node, depthwise=True)
    out = builder.graph.tensors[node.output]
    shape = channels_last(out.shape)
    kind = datatype(int(out.low.min()), int(out.high.max()))
    builder.emit(
        "Pool",
        [windows],
        node,
        Channels=shape[-1],
        PE=1,
        KernelSize=node.attributes["kernel_shape"],
        Function=function,
        OutImgDims=list(shape[1:3]),
        InputDataType=builder.datatypes[windows],
        OutputDataType=builder.datatypes[windows] if function == "MaxPool" else kind,
        AccumBits=accumulator,
        Size=1,
        BatchSize=1,
    )


def _binary(builder: DataflowBuilder, node: Node) -> None:
    out = builder.graph.tensors[node.output]
    shape = list(channels_last(out.shape))
    kind = datatype(int(out.low.min()), int(out.high.max()))
    streams = [builder.input(node, index) for index in range(len(node.inputs))]
    orders = [builder.order[name] for name in node.inputs if name in builder.order]
    if orders:
        builder.order[node.output] = orders[0]
    right_shape, style = shape, "input"
    if node.op == "Mul":
        factor: Integers = node.arrays["factor"]
        if orders:
            reordered = np.empty_like(factor)
            reordered[orders[0]] = factor
            factor = reordered
        factor_kind = datatype(min(int(factor.min()), -1), int(factor.max()))
        streams.append(builder.constant(f"{node.output}_factor", factor, factor_kind))
        right_shape, style = [len(factor)], "const"
    builder.emit(
        f"Elementwise{node.op}",
        streams,
        node,
        lhs_shape=shape,
        rhs_shape=right_shape,
        out_shape=shape,
        lhs_dtype=builder.datatypes[streams[0]],
        rhs_dtype=builder.datatypes[streams[1]],
        out_dtype=kind,
        lhs_style="input",
        rhs_style=style,
        PE=1,
    )


def _concat(builder: DataflowBuilder, node: Node) -> None:
    streams = [builder.input(node, index) for index in range(len(node.inputs))]
    shape = channels_last(builder.graph.tensors[node.output].shape)
    builder.emit(
        "StreamingConcat",
        streams,
        node,
        SIMD=1,
        ChannelsPerStream=[builder.shapes[stream][-1] for stream in streams],
        inputDataTypes=[builder.datatypes[stream] for stream in streams],
        numInputVectors=list(shape[:-1]),
        inFIFODepths=[2] * len(streams),
    )


def _upsample(builder: DataflowBuilder, node: Node) -> None:
    stream = builder.input(node)
    _, height, width, channels = builder.shapes[stream]
    rows, columns = node.attributes["factors"]
    builder.emit(
        "UpsampleNearestNeighbour",
        [stream],
        node,
        SIMD=1,
        HI=height,
        WI=width,
        HO=height * rows,
        WO=width * columns,
        NumChannels=channels,
        inputDataType=builder.datatypes[stream],
        batchSize=1,
    )


def _stretch(builder: DataflowBuilder, node: Node) -> None:
    stream = builder.input(node)
    _, height, width, channels = builder.shapes[stream]
    builder.emit(
        "FMPadding_Pixel",
        [stream],
        node,
        SIMD=1,
        ImgDim=[height, width],
        Stride=node.attributes["strides"],
        NumChannels=channels,
        inputDataType=builder.datatypes[stream],
    )
    builder.datatypes[node.output] = builder.datatypes[stream]  # zero needs no other type


def _flatten(builder: DataflowBuilder, node: Node) -> None:
    """Flattening moves nothing: features keep the order in which they are streamed."""
    builder.alias[node.output] = builder.input(node)
    shape = builder.graph.tensors[node.inputs[0]].shape
    channels, pixels = shape[1], int(np.prod(shape[2:]))
    if pixels > 1:
        feature = np.arange(channels * pixels)
        builder.order[node.output] = (feature % pixels) * channels + feature // pixels


TRANSLATIONS = {
    "Conv": _product,
    "Gemm": _product,
    "MultiThreshold": _threshold,
    "MaxPool": _max_pool,
    "SumPool": _sum_pool,
    "Add": _binary,
    "Mul": _binary,
    "Concat": _concat,
    "Resize": _upsample,
    "Stretch": _stretch,
    "Flatten": _flatten,
}
