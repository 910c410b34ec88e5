"""The streamlined graph, run on many frames at once with exact integer arithmetic.

Values are held as floats because only floats have fast matrix products; every result is checked
beforehand to stay within the integers that the float represents, so nothing is ever rounded.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from hwsubnet.errors import ModelError

Array = NDArray[Any]

FLOAT32_EXACT = 2**24
FLOAT64_EXACT = 2**53


class Executor:
    """A streamlined graph, ready to run.

    Parameters
    ----------
    model
        As `hwsubnet.lower.streamlined` writes it: input (N, C, ...), channels at axis 1.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.nodes = list(model.graph.node)
        self.input = model.graph.input[0].name
        self.output = model.graph.output[0].name
        self.constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        self.attributes = [
            {a.name: helper.get_attribute_value(a) for a in node.attribute} for node in self.nodes
        ]
        self._last_use = {name: i for i, node in enumerate(self.nodes) for name in node.input}

    def run(
        self, frames: Array, watch: Callable[[onnx.NodeProto, Array], None] | None = None
    ) -> Array:
        """Compute the output integers of integer `frames`.

        `watch` is called with every node and its output, which it must not keep unless it copies.
        """
        values: dict[str, Array] = {self.input: frames.astype(np.float32)}
        for index, (node, attributes) in enumerate(zip(self.nodes, self.attributes, strict=True)):
            inputs = [values[name] for name in node.input if name in values]
            constants = [self.constants[name] for name in node.input if name in self.constants]
            result = OPERATIONS[node.op_type](inputs, constants, attributes)
            if watch is not None:
                watch(node, result)
            values[node.output[0]] = result
            for name in node.input:
                if self._last_use[name] == index and name != self.output:
                    values.pop(name, None)
        return values[self.output].astype(np.int64)


def _exact(bound: float, *arrays: Array) -> list[Array]:
    """Return `arrays` in a float type that represents all integers up to `bound`."""
    if bound >= FLOAT64_EXACT:
        raise ModelError(f"an accumulator reaches {bound:.3g}, beyond exact arithmetic")
    kind = np.float32 if bound < FLOAT32_EXACT else np.float64
    return [array.astype(kind, copy=False) for array in arrays]


def _largest(array: Array) -> float:
    return float(np.abs(array).max(initial=0))


def pad(x: Array, pads: list[int], value: float = 0) -> Array:
    """Pad height and width; `pads` as in ONNX: begins, then ends."""
    if not any(pads):
        return x
    top, left, bottom, right = pads
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=value)


def windows(x: Array, attributes: Mapping[str, Any]) -> Array:
    """Return a view (N, C, rows, columns, kernel height, kernel width)."""
    dilation = attributes.get("dilations", [1, 1])
    stride = attributes.get("strides", [1, 1])
    extent = [(k - 1) * d + 1 for k, d in zip(attributes["kernel_shape"], dilation, strict=True)]
    view: Array = np.lib.stride_tricks.sliding_window_view(x, extent, axis=(2, 3))
    return view[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def _convolution(
    inputs: list[Array], constants: list[Array], attributes: Mapping[str, Any]
) -> Array:
    weight, group = constants[0], attributes.get("group", 1)
    terms = np.abs(weight).reshape(len(weight), -1).sum(1).max()
    x, weight = _exact(float(terms) * _largest(inputs[0]), inputs[0], weight)
    view = windows(pad(x, attributes.get("pads", [0] * 4)), attributes)
    if group > 1:
        result: Array = np.einsum("nchwij,cij->nchw", view, weight[:, 0], optimize=True)
    else:
        n, _, rows, columns = view.shape[:4]
        patches = view.transpose(0, 2, 3, 1, 4, 5).reshape(n * rows * columns, -1)
        product = patches @ weight.reshape(len(weight), -1).T
        result = product.reshape(n, rows, columns, -1).transpose(0, 3, 1, 2)
    if len(constants) > 1:
        result = result + constants[1].reshape(-1, 1, 1)
    return result


def _matrix(inputs: list[Array], constants: list[Array], attributes: Mapping[str, Any]) -> Array:
    weight = constants[0]
    terms = np.abs(weight).sum(1).max()
    x, weight = _exact(float(terms) * _largest(inputs[0]), inputs[0], weight)
    result: Array = x @ weight.T
    return result + constants[1] if len(constants) > 1 else result


def _thresholds(
    inputs: list[Array], constants: list[Array], attributes: Mapping[str, Any]
) -> Array:
    """Count thresholds reached: out_bias + #{i : x >= T[c, i]}."""
    x, thresholds = inputs[0], constants[0]
    shape = (1, len(thresholds), *[1] * (x.ndim - 2))
    count = np.full(x.shape, attributes["out_bias"], dtype=np.float32)
    if thresholds.shape[1] <= 32:
        for column in thresholds.T:
            count += x >= column.reshape(shape)
        return count
    for channel, row in enumerate(thresholds):
        count[:, channel] += np.searchsorted(row, x[:, channel], side="right")
    return count


def _max_pool(inputs: list[Array], constants: list[Array], attributes: Mapping[str, Any]) -> Array:
    padded = pad(inputs[0], attributes.get("pads", [0] * 4), -np.inf)
    result: Array = windows(padded, attributes).max(axis=(4, 5))
    return result


def _add(inputs: list[Array], constants: list[Array], attributes: Mapping[str, Any]) -> Array:
    left, right = inputs if len(inputs) == 2 else (inputs[0], inputs[0])
    left, right = _exact(_largest(left) + _largest(right), left, right)
    result: Array = left + right
    return result


def _multiply(inputs: list[Array], constants: list[Array], attributes: Mapping[str, Any]) -> Array:
    bound = _largest(inputs[0]) * _largest(constants[0])
    x, factor = _exact(bound, inputs[0], constants[0])
    result: Array = x * factor
    return result


def _concat(inputs: list[Array], constants: list[Array], attributes: Mapping[str, Any]) -> Array:
    return np.concatenate(inputs, axis=attributes["axis"])


def _resize(inputs: list[Array], constants: list[Array], attributes: Mapping[str, Any]) -> Array:
    _, _, rows, columns = (int(factor) for factor in constants[0])
    return inputs[0].repeat(rows, axis=2).repeat(columns, axis=3)


def _stretch(inputs: list[Array], constants: list[Array], attributes: Mapping[str, Any]) -> Array:
    """Put zeros between pixels: a transposed convolution of a single one, as it is written."""
    x, (rows, columns) = inputs[0], attributes["strides"]
    height, width = ((n - 1) * s + 1 for n, s in zip(x.shape[2:], (rows, columns), strict=True))
    result = np.zeros((*x.shape[:2], height, width), x.dtype)
    result[:, :, ::rows, ::columns] = x
    return result


def _flatten(inputs: list[Array], constants: list[Array], attributes: Mapping[str, Any]) -> Array:
    return inputs[0].reshape(len(inputs[0]), -1)


OPERATIONS: dict[str, Callable[[list[Array], list[Array], Mapping[str, Any]], Array]] = {
    "Conv": _convolution,
    "Gemm": _matrix,
    "MultiThreshold": _thresholds,
    "MaxPool": _max_pool,
    "Add": _add,
    "Mul": _multiply,
    "Concat": _concat,
    "Resize": _resize,
    "ConvTranspose": _stretch,
    "Flatten": _flatten,
}
"""All that a streamlined graph holds."""
