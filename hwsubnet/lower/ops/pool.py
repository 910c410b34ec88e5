"""Pooling: the maximum of integers, or their sum with 1/k^2 left to the next thresholds."""

from dataclasses import replace

import numpy as np

from hwsubnet.lower.integer_graph import Node
from hwsubnet.lower.operation import Handler, Operation
from hwsubnet.lower.ops.elementwise import magnitude
from hwsubnet.lower.ops.linear import output_size, window_of
from hwsubnet.lower.stream import UNIT_ROUNDOFF, Affine, Stream, Unsupported, Value


def maximum(operation: Operation) -> Value:
    """Lower MaxPool; it commutes with every rising function, so that it may come before f."""
    stream = operation.stream()
    window = _window(operation, stream)
    if _is_pixel(window):
        return replace(stream, source=operation.output)
    graph = operation.graph
    tensor = graph.tensors[stream.tensor]
    name = stream.tensor
    falling = stream.direction() * tensor.sign < 0
    if falling.any():
        name = graph.negate(name, falling, stream.layer)
    tensor = graph.tensors[name]
    if any(window["pads"]) and tensor.low.min() < 0:
        raise Unsupported(
            "it pads integers that may be negative, and hardware pads with 0; put it behind a "
            "ReLU or drop the padding"
        )
    node = Node("MaxPool", [name], graph.fresh("maxpool"), stream.layer, attributes=dict(window))
    shape = (*stream.shape[:2], *output_size(stream.shape, window))
    output = graph.add(node, shape, tensor.low, tensor.high)
    graph.tensors[output].sign, graph.tensors[output].offset = tensor.sign, tensor.offset
    return replace(stream, tensor=output, shape=shape, source=operation.output)


def average(operation: Operation) -> Value:
    """Lower AveragePool as a sum; the division becomes part of the scale."""
    stream, affine = operation.quantized()
    window = _window(operation, stream)
    if any(window["pads"]):
        raise Unsupported("it pads before averaging; average without padding would do")
    return _sum(operation, stream, affine, window)


def global_average(operation: Operation) -> Value:
    """Lower GlobalAveragePool, and ReduceMean over height and width."""
    stream, affine = operation.quantized()
    if len(stream.shape) != 4:
        raise Unsupported("it does not average over height and width")
    flat = False
    if operation.op == "ReduceMean":
        axes = operation.attributes.get("axes")
        if axes is None and operation.get(1) is not None:
            axes = operation.constant(1, "axes").reshape(-1).tolist()
        if axes is None or {axis % 4 for axis in axes} != {2, 3}:
            raise Unsupported("it averages over other axes than height and width")
        flat = not operation.attributes.get("keepdims", 1)
    window = {
        "kernel_shape": list(stream.shape[2:]),
        "strides": list(stream.shape[2:]),
        "dilations": [1, 1],
        "pads": [0, 0, 0, 0],
    }
    pooled = _sum(operation, stream, affine, window)
    if not flat:
        return pooled
    graph = operation.graph
    tensor = graph.tensors[pooled.tensor]
    node = Node("Flatten", [pooled.tensor], graph.fresh("flatten"), stream.layer)
    output = graph.add(node, stream.shape[:2], tensor.low, tensor.high)
    return replace(pooled, tensor=output, shape=stream.shape[:2])


def _sum(
    operation: Operation, stream: Stream, affine: Affine, window: dict[str, list[int]]
) -> Stream:
    if _is_pixel(window):
        return replace(stream, source=operation.output)
    graph, name = operation.graph, stream.tensor
    tensor = graph.tensors[name]
    count = int(np.prod(window["kernel_shape"]))
    node = Node("SumPool", [name], graph.fresh("sumpool"), stream.layer, attributes=dict(window))
    shape = (*stream.shape[:2], *output_size(stream.shape, window))
    output = graph.add(node, shape, tensor.low * count, tensor.high * count)
    return Stream(
        output,
        shape,
        (Affine(affine.scale / count, affine.bias),),
        stream.layer,
        stream.error + (count + 1) * UNIT_ROUNDOFF * magnitude(operation, stream),
        operation.output,
    )


def _is_pixel(window: dict[str, list[int]]) -> bool:
    """Say whether a pool sees one pixel at a time, so that it changes nothing."""
    return window["kernel_shape"] == [1, 1] and not any(window["pads"])


def _window(operation: Operation, stream: Stream) -> dict[str, list[int]]:
    if len(stream.shape) != 4:
        raise Unsupported("it is not two-dimensional")
    if operation.attributes.get("ceil_mode", 0):
        raise Unsupported("it rounds its output size up (ceil_mode); rounding down would do")
    window = window_of(operation, stream.shape, ())
    if window["dilations"] != [1, 1]:
        raise Unsupported("its window is dilated")
    if any(k < s for k, s in zip(window["kernel_shape"], window["strides"], strict=True)):
        raise Unsupported("its stride is larger than its window, which skips pixels")
    return window


HANDLERS: dict[str, Handler] = {
    "MaxPool": maximum,
    "AveragePool": average,
    "GlobalAveragePool": global_average,
    "ReduceMean": global_average,
}
