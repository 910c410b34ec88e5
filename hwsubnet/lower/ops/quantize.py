"""Quant, BipolarQuant and Trunc: constants become integers, activations become thresholds."""

from dataclasses import replace

import numpy as np

from hwsubnet.lower.integer_graph import Entry, Node
from hwsubnet.lower.operation import Handler, Operation, per_channel
from hwsubnet.lower.stream import (
    UNIT_ROUNDOFF,
    Affine,
    Constant,
    Floats,
    HostValue,
    Stream,
    Unsupported,
    Value,
)
from hwsubnet.lower.thresholds import Quantizer, find_thresholds, integer_limits

_STEP = Entry("", 2.0**-30, 0.75, 0, 1)
"""1 from zero on: in float64, round(x * 2^30 + 3/4) is at least 1 for no negative float32."""

MAX_BITS = 8
"""Of an activation's quantizer: 2^bits - 1 thresholds per channel."""


def quant(operation: Operation) -> Value:
    """Lower Quant (IntQuant) on weights, on activations, and where data enters."""
    bits = operation.number(3, "bit width")
    signed = bool(operation.attributes.get("signed", 1))
    narrow = bool(operation.attributes.get("narrow", 0))
    value = operation.get(0)
    if isinstance(value, Constant):
        return _constant(operation, value, bits, signed, narrow)
    if bits != int(bits) or not 1 <= bits <= MAX_BITS:
        raise Unsupported(f"it quantizes activations to {bits:g} bits; 1 to {MAX_BITS} would do")
    minimum, maximum = integer_limits(int(bits), signed, narrow)
    if minimum == maximum:
        raise Unsupported(f"{int(bits)} bit with a narrow range has one level only")
    zero_point = operation.number(2, "zero point")
    if zero_point != int(zero_point):
        raise Unsupported(f"its zero point {zero_point:g} is no integer")
    scale = operation.constant(1, "scale")
    rounding = str(operation.attributes.get("rounding_mode", "ROUND")).upper()
    shape = _shape(operation)
    entries = per_channel(scale, shape, "scale")
    if not (entries > 0).all():
        raise Unsupported("its scale is not positive")
    quantizer = Quantizer(entries, int(zero_point), minimum, maximum, rounding)
    if isinstance(value, HostValue):
        if (entries != entries[0]).any():
            raise Unsupported("it quantizes the input per channel; per tensor would do")
        if quantizer.rounding not in ("ROUND", "HALF_EVEN"):
            raise Unsupported(f"the host rounds to nearest even, not {quantizer.rounding}")
        entry = Entry("", float(entries[0]), 0.0, quantizer.lowest, quantizer.highest)
        return _enter(operation, value, entry, shape)
    return _threshold(operation, operation.stream(), quantizer)


def bipolar(operation: Operation) -> Value:
    """Lower BipolarQuant: -scale below zero, +scale from zero on.

    The hardware's bit b means ``scale * (2 b - 1)``.
    """
    value, scale = operation.get(0), operation.constant(1, "scale").astype(np.float64)
    if isinstance(value, Constant):
        integers = np.where(value.array.astype(np.float64) >= 0, 1, -1)
        scales = np.broadcast_to(scale, integers.shape)
        return Constant(
            (integers * scales).astype(np.float32), integers, scales, bipolar=True, name=value.name
        )
    shape = _shape(operation)
    entries = per_channel(scale, shape, "scale")
    if isinstance(value, HostValue):
        bits = _enter(operation, value, _STEP, shape)
    else:
        # floor(x) clipped to [-1, 0], plus one: 1 from zero on.
        quantizer = Quantizer(np.ones(shape[1]), 1, 0, 1, "FLOOR", shift=1)
        bits = _threshold(operation, operation.stream(), quantizer)
    steps = (Affine(2 * entries, -entries),)
    return replace(bits, steps=steps, error=UNIT_ROUNDOFF * np.abs(entries))


def trunc(operation: Operation) -> Value:
    """Lower Trunc, the quantizer of an average pool: divide by a power of two and round down."""
    stream = operation.stream()
    scale = operation.number(1, "scale")
    zero_point = operation.number(2, "zero point")
    if zero_point != 0:
        raise Unsupported("it truncates values with a zero point; a zero point of 0 would do")
    rounding = str(operation.attributes.get("rounding_mode", "FLOOR")).upper()
    if operation.version >= 2:
        out_scale, bits = operation.number(4, "output scale"), operation.number(5, "bit width")
        divide = 2.0 ** np.rint(np.log2(out_scale / scale))
        signed = bool(operation.attributes.get("signed", 1))
        minimum, maximum = integer_limits(
            int(bits), signed, bool(operation.attributes.get("narrow", 0))
        )
    else:
        bits = operation.number(4, "bit width")
        divide, out_scale = 2.0 ** (operation.number(3, "input bit width") - bits), scale
        tensor = operation.graph.tensors[stream.tensor]
        ends = np.stack([tensor.low, tensor.high], axis=1).astype(np.float64)
        ends = stream.evaluate(tensor.q(ends)) / scale / divide
        minimum, maximum = int(np.floor(ends.min())), int(np.ceil(ends.max()))
    if maximum - minimum >= 2**MAX_BITS:
        raise Unsupported(f"it keeps more than {MAX_BITS} bits")
    scales = np.full(stream.channels, scale)
    quantizer = Quantizer(scales, 0, minimum, maximum, rounding, divide)
    lowered = _threshold(operation, stream, quantizer)
    return _quantized(
        lowered.tensor, operation, np.full(stream.channels, out_scale), stream.shape, stream.layer
    )


