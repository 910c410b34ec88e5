"""ONNX graphs with integer datatypes, layers and sources written beside the tensors."""

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 20
IR_VERSION = 10


def float_initializer(name: str, array: NDArray[np.generic]) -> TensorProto:
    """Store integers as float32, as QONNX wants it, or as float64 where float32 would round."""
    single = array.astype(np.float32)
    exact = np.array_equal(single.astype(np.float64), array.astype(np.float64))
    return numpy_helper.from_array(single if exact else array.astype(np.float64), name)


def annotate(node: onnx.NodeProto, **values: str | None) -> onnx.NodeProto:
    """Add metadata to a node."""
    for key, value in values.items():
        if value is not None:
            node.metadata_props.add(key=key, value=value)
    return node


def metadata(node: onnx.NodeProto) -> dict[str, str]:
    """Return what `annotate` stored."""
    return {entry.key: entry.value for entry in node.metadata_props}


def tensor_datatype(model: onnx.ModelProto, tensor: str) -> str:
    """Return the QONNX datatype name that `build_model` was given for a tensor."""
    return next(
        str(annotation.quant_parameter_tensor_names[0].value)
        for annotation in model.graph.quantization_annotation
        if annotation.tensor_name == tensor
    )


def build_model(
    name: str,
    nodes: Iterable[onnx.NodeProto],
    initializers: Iterable[TensorProto],
    shapes: Mapping[str, tuple[int, ...]],
    datatypes: Mapping[str, str],
    output: str,
) -> onnx.ModelProto:
    """Assemble a model with one input, named ``input``, and one output.

    Parameters
    ----------
    shapes
        Of every tensor that is not an initializer.
    datatypes
        QONNX datatype names, of any tensor.
    """
    info = {
        tensor: helper.make_tensor_value_info(tensor, TensorProto.FLOAT, shape)
        for tensor, shape in shapes.items()
    }
    graph = helper.make_graph(
        list(nodes),
        name,
        [info.pop("input")],
        [info.pop(output)],
        list(initializers),
        value_info=list(info.values()),
    )
    for tensor, datatype in datatypes.items():
        annotation = graph.quantization_annotation.add(tensor_name=tensor)
        annotation.quant_parameter_tensor_names.add(key="finn_datatype", value=datatype)
    model = helper.make_model(
        graph,
        producer_name="hwsubnet",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    for domain in sorted({node.domain for node in graph.node if node.domain}):
        model.opset_import.append(helper.make_opsetid(domain, 1))
    return model
