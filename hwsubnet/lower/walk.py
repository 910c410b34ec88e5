"""One walk through the model, in topological order, from reals to integers.

Every tensor is understood as integers plus a function (`Stream`), as a constant, or as something
that only the host can compute. No rewriting to a fixed point takes place, so nothing can
oscillate: a node is looked at once (docs/adr/0002-lowering-is-one-walk.md).
"""

import logging
import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from hwsubnet.artifacts import Left
from hwsubnet.errors import ModelError
from hwsubnet.lower.integer_graph import Entry, IntegerGraph
from hwsubnet.lower.operation import Operation
from hwsubnet.lower.ops import HANDLERS
from hwsubnet.lower.read import QONNX_DOMAINS, QUANTIZERS, layer_name
from hwsubnet.lower.reference import to_standard
from hwsubnet.lower.stream import (
    Affine,
    Constant,
    HostValue,
    Stream,
    Unsupported,
    Value,
)

logger = logging.getLogger(__name__)


_HOST_SIDE = {
    **dict.fromkeys(
        ("Softmax", "LogSoftmax"),
        "it keeps the order of the classes; the host computes it from the outputs",
    ),
    **dict.fromkeys(
        ("ArgMax", "TopK"),
        "the accelerator gives every class's value; the host picks the largest",
    ),
}


@dataclass
class Walk:
    """The model's tensors as understood so far, and which nodes stay on the host."""

    values: dict[str, Value]
    graph: IntegerGraph = field(default_factory=IntegerGraph)
    left: dict[str, Left] = field(default_factory=dict)
    converted: dict[str, str] = field(default_factory=dict)
    """Output tensor to node name."""


def walk(model: onnx.ModelProto) -> Walk:
    """Understand every node of a checked model whose nodes have unique names."""
    state = Walk(_initial_values(model))
    _enter_integers(model, state)
    versions = {opset.domain: opset.version for opset in model.opset_import}
    shapes: dict[str, tuple[int, ...]] = {}
    for node in model.graph.node:
        inputs = tuple(state.values.get(name) if name else None for name in node.input)
        try:
            outputs = _convert(node, inputs, versions.get(node.domain, 1), state)
        except Unsupported as reason:
            state.left[node.name] = Left(node=node.name, op=node.op_type, why=str(reason))
            shapes = shapes or _shapes(model)
            quantizer = node.name if node.op_type in QUANTIZERS else None
            outputs = [
                HostValue(name, shapes.get(name, ()), quantizer=quantizer) for name in node.output
            ]
        else:
            if not all(isinstance(value, Constant) for value in outputs):
                state.converted[node.output[0]] = node.name
        state.values.update(zip(node.output, outputs, strict=False))
    return state


def _initial_values(model: onnx.ModelProto) -> dict[str, Value]:
    values: dict[str, Value] = {
        tensor.name: Constant(numpy_helper.to_array(tensor), name=tensor.name)
        for tensor in model.graph.initializer
    }
    inputs = [value for value in model.graph.input if value.name not in values]
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        raise ModelError(
            f"has {len(inputs)} inputs ({names}); the accelerator has one input stream",
            fix="export a network with one input",
        )
    shape = _frame_shape(inputs[0])
    values[inputs[0].name] = HostValue(inputs[0].name, shape)
    return values


def _frame_shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    """Return the input's shape for one frame; the batch may be dynamic, nothing else."""
    dimensions = value.type.tensor_type.shape.dim
    sizes = [dimension.dim_value for dimension in dimensions]
    if len(sizes) < 2 or min(sizes[1:]) < 1:
        shown = [d.dim_param or d.dim_value or "?" for d in dimensions]
        raise ModelError(
            f"input {value.name!r} has shape {shown}; all axes but the batch must be known",
            fix="export it with a fixed image size",
        )
    return (1, *sizes[1:])


