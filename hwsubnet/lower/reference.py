"""The QONNX model as it stands, run on many frames at once in float32 by ONNX Runtime.

QONNX's own interpreter creates a session for every node and takes the batch from the file.
Here each quantizer is spelled out in standard ops, in QONNX's order of operations, and the batch
is left open, so that one session runs the whole network.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from hwsubnet.errors import ModelError
from hwsubnet.lower.read import QONNX_DOMAINS
from hwsubnet.lower.thresholds import integer_limits


class Reference:
    """A QONNX model, ready to run.

    Parameters
    ----------
    model
        Checked, as `hwsubnet.lower.read` gives it; it is copied.
    watched
        Tensors to give besides the outputs.
    """

    def __init__(self, model: onnx.ModelProto, watched: Iterable[str]) -> None:
        import onnxruntime

        standard = to_standard(model)
        constants = {tensor.name for tensor in standard.graph.initializer}
        self.names = list(dict.fromkeys(watched))
        (self.input,) = (v.name for v in standard.graph.input if v.name not in constants)
        del standard.graph.output[:]
        standard.graph.output.extend(onnx.ValueInfoProto(name=name) for name in self.names)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Fused operations round differently, and what is compared is the model as written.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self._session: Any = onnxruntime.InferenceSession(
            standard.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def run(self, frames: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return the watched tensors for `frames` of shape (N, ...)."""
        fed = [name for name in self.names if name == self.input]
        asked = [name for name in self.names if name != self.input]
        results = self._session.run(asked, {self.input: frames})
        return {**dict.fromkeys(fed, frames), **dict(zip(asked, results, strict=True))}


def to_standard(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy in standard ops with an open batch."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    nodes = [part for node in graph.node for part in _expand(node, graph)]
    del graph.node[:], graph.value_info[:], graph.quantization_annotation[:]
    graph.node.extend(nodes)
    _open_batch(graph)
    kept = [opset for opset in copy.opset_import if opset.domain not in QONNX_DOMAINS]
    del copy.opset_import[:]
    copy.opset_import.extend(kept)
    return copy


def _expand(node: onnx.NodeProto, graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Spell out a QONNX node in standard ops; others stay as they are."""
    if node.domain not in QONNX_DOMAINS:
        return [node]
    builder = _Expansion(node, graph)
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    match node.op_type:
        case "Quant" | "IntQuant":
            builder.quant(attributes)
        case "BipolarQuant":
            builder.bipolar()
        case "Trunc":
            builder.trunc(attributes)
        case _:
            return [node]
    return builder.nodes


_ROUNDING = {"ROUND": "Round", "HALF_EVEN": "Round", "FLOOR": "Floor", "CEIL": "Ceil"}


class _Expansion:
    """Appends standard nodes, each reading the one before it."""

    def __init__(self, node: onnx.NodeProto, graph: onnx.GraphProto) -> None:
        self.node, self.graph = node, graph
        self.nodes: list[onnx.NodeProto] = []
        self.value = node.input[0]

    def then(self, op: str, *others: str) -> None:
        """Append `op` with the value so far as its first operand."""
        output = f"{self.node.output[0]}/{len(self.nodes)}{op}"
        self.nodes.append(helper.make_node(op, [self.value, *others], [output], name=output))
        self.value = output

    def finish(self, op: str, *others: str) -> None:
        """Append the last op."""
        self.then(op, *others)
        self.nodes[-1].output[0] = self.node.output[0]

    def constant(self, number: float) -> str:
        """Store a number."""
        name = f"{self.node.output[0]}/c{len(self.graph.initializer)}"
        array = np.array(number, dtype=np.float32)
        self.graph.initializer.append(numpy_helper.from_array(array, name))
        return name

    def number(self, index: int) -> float:
        """Return a constant input, which has one entry."""
        name = self.node.input[index]
        for tensor in self.graph.initializer:
            if tensor.name == name:
                return float(numpy_helper.to_array(tensor).reshape(-1)[0])
        for node in self.graph.node:
            if name in node.output and node.op_type == "Constant":
                array = numpy_helper.to_array(node.attribute[0].t)
                return float(array.reshape(-1)[0])
        raise ModelError(f"input {index} is not constant", where=self.node.name)

    def clip(self, bits: float, attributes: dict[str, Any]) -> None:
        """Append the limits of an integer type."""
        low, high = integer_limits(
            int(np.ceil(bits)), bool(attributes.get("signed", 1)), bool(attributes.get("narrow", 0))
        )
        self.then("Clip", self.constant(low), self.constant(high))

    def round(self, attributes: dict[str, Any], default: str) -> None:
        """Append the rounding mode."""
        mode = attributes.get("rounding_mode", default.encode()).decode().upper()
        if mode not in _ROUNDING:
            raise ModelError(f"rounding mode {mode} cannot be verified", where=self.node.name)
        self.then(_ROUNDING[mode])

    def quant(self, attributes: dict[str, Any]) -> None:
        """Append Quant."""
        _, scale, zero_point, _ = self.node.input
        self.then("Div", scale)
        self.then("Add", zero_point)
        self.clip(self.number(3), attributes)
        self.round(attributes, "ROUND")
        self.then("Sub", zero_point)
        self.finish("Mul", scale)

    def bipolar(self) -> None:
        """Append BipolarQuant."""
        self.then("GreaterOrEqual", self.constant(0.0))
        self.nodes.append(
            helper.make_node(
                "Where",
                [self.value, self.constant(1.0), self.constant(-1.0)],
                [f"{self.value}/sign"],
            )
        )
        self.value = f"{self.value}/sign"
        self.finish("Mul", self.node.input[1])

    def trunc(self, attributes: dict[str, Any]) -> None:
        """Append Trunc, of version 1 (five inputs) or 2 (six)."""
        scale, zero_point = self.node.input[1:3]
        self.then("Div", scale)
        self.then("Add", zero_point)
        self.then("Round")
        if len(self.node.input) == 5:
            divide, out_scale = 2.0 ** (self.number(3) - self.number(4)), scale
            self.then("Div", self.constant(divide))
        else:
            divide = 2.0 ** np.rint(np.log2(self.number(4) / self.number(1)))
            out_scale = self.node.input[4]
            self.then("Div", self.constant(divide))
            self.clip(self.number(5), attributes)
        self.round(attributes, "FLOOR")
        self.finish("Mul", out_scale)


def _open_batch(graph: onnx.GraphProto) -> None:
    """Let the first axis of everything that depends on the input have any length."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    dynamic = set()
    for value in graph.input:
        if value.name not in constants:
            dynamic.add(value.name)
            value.type.tensor_type.shape.dim[0].Clear()
            value.type.tensor_type.shape.dim[0].dim_param = "frames"
    for node in graph.node:
        if not dynamic.intersection(node.input):
            continue
        dynamic.update(node.output)
        if node.op_type != "Reshape" or node.input[1] not in constants:
            continue
        shape = numpy_helper.to_array(constants[node.input[1]]).copy()
        if shape.size and shape[0] == 1:
            shape[0] = 0  # the input's own length
            name = f"{node.output[0]}/shape"
            graph.initializer.append(numpy_helper.from_array(shape, name))
            node.input[1] = name
