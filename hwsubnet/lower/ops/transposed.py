"""Transposed convolutions: zeros between the pixels, then a convolution of stride 1.

With stride s, dilation d, kernel k and pads p, the sum over every input pixel's footprint is the
convolution of the map with s - 1 zeros between its pixels, padded by d (k - 1) - p, whose kernel is
turned by half a turn (Dumoulin and Visin, A guide to convolution arithmetic, relationship 14).
"""

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hwsubnet.lower.integer_graph import Node
from hwsubnet.lower.operation import Handler, Operation
from hwsubnet.lower.ops.linear import convolution
from hwsubnet.lower.stream import Constant, Stream, Unsupported, Value

T = TypeVar("T", bound=np.generic)


def transposed(operation: Operation) -> Value:
    """Lower a two-dimensional ConvTranspose: dense (group 1) or depthwise."""
    stream, affine = operation.quantized(0)
    weights = operation.get(1)
    if not isinstance(weights, Constant):
        raise Unsupported("its weights are computed at run time; they must be constant")
    if len(stream.shape) != 4 or weights.array.ndim != 4:
        raise Unsupported("it is not two-dimensional; give a 1-D one a height of 1")
    group = int(operation.attributes.get("group", 1))
    if group > 1 and weights.array.shape[:2] != (group, 1):
        raise Unsupported(
            f"it has {group} groups for {stream.channels} channels; one group, or one per channel "
            "with as many outputs as inputs, would do"
        )
    if affine.bias.any():
        raise Unsupported(
            "it puts zeros between its pixels, and its input has no integer that means zero "
            "(bipolar or shifted values); use a quantizer that holds zero"
        )
    strides = list(operation.attributes.get("strides", [1, 1]))
    attributes = {
        "kernel_shape": list(weights.array.shape[2:]),
        "dilations": list(operation.attributes.get("dilations", [1, 1])),
        "pads": _pads(operation, weights.array.shape[2:]),
        "group": group,
    }
    inputs = (_stretch(operation, stream, strides), _turned(weights, group), *operation.inputs[2:])
    return convolution(replace(operation, op="Conv", inputs=inputs, attributes=attributes))


def _pads(operation: Operation, kernel: tuple[int, ...]) -> list[int]:
    """Return the pads of the equivalent convolution: begins, then ends."""
    attributes = operation.attributes
    if attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or (
        "output_shape" in attributes
    ):
        raise Unsupported("its pads follow from its output's shape; pads written out would do")
    dilations = attributes.get("dilations", [1, 1])
    margins = [dilation * (k - 1) for k, dilation in zip(kernel, dilations, strict=True)]
    given = np.reshape(attributes.get("pads", [0, 0, 0, 0]), (2, 2))
    more = np.array([[0, 0], attributes.get("output_padding", [0, 0])])
    pads = np.array([margins, margins]) - given + more
    if pads.min() < 0:
        raise Unsupported(
            f"its pads {given.reshape(-1).tolist()} cut off more than a kernel's margin "
            f"{margins}; smaller pads would do"
        )
    found: list[int] = pads.reshape(-1).tolist()
    return found


def _turned(weights: Constant, group: int) -> Constant:
    """Return the weights of the equivalent convolution: outputs first, turned by half a turn."""

    def turn(array: NDArray[T]) -> NDArray[T]:
        outputs_first = array.swapaxes(0, 1) if group == 1 else array
        return np.ascontiguousarray(outputs_first[:, :, ::-1, ::-1])

    return replace(
        weights,
        array=turn(weights.array),
        integers=None if weights.integers is None else turn(weights.integers),
        scale=None if weights.scale is None else turn(weights.scale),
    )


def _stretch(operation: Operation, stream: Stream, strides: list[int]) -> Stream:
    """Put zeros between the pixels."""
    if strides == [1, 1]:
        return stream
    graph = operation.graph
    tensor = graph.tensors[stream.tensor]
    name = graph.fresh("stretched")
    node = Node("Stretch", [stream.tensor], name, operation.layer, attributes={"strides": strides})
    sizes = (
        (size - 1) * stride + 1 for size, stride in zip(stream.shape[2:], strides, strict=True)
    )
    shape = (*stream.shape[:2], *sizes)
    graph.add(node, shape, np.minimum(tensor.low, 0), np.maximum(tensor.high, 0))
    graph.tensors[name].sign = tensor.sign
    return replace(stream, tensor=name, shape=shape)


HANDLERS: dict[str, Handler] = {"ConvTranspose": transposed}
