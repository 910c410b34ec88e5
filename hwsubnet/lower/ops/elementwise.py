"""Scales, biases, norms and activation functions: they extend what a stream means.

Additions of two streams are the exception: they are hardware.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hwsubnet.lower.integer_graph import Node
from hwsubnet.lower.operation import Handler, Operation, per_channel
from hwsubnet.lower.stream import (
    UNIT_ROUNDOFF,
    Affine,
    Constant,
    Floats,
    HostValue,
    Monotone,
    Stream,
    Unsupported,
    Value,
)

SAME_SCALE = 2.0**-22
"""Two float32 scales this close, relatively, are one scale computed along two ways."""
MAX_RATIO = 2**16
"""Largest integer ratio of two addends' scales that is multiplied out."""


def magnitude(operation: Operation, stream: Stream) -> Floats:
    """Return the largest ``|f(q)|`` per channel."""
    tensor = operation.graph.tensors[stream.tensor]
    ends = np.stack([tensor.low, tensor.high], axis=1).astype(np.float64)
    largest: Floats = np.abs(stream.evaluate(tensor.q(ends))).max(axis=1)
    return largest


def scale_and_shift(
    operation: Operation, stream: Stream, scale: Floats, bias: Floats, roundings: int
) -> Stream:
    """Append ``scale * x + bias``, which the QONNX model computes with so many roundings."""
    size = np.abs(scale) * magnitude(operation, stream) + np.abs(bias)
    error = np.abs(scale) * stream.error + roundings * UNIT_ROUNDOFF * size
    return stream.then(Affine(scale, bias), operation.output, error)


def _with_constant(
    operation: Operation, value: Stream | HostValue, constant: Constant, index: int
) -> Value:
    """Apply Add, Sub, Mul or Div with a constant as operand `index`."""
    op, array = operation.op, constant.array.astype(np.float64)
    if op == "Div" and index == 0:
        raise Unsupported("it divides a constant by the data, which is not affine")
    if op == "Div" and not array.all():
        raise Unsupported("it divides by zero")
    if isinstance(value, HostValue):
        if array.size != 1:
            raise Unsupported("it scales the float input by channel; one number would do")
        scale, bias = (float(x[0]) for x in _affine(op, index, array.reshape(1)))
        return HostValue(value.source, value.shape, value.scale * scale, value.bias * scale + bias)
    scales, biases = _affine(op, index, per_channel(array, value.shape, "constant operand"))
    return scale_and_shift(operation, value, scales, biases, roundings=1)


def _affine(op: str, index: int, c: Floats) -> tuple[Floats, Floats]:
    """Return scale and bias of an operation with the constant `c` as operand `index`."""
    one, zero = np.ones_like(c), np.zeros_like(c)
    match op, index:
        case "Mul", _:
            return c, zero
        case "Div", 1:
            return one / c, zero
        case "Sub", 1:
            return one, -c
        case "Sub", 0:
            return -one, c
        case _:
            return one, c


def arithmetic(operation: Operation) -> Value:
    """Lower Add, Sub, Mul and Div."""
    left, right = operation.get(0), operation.get(1)
    if isinstance(right, Constant) and isinstance(left, Stream | HostValue):
        return _with_constant(operation, left, right, 1)
    if isinstance(left, Constant) and isinstance(right, Stream | HostValue):
        return _with_constant(operation, right, left, 0)
    if operation.op not in ("Add", "Sub"):
        raise Unsupported("it combines two data tensors; only adding or subtracting them would do")
    return _add(operation)


def _add(operation: Operation) -> Stream:
    """Add two streams: integers add where both mean multiples of one scale."""
    (a, fa), (b, fb) = operation.quantized(0), operation.quantized(1)
    if a.shape != b.shape:
        raise Unsupported(f"it adds shapes {a.shape} and {b.shape}; they must be equal")
    if operation.op == "Sub":
        fb = Affine(-fb.scale, -fb.bias)
    scale = _common_scale(fa.scale, fb.scale)
    graph, layer = operation.graph, a.layer
    names, lows, highs = [], [], []
    for stream, affine in ((a, fa), (b, fb)):
        ratio = np.rint(affine.scale / scale).astype(np.int64)
        names.append(graph.multiply(stream.tensor, ratio, layer))
        lows.append(graph.tensors[names[-1]].low)
        highs.append(graph.tensors[names[-1]].high)
    node = Node("Add", names, graph.fresh("add"), layer)
    tensor = graph.add(node, a.shape, lows[0] + lows[1], highs[0] + highs[1])
    size = magnitude(operation, a) + magnitude(operation, b)
    return Stream(
        tensor,
        a.shape,
        (Affine(scale, fa.bias + fb.bias),),
        layer,
        a.error + b.error + UNIT_ROUNDOFF * size,
        operation.output,
    )


