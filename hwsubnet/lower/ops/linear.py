"""Convolutions and fully connected layers: integer matrix products."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hwsubnet.lower.integer_graph import Node
from hwsubnet.lower.operation import Handler, Operation, per_channel
from hwsubnet.lower.ops.elementwise import magnitude
from hwsubnet.lower.stream import (
    UNIT_ROUNDOFF,
    Affine,
    Constant,
    Floats,
    Integers,
    Stream,
    Unsupported,
    Value,
)


@dataclass(frozen=True)
class Weights:
    """Integers and scales of one shape, outputs first."""

    integers: Integers
    scale: Floats
    bipolar: bool


def _weights(operation: Operation) -> Weights:
    value = operation.get(1)
    if not isinstance(value, Constant):
        raise Unsupported("its weights are computed at run time; they must be constant")
    integers, scale = value.integers, value.scale
    if integers is None or scale is None:
        rounded = np.rint(value.array.astype(np.float64))
        if not np.array_equal(rounded, value.array):
            raise Unsupported(
                "its weights are not quantized; put a weight quantizer (Quant) in front"
            )
        integers, scale = rounded.astype(np.int64), np.ones(value.array.shape)
    if operation.op == "MatMul" or (
        operation.op == "Gemm" and not operation.attributes.get("transB", 0)
    ):
        integers, scale = integers.T, scale.T
    return Weights(integers, scale, value.bipolar)


def _scale_per_output(scale: Floats) -> Floats:
    flat = scale.reshape(len(scale), -1)
    if (flat != flat[:, :1]).any():
        raise Unsupported(
            "its weight scales vary within an output channel; per tensor or per output channel "
            "would do"
        )
    return flat[:, 0].copy()


def _scalar_input(operation: Operation) -> tuple[Stream, float, float, Integers]:
    """Return the input, its one scale and one bias, and the sign of each channel."""
    stream, affine = operation.quantized(0)
    scale, bias = np.abs(affine.scale), affine.bias
    if (scale != scale[0]).any() or (bias != bias[0]).any():
        raise Unsupported(
            "its input has another scale or bias in each channel, which a dot product cannot "
            "take out; quantize the input per tensor"
        )
    sign = np.where(affine.scale < 0, -1, 1)
    return stream, float(scale[0]), float(bias[0]), sign


def _product(
    operation: Operation,
    node: Node,
    shape: tuple[int, ...],
    stream: Stream,
    weight_scale: Floats,
    affine: Affine,
) -> Value:
    """Append an integer product and say what its integers mean.

    Parameters
    ----------
    node
        ``node.arrays["weight"]`` has shape (outputs, inputs, ...), with one input per output if
        it is depthwise.
    weight_scale
        Of each output's weights.
    affine
        What a sum of products means, before the model's own bias.
    """
    graph = operation.graph
    weight: Integers = node.arrays["weight"]
    outputs = len(weight)
    tensor = graph.tensors[stream.tensor]
    low, high = tensor.low, tensor.high
    if any(node.attributes.get("pads", ())):
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    flat = weight.reshape(outputs, weight.shape[1], -1)
    positive = np.maximum(flat, 0).sum(2)
    negative = np.minimum(flat, 0).sum(2)
    if node.attributes.get("group", 1) > 1:
        pick: Any = lambda matrix, vector: matrix[:, 0] * vector  # noqa: E731
    else:
        pick = np.matmul
    least = pick(positive, low) + pick(negative, high)
    most = pick(positive, high) + pick(negative, low)
    real = (positive - negative) * weight_scale[:, None]
    terms = flat.shape[1] * flat.shape[2] + 3
    error = pick(real, stream.error)
    error = error + terms * UNIT_ROUNDOFF * pick(real, magnitude(operation, stream))

    offset = np.zeros(outputs, dtype=np.int64)
    if node.weight_type == "XNOR":
        # Equal bits counted: sum of products plus the number of negative weights.
        offset = node.arrays["bias"] = (weight < 0).reshape(outputs, -1).sum(1)
    name = graph.add(node, shape, least + offset, most + offset)
    graph.tensors[name].offset = offset
    lowered = Stream(name, shape, (affine,), node.layer, error, operation.output)
    if operation.get(2) is None:
        return lowered
    beta = float(operation.attributes.get("beta", 1.0))
    constant = operation.constant(2, "bias").reshape(-1, *[1] * (len(shape) - 2))
    entries = beta * per_channel(constant, shape, "bias")
    step = Affine(np.ones(outputs), entries)
    size = magnitude(operation, lowered) + np.abs(entries)
    return lowered.then(step, operation.output, error + UNIT_ROUNDOFF * size)


def _weight_type(operation: Operation, weights: Weights, stream: Stream) -> str | None:
    tensor = operation.graph.tensors[stream.tensor]
    bits = tensor.low.min() >= 0 and tensor.high.max() <= 1
    if not weights.bipolar:
        return None
    return "XNOR" if bits else "BIPOLAR"


def matrix(operation: Operation) -> Value:
    """Lower MatMul and Gemm with constant weights."""
    if operation.attributes.get("transA", 0) or operation.attributes.get("alpha", 1.0) != 1.0:
        raise Unsupported("it has transA or alpha set; plain x W + b would do")
    if isinstance(operation.get(0), Constant):
        raise Unsupported("its first operand is constant; the data must come first")
    stream, scale, bias, sign = _scalar_input(operation)
    if len(stream.shape) != 2:
        raise Unsupported(
            f"its input has {len(stream.shape)} axes; flatten it to (batch, features)"
        )
    weights = _weights(operation)
    if weights.integers.ndim != 2:
        raise Unsupported("its weights are not a matrix")
    integers = weights.integers * sign
    per_output = _scale_per_output(weights.scale)
    node = Node(
        "Gemm",
        [stream.tensor],
        operation.graph.fresh("gemm"),
        operation.layer,
        arrays={"weight": integers},
        weight_type=_weight_type(operation, weights, stream),
    )
    affine = Affine(scale * per_output, bias * per_output * weights.integers.sum(1))
    return _product(operation, node, (1, len(integers)), stream, per_output, affine)


def convolution(operation: Operation) -> Value:
    """Lower a two-dimensional Conv: dense (group 1) or depthwise."""
    weights = _weights(operation)
    stream, affine = operation.quantized(0)
    if len(stream.shape) != 4:
        raise Unsupported("it is not two-dimensional; give a 1-D convolution a height of 1")
    group = int(operation.attributes.get("group", 1))
    outputs, per_group = weights.integers.shape[:2]
    depthwise = group > 1
    if depthwise and not (group == stream.channels == outputs and per_group == 1):
        raise Unsupported(
            f"it has {group} groups for {stream.channels} channels to {outputs}; one group, or "
            "one per channel with as many outputs as inputs, would do"
        )
    window = window_of(operation, stream.shape, weights.integers.shape[2:])
    along = zip(window["kernel_shape"], window["strides"], window["dilations"], strict=True)
    if any(stride > dilation * (kernel - 1) + 1 > 1 for kernel, stride, dilation in along):
        raise Unsupported("its stride is larger than its window, which skips pixels")
    integers, scale, bias = weights.integers, affine.scale, affine.bias
    if not depthwise:
        stream, one, shift, sign = _scalar_input(operation)
        scale, bias = np.full(outputs, one), np.full(outputs, shift)
        integers = integers * sign[:, None, None]
    if any(window["pads"]) and bias.any():
        raise Unsupported(
            "it pads with zeros, and its input has no integer that means zero (bipolar or "
            "shifted values); drop the padding or use a quantizer that holds zero"
        )
    per_output = _scale_per_output(weights.scale)
    node = Node(
        "Conv",
        [stream.tensor],
        operation.graph.fresh("conv"),
        operation.layer,
        attributes={**window, "group": group},
        arrays={"weight": integers.copy()},
        weight_type=_weight_type(operation, weights, stream),
    )
    if depthwise and node.weight_type == "XNOR":
        node.weight_type = "BIPOLAR"
    shape = (1, outputs, *output_size(stream.shape, window))
    sums = weights.integers.reshape(outputs, -1).sum(1)
    affine = Affine(scale * per_output, bias * per_output * sums)
    return _product(operation, node, shape, stream, per_output, affine)


def window_of(
    operation: Operation, shape: tuple[int, ...], kernel: tuple[int, ...]
) -> dict[str, list[int]]:
    """Return kernel_shape, strides, dilations and pads (begins, then ends), all written out."""
    attributes = operation.attributes
    kernel = tuple(attributes.get("kernel_shape", kernel))
    strides = list(attributes.get("strides", [1, 1]))
    dilations = list(attributes.get("dilations", [1, 1]))
    pads = list(attributes.get("pads", [0, 0, 0, 0]))
    auto = attributes.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        totals = [
            max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
            for size, k, s, d in zip(shape[2:], kernel, strides, dilations, strict=True)
        ]
        small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
        pads = small + large if auto == "SAME_UPPER" else large + small
    elif auto == "VALID":
        pads = [0, 0, 0, 0]
    window = {
        "kernel_shape": list(kernel),
        "strides": strides,
        "dilations": dilations,
        "pads": pads,
    }
    if any(len(window[key]) != 2 for key in ("kernel_shape", "strides", "dilations")):
        raise Unsupported("it is not two-dimensional")
    room = _room(shape, window)
    if min(room) < 0:
        raise Unsupported("its window is larger than its input")
    for kernel_size, stride, dilation, left in zip(kernel, strides, dilations, room, strict=True):
        extent = dilation * (kernel_size - 1) + 1
        if extent <= left < stride:
            raise Unsupported(
                f"it looks at {extent} of {extent + left} rows or columns and at no more; FINN's "
                "window generator wants to see more than half of them"
            )
    # A window that never moves may have any stride; FINN's has to be smaller than the map.
    window["strides"] = [min(s, r + 1) for s, r in zip(strides, room, strict=True)]
    return window


def output_size(shape: tuple[int, ...], window: dict[str, list[int]]) -> tuple[int, int]:
    """Return (height, width) behind a sliding window."""
    height, width = (
        left // stride + 1
        for left, stride in zip(_room(shape, window), window["strides"], strict=True)
    )
    return height, width


def _room(shape: tuple[int, ...], window: dict[str, list[int]]) -> list[int]:
    """Return by how many pixels a window can move along height and width."""
    pads = window["pads"]
    return [
        shape[2 + i] + pads[i] + pads[2 + i] - dilation * (kernel - 1) - 1
        for i, (kernel, dilation) in enumerate(
            zip(window["kernel_shape"], window["dilations"], strict=True)
        )
    ]


HANDLERS: dict[str, Handler] = {"Conv": convolution, "MatMul": matrix, "Gemm": matrix}
