import pytest
from onnx import helper

from hwsubnet.finn_adapter import rtl_variants
from hwsubnet.finn_adapter.session import initialize
from hwsubnet.kernels import KERNELS

initialize()


@pytest.mark.parametrize("name", rtl_variants._NAMES)
def test_finn_finds_the_variant(name):
    from finn.custom_op.fpgadataflow.hls import custom_op as hls
    from finn.custom_op.fpgadataflow.rtl import custom_op as rtl
    from qonnx.custom_op.registry import getCustomOp

    assert f"{name}_hls" in hls
    given = {"Labels": 4} if name == "LabelSelect" else {}  # it computes its output type from it
    domain = "finn.custom_op.fpgadataflow.rtl"
    node = helper.make_node(f"{name}_rtl", ["x"], ["y"], domain=domain, **given)
    instance = getCustomOp(node)
    assert type(instance) is rtl[f"{name}_rtl"]
    assert "gen_top_module" in instance.get_nodeattr_types()


@pytest.mark.parametrize("name", rtl_variants._NAMES)
def test_the_variant_has_a_kernel_with_rtl(name):
    assert name in KERNELS
    assert KERNELS[name].rtl.__qualname__ != "Kernel.rtl"


def test_finn_has_none_of_its_own():
    # Once FINN has one, it is for a person to choose between the two.
    with pytest.raises(RuntimeError, match="FINN has an RTL variant of DuplicateStreams"):
        rtl_variants.register()


def test_the_class_does_not_emit():
    from finn.custom_op.fpgadataflow.rtl import custom_op as rtl

    node = helper.make_node("Pool_rtl", ["x"], ["y"], domain="finn.custom_op.fpgadataflow.rtl")
    with pytest.raises(NotImplementedError, match="emitted from its kernel"):
        rtl["Pool_rtl"](node).generate_hdl(None, "", 10.0)