def _enter_integers(model: onnx.ModelProto, state: Walk) -> None:
    """Take an input that is annotated with an integer datatype as it is."""
    from qonnx.core.datatype import DataType

    for annotation in model.graph.quantization_annotation:
        value = state.values.get(annotation.tensor_name)
        if not isinstance(value, HostValue):
            continue
        for entry in annotation.quant_parameter_tensor_names:
            if entry.key != "finn_datatype" or entry.value == "FLOAT32":
                continue
            kind = DataType[entry.value]
            if not kind.is_integer():
                continue
            low, high = int(kind.min()), int(kind.max())
            tensor = state.graph.enter(Entry(value.source, 1.0, 0.0, low, high), value.shape)
            zeros = np.zeros(value.shape[1])
            state.values[value.source] = Stream(
                tensor, value.shape, (Affine(zeros + 1, zeros),), "input", zeros, value.source
            )


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Infer the shapes of all tensors, with the batch as 1."""
    inferred = onnx.shape_inference.infer_shapes(to_standard(model))
    known = {}
    for value in inferred.graph.value_info:
        sizes = [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        if len(sizes) > 1 and min(sizes[1:]) > 0:
            known[value.name] = (1, *sizes[1:])
    return known


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return {
        key: value.decode(errors="replace") if isinstance(value, bytes) else value
        for key, value in values.items()
    }


def _convert(
    node: onnx.NodeProto, inputs: tuple[Value | None, ...], version: int, state: Walk
) -> list[Value]:
    data = [value for value in inputs if value is not None]
    if all(isinstance(value, Constant) for value in data) and node.domain not in QONNX_DOMAINS:
        return _fold(node, inputs, version)
    handler = HANDLERS.get(node.op_type)
    if handler is None:
        raise Unsupported(
            _HOST_SIDE.get(node.op_type, f"there is no integer hardware for {node.op_type}")
        )
    _refuse_host_input(node, inputs)
    operation = Operation(
        name=node.name,
        op=node.op_type,
        domain=node.domain,
        version=version,
        inputs=inputs,
        attributes=_attributes(node),
        output=node.output[0],
        layer=_layer(node, inputs),
        graph=state.graph,
    )
    return [handler(operation)]


def _refuse_host_input(node: onnx.NodeProto, inputs: tuple[Value | None, ...]) -> None:
    """Say plainly that a node stays because one in front of it does."""
    mixed = [value for value in inputs if isinstance(value, HostValue)]
    if mixed and any(isinstance(value, Stream) for value in inputs):
        raise Unsupported(f"its input {mixed[0].source!r} is computed on the host")


def _fold(node: onnx.NodeProto, inputs: tuple[Value | None, ...], version: int) -> list[Value]:
    """Evaluate a node of constants; rearranging quantized weights keeps their integers."""
    constants = [value for value in inputs if isinstance(value, Constant)]
    outputs = _evaluate(node, [value.array for value in constants], version)
    first = constants[0] if constants else None
    if (
        node.op_type in ("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity")
        and first is not None
        and first.integers is not None
        and first.scale is not None
    ):
        rest = [value.array for value in constants[1:]]
        (integers,) = _evaluate(node, [first.integers, *rest], version)
        (scale,) = _evaluate(node, [np.ascontiguousarray(first.scale), *rest], version)
        return [replace(first, array=outputs[0], integers=integers, scale=scale)]
    return [Constant(array, name=node.output[0]) for array in outputs]


def _evaluate(node: onnx.NodeProto, arrays: list[Any], version: int) -> list[Any]:
    single = onnx.ModelProto()
    single.ir_version = 10
    single.opset_import.add(domain=node.domain, version=version)
    single.graph.name = "constant"
    single.graph.node.append(node)
    names = [name for name in node.input if name]
    for name, array in zip(names, arrays, strict=True):
        kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        single.graph.input.append(onnx.helper.make_tensor_value_info(name, kind, array.shape))
    for name in node.output:
        single.graph.output.append(onnx.ValueInfoProto(name=name))
    try:
        result: list[Any] = ReferenceEvaluator(single).run(
            None, dict(zip(names, arrays, strict=True))
        )
    except Exception as error:
        raise Unsupported(f"its constants cannot be evaluated ({error})") from error
    return [np.asarray(array) for array in result]


def _layer(node: onnx.NodeProto, inputs: tuple[Value | None, ...]) -> str:
    """Name the network's layer that a node belongs to.

    A ``layer`` in the node's metadata says it. PyTorch's exporter writes the module path there;
    older files carry it in the name of the weights.
    """
    for entry in node.metadata_props:
        if entry.key == "layer":
            return layer_name(entry.value)
        if entry.key == "pkg.torch.onnx.name_scopes":
            scopes = re.findall(r"'([^']*)'", entry.value)
            if len(scopes) > 1 and scopes[-2]:
                return layer_name(scopes[-2])
    if node.op_type in ("Conv", "Gemm", "MatMul"):
        weights = inputs[1] if len(inputs) > 1 else None
        if isinstance(weights, Constant) and "." in weights.name:
            return layer_name(weights.name)
    return layer_name(node.name)
