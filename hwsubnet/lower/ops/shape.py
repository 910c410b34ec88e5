"""Flattening, concatenation, nearest upsampling, and what changes nothing."""

from dataclasses import replace

import numpy as np

from hwsubnet.lower.integer_graph import Node
from hwsubnet.lower.operation import Handler, Operation
from hwsubnet.lower.stream import Affine, Constant, HostValue, Stream, Unsupported, Value


def identity(operation: Operation) -> Value:
    """Pass on what an op that does nothing at inference gets."""
    value = operation.get(0)
    if value is None:
        raise Unsupported("it has no input")
    return replace(value, source=operation.output) if isinstance(value, Stream) else value


def flatten(operation: Operation) -> Value:
    """Lower Flatten, Reshape, Squeeze and Unsqueeze where one frame becomes (1, features)."""
    value = operation.get(0)
    if isinstance(value, HostValue) and value.shape:
        return replace(value, shape=_target(operation, value.shape))
    stream = operation.stream()
    target = _target(operation, stream.shape)
    graph = operation.graph
    if target == stream.shape:
        return replace(stream, source=operation.output)
    pixels = int(np.prod(stream.shape[2:]))
    if target != (1, stream.channels * pixels):
        raise Unsupported(
            f"it turns {stream.shape} into {target}; flattening to (batch, features) would do"
        )
    tensor = graph.tensors[stream.tensor]
    node = Node("Flatten", [stream.tensor], graph.fresh("flatten"), stream.layer)
    output = graph.add(node, target, np.repeat(tensor.low, pixels), np.repeat(tensor.high, pixels))
    graph.tensors[output].sign = np.repeat(tensor.sign, pixels)
    graph.tensors[output].offset = np.repeat(tensor.offset, pixels)
    steps, error = stream.repeated(pixels)
    return Stream(output, target, steps, stream.layer, error, operation.output)


def _target(operation: Operation, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of one frame behind the op, with the batch as 1."""
    if operation.op == "Flatten":
        axis = int(operation.attributes.get("axis", 1)) % (len(shape) + 1)
        return (int(np.prod(shape[:axis])), int(np.prod(shape[axis:])))
    if operation.op == "Reshape":
        wanted = [int(size) for size in operation.constant(1, "shape").reshape(-1)]
        sizes = [shape[i] if size == 0 and i < len(shape) else size
                 for i, size in enumerate(wanted)]  # fmt: skip
        total = int(np.prod(shape))
        if sizes.count(-1) == 1:
            rest = int(np.prod([size for size in sizes if size != -1]))
            if rest and total % rest == 0:
                sizes[sizes.index(-1)] = total // rest
        if int(np.prod(sizes)) != total or min(sizes, default=0) < 1:
            raise Unsupported(f"it turns {shape} into {tuple(wanted)}, which mixes frames")
        return tuple(sizes)
    axes = operation.attributes.get("axes")
    if axes is None and operation.get(1) is not None:
        axes = operation.constant(1, "axes").reshape(-1).tolist()
    if operation.op == "Squeeze":
        if axes is None:
            axes = [axis for axis, size in enumerate(shape) if size == 1 and axis > 0]
        drop = {axis % len(shape) for axis in axes}
        return tuple(size for axis, size in enumerate(shape) if axis not in drop)
    return tuple(np.expand_dims(np.empty(shape), tuple(axes or ())).shape)


def concat(operation: Operation) -> Value:
    """Lower Concat along the channels."""
    pairs = [operation.quantized(index) for index in range(len(operation.inputs))]
    streams = [stream for stream, _ in pairs]
    first = streams[0]
    if operation.attributes.get("axis", 1) % len(first.shape) != 1:
        raise Unsupported("it joins another axis than the channels")
    if any(stream.shape[2:] != first.shape[2:] for stream in streams):
        raise Unsupported("it joins maps of different sizes")
    graph = operation.graph
    names = [stream.tensor for stream in streams]
    tensors = [graph.tensors[name] for name in names]
    node = Node("Concat", names, graph.fresh("concat"), first.layer)
    shape = (1, sum(stream.channels for stream in streams), *first.shape[2:])
    output = graph.add(
        node,
        shape,
        np.concatenate([tensor.low for tensor in tensors]),
        np.concatenate([tensor.high for tensor in tensors]),
    )
    affine = Affine(
        np.concatenate([affine.scale for _, affine in pairs]),
        np.concatenate([affine.bias for _, affine in pairs]),
    )
    error = np.concatenate([stream.error for stream in streams])
    return Stream(output, shape, (affine,), first.layer, error, operation.output)


def shape_of(operation: Operation) -> Value:
    """Answer Shape: everything but the batch is fixed, and one frame at a time is lowered."""
    value = operation.get(0)
    if value is None or isinstance(value, Constant) or not value.shape:
        raise Unsupported("it asks for an unknown shape")
    return Constant(np.array(value.shape, dtype=np.int64))


def upsample(operation: Operation) -> Value:
    """Lower Resize and Upsample: nearest neighbour, whole factors."""
    stream = operation.stream()
    if operation.attributes.get("mode", "nearest") != "nearest" or len(stream.shape) != 4:
        raise Unsupported("it interpolates; nearest-neighbour upsampling of images would do")
    factors = _factors(operation, stream.shape)
    whole = [round(factor) for factor in factors]
    if any(abs(f - w) > 1e-6 for f, w in zip(factors, whole, strict=True)) or whole[:2] != [1, 1]:
        raise Unsupported("it scales height and width by something else than whole numbers")
    mode = operation.attributes.get("coordinate_transformation_mode", "half_pixel")
    rounding = operation.attributes.get("nearest_mode", "round_prefer_floor")
    plain = mode == "asymmetric" and rounding == "floor"
    centred = mode in ("half_pixel", "pytorch_half_pixel") and rounding.startswith("round_prefer")
    if operation.op == "Resize" and not (plain or centred):
        raise Unsupported(
            f"its coordinates are {mode} with {rounding}, which does not repeat every pixel "
            "equally; asymmetric with floor would do"
        )
    graph = operation.graph
    tensor = graph.tensors[stream.tensor]
    node = Node(
        "Resize",
        [stream.tensor],
        graph.fresh("upsample"),
        stream.layer,
        attributes={"factors": whole[2:]},
    )
    shape = (*stream.shape[:2], stream.shape[2] * whole[2], stream.shape[3] * whole[3])
    output = graph.add(node, shape, tensor.low, tensor.high)
    graph.tensors[output].sign, graph.tensors[output].offset = tensor.sign, tensor.offset
    return replace(stream, tensor=output, shape=shape, source=operation.output)


def _factors(operation: Operation, shape: tuple[int, ...]) -> list[float]:
    """Return the scale of each axis, from the scales or from the sizes."""
    index = 1 if operation.op == "Upsample" else 2
    scales = operation.get(index)
    if isinstance(scales, Constant) and scales.array.size == len(shape):
        return [float(scale) for scale in scales.array.reshape(-1)]
    sizes = operation.get(3)
    if isinstance(sizes, Constant) and sizes.array.size == len(shape):
        return [float(new) / old for new, old in zip(sizes.array.reshape(-1), shape, strict=True)]
    raise Unsupported("its scales are computed at run time; they must be constant")


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("Identity", "Dropout", "Cast"), identity),
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), flatten),
    "Concat": concat,
    "Shape": shape_of,
    **dict.fromkeys(("Resize", "Upsample"), upsample),
}
