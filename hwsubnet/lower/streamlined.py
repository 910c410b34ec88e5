"""The streamlined graph as a file: standard ONNX and QONNX ops on integers, channels first.

It defines the accelerator's outputs. What PyTorch's layout calls (N, C, H, W) stays so here;
only the dataflow graph streams channels last.
"""

import numpy as np
import onnx
from onnx import helper

from hwsubnet.lower.integer_graph import IntegerGraph, Node, datatype
from hwsubnet.lower.onnx_file import annotate, build_model, float_initializer
from hwsubnet.lower.stream import Integers

QONNX = "qonnx.custom_op.general"


def weight_datatype(node: Node) -> str:
    """Return the QONNX datatype of a node's weights."""
    if node.weight_type is not None:
        return "BIPOLAR"
    weight = node.arrays["weight"]
    return datatype(min(int(weight.min()), -1), int(weight.max()))


def threshold_datatype(thresholds: Integers, low: int) -> str:
    """Return the type of thresholds of values that are `low` or more; signed if `low` is negative.

    FINN's RTL saturates values to this type, so that it has to tell the least threshold from the
    value below.
    """
    least = max(int(thresholds.min()) - 1, low)
    kind = datatype(min(least, -1) if low < 0 else least, int(thresholds.max()))
    return "UINT1" if kind == "BINARY" else kind


def write_streamlined(graph: IntegerGraph, output: str, name: str) -> onnx.ModelProto:
    """Write the integer graph with `output` as its output."""
    writer = _Writer(graph)
    for node in graph.nodes:
        writer.write(node)
    used = {"input", *(node.output for node in graph.nodes)}
    tensors = {key: tensor for key, tensor in graph.tensors.items() if key in used}
    types = {
        key: datatype(int(tensor.low.min()), int(tensor.high.max()))
        for key, tensor in tensors.items()
    }
    shapes = {key: tensor.shape for key, tensor in tensors.items()}
    return build_model(
        name, writer.nodes, writer.initializers, shapes, types | writer.datatypes, output
    )


class _Writer:
    def __init__(self, graph: IntegerGraph) -> None:
        self.graph = graph
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.datatypes: dict[str, str] = {}

    def constant(self, name: str, array: Integers, kind: str | None = None) -> str:
        self.initializers.append(float_initializer(name, array))
        if kind is not None:
            self.datatypes[name] = kind
        return name

    def write(self, node: Node) -> None:
        op, inputs, attributes, domain = node.op, list(node.inputs), dict(node.attributes), ""
        out = node.output
        if op in ("Conv", "Gemm"):
            inputs.append(
                self.constant(f"{out}_weight", node.arrays["weight"], weight_datatype(node))
            )
            if "bias" in node.arrays:
                inputs.append(self.constant(f"{out}_bias", node.arrays["bias"]))
            if op == "Gemm":
                attributes["transB"] = 1
        elif op == "MultiThreshold":
            thresholds = node.arrays["thresholds"]
            tensor = self.graph.tensors[inputs[0]]
            kind = threshold_datatype(thresholds, int(tensor.low.min()))
            inputs.append(self.constant(f"{out}_thresholds", thresholds, kind))
            domain = QONNX
            levels = self.graph.tensors[out]
            attributes = {
                "out_bias": float(attributes["out_bias"]),
                "out_scale": 1.0,
                "out_dtype": datatype(int(levels.low.min()), int(levels.high.max())),
                "data_layout": "NCHW" if len(levels.shape) == 4 else "NC",
            }
        elif op == "Mul":
            factor = node.arrays["factor"]
            shape = (1, len(factor), *[1] * (len(self.graph.tensors[out].shape) - 2))
            kind = datatype(min(int(factor.min()), -1), int(factor.max()))
            inputs.append(self.constant(f"{out}_factor", factor.reshape(shape), kind))
        elif op == "SumPool":
            op = "Conv"  # of ones, per channel: ONNX has no pooling by sums
            channels = self.graph.tensors[out].shape[1]
            ones = np.ones((channels, 1, *attributes["kernel_shape"]), dtype=np.int64)
            inputs.append(self.constant(f"{out}_ones", ones, "BINARY"))
            attributes["group"] = channels
        elif op == "Stretch":
            op = "ConvTranspose"  # of a single one, per channel: zeros come between the pixels
            channels = self.graph.tensors[out].shape[1]
            ones = np.ones((channels, 1, 1, 1), dtype=np.int64)
            inputs.append(self.constant(f"{out}_ones", ones, "BINARY"))
            attributes |= {"group": channels, "kernel_shape": [1, 1]}
        elif op == "Concat":
            attributes["axis"] = 1
        elif op == "Resize":
            factors = np.array([1, 1, *attributes.pop("factors")])
            inputs += ["", self.constant(f"{out}_factors", factors)]
            attributes = {
                "mode": "nearest",
                "coordinate_transformation_mode": "asymmetric",
                "nearest_mode": "floor",
            }
        proto = helper.make_node(op, inputs, [out], name=out, domain=domain, **attributes)
        self.nodes.append(annotate(proto, layer=node.layer, source=node.source))