def _constant(
    operation: Operation, value: Constant, bits: float, signed: bool, narrow: bool
) -> Constant:
    """Quantize weights or a bias, in float32 and in the order in which QONNX does."""
    minimum, maximum = integer_limits(int(np.ceil(bits)), signed, narrow)
    scale = operation.constant(1, "scale").astype(np.float32)
    zero_point = operation.constant(2, "zero point").astype(np.float32)
    array = value.array.astype(np.float32)
    rounding = str(operation.attributes.get("rounding_mode", "ROUND")).upper()
    if rounding not in ("ROUND", "HALF_EVEN"):
        raise Unsupported(f"it rounds constants with {rounding}; ROUND would do")
    if not (scale > 0).all():
        raise Unsupported("its scale is not positive")
    rounded = np.clip(np.rint(array / scale + zero_point), minimum, maximum)
    centred = rounded - zero_point
    integers = np.rint(centred).astype(np.int64)
    if not np.array_equal(integers, centred):
        raise Unsupported("its zero point is no integer")
    scales = np.broadcast_to(scale, array.shape).astype(np.float64)
    return Constant(centred * scale, integers, scales, name=value.name)


def _shape(operation: Operation) -> tuple[int, ...]:
    value = operation.get(0)
    if not isinstance(value, HostValue):
        return operation.stream().shape
    if not value.shape:
        raise Unsupported("its input is computed on the host, and its shape is not known")
    return value.shape


def _enter(operation: Operation, value: HostValue, entry: Entry, shape: tuple[int, ...]) -> Stream:
    """Let the host quantize: data enters the accelerator here.

    `entry` is in terms of what the quantizer gets, ``value.scale * x + value.bias``.
    """
    graph = operation.graph
    if value.scale == 0:
        raise Unsupported("its input is constant")
    # round((a x + b) / s + z) = round(x / (s / a) + (b / s + z)); an integer z has been taken out.
    entry = replace(
        entry,
        source=value.source,
        scale=entry.scale / value.scale,
        zero_point=value.bias / entry.scale + entry.zero_point,
    )
    if graph.entry is None:
        graph.enter(entry, shape)
    elif graph.entry != entry or graph.tensors["input"].shape != shape:
        raise Unsupported(
            f"its input {value.source!r} is computed on the host, and data enters the accelerator "
            "at another place already; one input stream would do"
        )
    scale = np.full(shape[1], entry.scale * value.scale)
    return _quantized("input", operation, scale, shape, "input")


def _quantized(
    tensor: str, operation: Operation, scale: Floats, shape: tuple[int, ...], layer: str
) -> Stream:
    """Return a stream that means ``scale * integer``, as a dequantizer rounds it."""
    held = operation.graph.tensors[tensor]
    largest = np.maximum(np.abs(held.low), np.abs(held.high))
    return Stream(
        tensor,
        shape,
        (Affine(scale, np.zeros(shape[1])),),
        layer,
        UNIT_ROUNDOFF * scale * largest,
        operation.output,
    )


def _is_identity(operation: Operation, stream: Stream, quantizer: Quantizer) -> bool:
    """Say whether the stream already holds exactly what the quantizer would give."""
    affine, tensor = stream.affine(), operation.graph.tensors[stream.tensor]
    if affine is None or affine.bias.any() or tensor.offset.any() or (tensor.sign < 0).any():
        return False
    within = tensor.low.min() >= quantizer.lowest and tensor.high.max() <= quantizer.highest
    same = np.array_equal(affine.scale, quantizer.scale) and quantizer.divide == 1.0
    return bool(within and same)


def _threshold(operation: Operation, stream: Stream, quantizer: Quantizer) -> Stream:
    """Append thresholds that compute the level of everything the stream has collected."""
    graph = operation.graph
    if not quantizer.shift and _is_identity(operation, stream, quantizer):
        return stream.then(Affine(np.ones(stream.channels), np.zeros(stream.channels)),
                           operation.output)  # fmt: skip
    name = stream.tensor
    falling = stream.direction() * graph.tensors[name].sign < 0
    if falling.any():
        name = graph.negate(name, falling, stream.layer)
    tensor = graph.tensors[name]

    def function(integers: Floats) -> Floats:
        return stream.evaluate(tensor.q(integers))

    ends = np.stack([tensor.low, tensor.high], axis=1).astype(np.float64)
    levels = quantizer.level(function(ends))
    # Levels that no input can reach need no threshold; one always stays, as hardware wants it.
    least, most = int(levels.min()), int(levels.max())
    if least == most:
        least, most = (least, most + 1) if most < quantizer.highest else (least - 1, most)
        levels[:] = least, most
    used = slice(least - quantizer.lowest, most - quantizer.lowest)
    thresholds = find_thresholds(function, quantizer, tensor.low, tensor.high)[:, used]
    # A threshold is a rounding boundary; float32 may have put a value on its other side by:
    boundary = float((stream.error / quantizer.scale).max()) + 4 * UNIT_ROUNDOFF * (
        max(abs(quantizer.lowest), abs(quantizer.highest)) + 1
    )
    node = Node(
        "MultiThreshold",
        [name],
        graph.fresh("threshold"),
        stream.layer,
        attributes={"out_bias": least},
        arrays={"thresholds": thresholds},
        source=operation.output,
        quantizer=quantizer,
        boundary=boundary,
    )
    output = graph.add(node, stream.shape, levels[:, 0], levels[:, 1])
    return _quantized(output, operation, quantizer.scale, stream.shape, stream.layer)


HANDLERS: dict[str, Handler] = {
    "Quant": quant,
    "IntQuant": quant,
    "BipolarQuant": bipolar,
    "Trunc": trunc,
}
