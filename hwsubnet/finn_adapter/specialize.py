"""Choosing RTL or HLS for each hardware node, and finishing its attributes.

FINN's ``SpecializeLayers`` takes its HLS matrix unit for weights or activations below four bits
unless told otherwise, renames every node while at it, and asks for Versal before it takes an RTL
adder. Here RTL is taken wherever a legal RTL implementation is registered.
"""

from collections import Counter
from typing import Any

import onnx

from hwsubnet.finn_adapter.session import initialize

DOMAIN = "finn.custom_op.fpgadataflow"


def specialize(model: onnx.ModelProto, part: str) -> onnx.ModelProto:
    """Give every hardware node of `model` its implementation and a unique name.

    Parameters
    ----------
    model
        Nodes of `DOMAIN` without suffix, as FINN's conversion would leave them. Changed in place.
    part
        Vivado's part name; decides which matrix units are possible.
    """
    initialize()
    from qonnx.core.modelwrapper import ModelWrapper

    wrapper = ModelWrapper(model)
    count: Counter[str] = Counter()
    for node in model.graph.node:
        if node.op_type == "MVAU":
            _make_narrow(node, part, wrapper)
        style = "rtl" if _rtl_possible(node, part, wrapper) else "hls"
        node.op_type = f"{node.op_type}_{style}"
        node.domain = f"{DOMAIN}.{style}"
        node.name = f"{node.op_type}_{count[node.op_type]}"
        count[node.op_type] += 1
    return model


def _make_narrow(node: onnx.NodeProto, part: str, wrapper: Any) -> None:
    """Give weights one more bit where that lets a DSP48E1 multiply them.

    On Zynq-7000 the RTL matrix unit packs several products into one DSP, which is wrong for the
    most negative weight of a type. Exact ranges make types so narrow that weights may use it.
    """
    if _rtl_possible(node, part, wrapper):
        return
    attribute = next(a for a in node.attribute if a.name == "weightDataType")
    kind = attribute.s.decode()
    if not kind.startswith("INT"):
        return
    attribute.s = f"INT{int(kind[3:]) + 1}".encode()
    if _rtl_possible(node, part, wrapper):
        from qonnx.core.datatype import DataType

        wrapper.set_tensor_datatype(node.input[1], DataType[attribute.s.decode()])
    else:
        attribute.s = kind.encode()


def _rtl_possible(node: onnx.NodeProto, part: str, wrapper: Any) -> bool:
    """Say whether a registered RTL implementation can serve the node on `part`."""
    from finn.custom_op.fpgadataflow.rtl import custom_op as registered
    from finn.transformation.fpgadataflow import specialize_layers as finn

    if f"{node.op_type}_rtl" not in registered:
        return False
    match node.op_type:
        case "MVAU":
            return bool(finn._mvu_rtl_possible(node, part, wrapper)) and _holds_products(node)
        case "VVAU":
            return bool(finn._vvu_rtl_possible(node, part))
        case "ElementwiseAdd" | "ElementwiseSub" | "ElementwiseMul":
            return bool(finn._elementwise_rtl_possible(node, part))
        case _:
            return True


def _holds_products(node: onnx.NodeProto) -> bool:
    """Say whether the sums' type holds any product, as the RTL matrix unit asks of it.

    Exact ranges may make it narrower where few, or small, products are added.
    """
    from qonnx.core.datatype import DataType

    types = {
        attribute.name: DataType[attribute.s.decode()]
        for attribute in node.attribute
        if attribute.name in ("weightDataType", "inputDataType", "accDataType")
    }
    weight, source = types["weightDataType"], types["inputDataType"]
    product = weight.bitwidth() + source.bitwidth() - source.signed()
    return bool(types["accDataType"].bitwidth() >= product)
