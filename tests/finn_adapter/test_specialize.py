"""Implementation styles: RTL wherever it is legal, and FINN's reasons where it is not."""

import onnx
import pytest
from qonnx.core.modelwrapper import ModelWrapper
from support.quantized_networks import lowered_network

from hwsubnet.finn_adapter.session import initialize
from hwsubnet.finn_adapter.specialize import DOMAIN, specialize

initialize()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lowered")


def abstract(folder, name, board="Ultra96-V2"):
    """Return a network's hardware nodes without their styles."""
    _, out, _ = lowered_network(name, folder, board)
    model = onnx.load(out / "dataflow.onnx")
    for node in model.graph.node:
        node.domain, style = node.domain.rsplit(".", 1)
        node.op_type = node.op_type.removesuffix(f"_{style}")
    return model


def styles(model, kind):
    return {n.op_type.rsplit("_", 1)[1] for n in model.graph.node if n.op_type.startswith(kind)}


@pytest.mark.parametrize("part", ["xc7z020clg400-1", "xczu3eg-sbva484-1-i"])
def test_narrow_weights_take_the_rtl_matrix_unit(folder, part):
    model = specialize(abstract(folder, "mlp"), part)
    assert styles(model, "MVAU") == {"rtl"}
    assert styles(model, "Thresholding") == {"rtl"}
    assert all(node.domain.startswith(DOMAIN) for node in model.graph.node)


def test_one_bit_weights_do_not(folder):
    assert styles(specialize(abstract(folder, "tfc-1w1a"), "xc7z020clg400-1"), "MVAU") == {"hls"}


@pytest.mark.parametrize(
    ("part", "kind"), [("xc7z020clg400-1", "INT5"), ("xczu3eg-sbva484-1-i", "INT4")]
)
def test_wide_range_weights_get_another_bit_on_zynq_7000(folder, part, kind):
    model = abstract(folder, "mlp")
    wrapper = ModelWrapper(model)
    node = next(node for node in model.graph.node if node.op_type == "MVAU")
    values = wrapper.get_initializer(node.input[1]).copy()
    values[0, 0] = -8
    wrapper.set_initializer(node.input[1], values)
    specialize(model, part)
    assert node.op_type == "MVAU_rtl"
    assert next(a.s for a in node.attribute if a.name == "weightDataType") == kind.encode()
    assert wrapper.get_tensor_datatype(node.input[1]).name == kind


def test_finn_still_needs_to_be_told(folder):
    """FINN's own pass takes HLS for narrow operands; once it does not, ours can go."""
    from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers

    model = ModelWrapper(abstract(folder, "mlp")).transform(SpecializeLayers("xc7z020clg400-1"))
    assert "hls" in styles(model.model, "MVAU")


@pytest.mark.parametrize("name", ["cnn", "resnet", "depthwise"])
def test_types_are_no_wider_than_finn_makes_them(folder, name):
    """Exact ranges give accumulators and weights at most FINN's own minimal widths.

    On UltraScale+, where weights never need another bit for the DSPs.
    """
    from finn.transformation.fpgadataflow.minimize_accumulator_width import (
        MinimizeAccumulatorWidth,
    )
    from finn.transformation.fpgadataflow.minimize_weight_bit_width import MinimizeWeightBitWidth
    from qonnx.core.datatype import DataType
    from qonnx.custom_op.registry import getCustomOp

    ours = abstract(folder, name)
    finn = ModelWrapper(onnx.ModelProto.FromString(ours.SerializeToString()))
    finn = finn.transform(MinimizeWeightBitWidth()).transform(MinimizeAccumulatorWidth())
    compared = 0
    by_output = {node.output[0]: node for node in finn.graph.node}
    for mine in ours.graph.node:
        theirs = by_output[mine.output[0]]
        for attribute in ("accDataType", "weightDataType"):
            if mine.op_type in ("MVAU", "VVAU"):
                bits = [
                    DataType[getCustomOp(node).get_nodeattr(attribute)].bitwidth()
                    for node in (mine, theirs)
                ]
                assert bits[0] <= bits[1], (mine.name, attribute, bits)
                compared += 1
    assert compared >= 6