def _common_scale(a: Floats, b: Floats) -> Floats:
    """Return per channel the scale of which both are integer multiples."""
    small = np.where(a == 0, b, np.where(b == 0, a, np.minimum(np.abs(a), np.abs(b))))
    scale = np.where(small == 0, 1.0, np.abs(small))
    for addend in (a, b):
        ratio = np.abs(addend / scale)
        off = np.abs(ratio - np.rint(ratio)) > SAME_SCALE * ratio
        if off.any() or (ratio > MAX_RATIO).any():
            channel = int(np.argmax(off | (ratio > MAX_RATIO)))
            raise Unsupported(
                f"it adds values with the scales {a[channel]:.6g} and {b[channel]:.6g}, neither "
                "an integer multiple of the other; let both addends share one quantizer"
            )
    return scale


def batch_norm(operation: Operation) -> Value:
    """Lower BatchNormalization with its running statistics."""
    stream = operation.stream()
    gamma, beta, mean, variance = (
        per_channel(operation.constant(i, what).reshape(-1, *[1] * (len(stream.shape) - 2)),
                    stream.shape, what)
        for i, what in enumerate(("scale", "bias", "mean", "variance"), start=1)
    )  # fmt: skip
    if operation.attributes.get("training_mode", 0):
        raise Unsupported("it is in training mode; export the network in eval mode")
    scale = gamma / np.sqrt(variance + operation.attributes.get("epsilon", 1e-5))
    lowered = scale_and_shift(operation, stream, scale, beta - mean * scale, roundings=6)
    # The subtraction of the mean rounds at the size of the mean, which may cancel afterwards.
    extra = 6 * UNIT_ROUNDOFF * np.abs(mean * scale)
    return replace(lowered, error=lowered.error + extra)


def _clip(operation: Operation) -> Callable[[Floats], Floats]:
    low = operation.attributes.get("min", -np.inf)
    high = operation.attributes.get("max", np.inf)
    if operation.get(1) is not None:
        low = operation.number(1, "minimum")
    if operation.get(2) is not None:
        high = operation.number(2, "maximum")
    return lambda x: np.clip(x, low, high)


def _leaky(operation: Operation) -> Callable[[Floats], Floats]:
    alpha = float(operation.attributes.get("alpha", 0.01))
    if not 0 <= alpha <= 1:
        raise Unsupported(f"its slope {alpha:g} lies outside [0, 1], so that it is not monotone")
    return lambda x: np.where(x >= 0, x, alpha * x)


def _hard_sigmoid(operation: Operation) -> Callable[[Floats], Floats]:
    alpha = float(operation.attributes.get("alpha", 0.2))
    beta = float(operation.attributes.get("beta", 0.5))
    if not 0 <= alpha <= 1:
        raise Unsupported(f"its slope {alpha:g} lies outside [0, 1]")
    return lambda x: np.clip(alpha * x + beta, 0, 1)


def _always(function: Callable[[Floats], Floats]) -> Callable[[Operation], Callable[..., Floats]]:
    return lambda operation: function


FUNCTIONS: dict[str, Callable[[Operation], Callable[[Floats], Floats]]] = {
    "Relu": _always(lambda x: np.maximum(x, 0)),
    "Clip": _clip,
    "LeakyRelu": _leaky,
    "HardSigmoid": _hard_sigmoid,
    "Sigmoid": _always(lambda x: 1 / (1 + np.exp(-np.clip(x, -500, 500)))),
    "Tanh": _always(np.tanh),
    "Softsign": _always(lambda x: x / (1 + np.abs(x))),
    "Softplus": _always(lambda x: np.logaddexp(0, x)),
}
"""Nondecreasing functions of slope at most 1; a quantizer behind them becomes thresholds."""


def activation(operation: Operation) -> Value:
    """Remember an activation function until its quantizer comes."""
    stream = operation.stream()
    step = Monotone(operation.op, FUNCTIONS[operation.op](operation))
    extended = stream.then(step, operation.output)
    # Library implementations of transcendental functions are good to a few units.
    return replace(
        extended, error=stream.error + 4 * UNIT_ROUNDOFF * magnitude(operation, extended)
    )


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), arithmetic),
    **dict.fromkeys(FUNCTIONS, activation),
    "BatchNormalization": batch_norm,
}
