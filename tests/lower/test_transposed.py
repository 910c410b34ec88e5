"""Transposed convolutions become a padding of pixels and a convolution."""

import numpy as np
import onnx
import pytest
from support.qonnx_models import QONNX, Model

from hwsubnet.boards import load_board
from hwsubnet.lower import lower, verify


def network(bias=True, outputs=3, **attributes):
    """A convolution, the transposed one, and a convolution that reads all of it."""
    model = Model((1, 4, 5, 6))
    x = model.quant("x", 1 / 255, bits=8)
    x = model.quant(model.conv(x, 4, 4), 0.125)
    weight = model.weights(4, outputs, *attributes.pop("kernel", (3, 3)))
    constants = [model.constant(model.random.normal(size=4))] if bias else []
    y = model.add("ConvTranspose", x, weight, *constants[:1], name="up", **attributes)
    return model, model.conv(model.quant(y, 0.1), 3, attributes.get("group", 1) * outputs, 1)


def lowered(model, output, folder):
    path = model.save(folder / "m.onnx", output)
    return lower(path, folder / "out", load_board("Pynq-Z2")), path


@pytest.mark.parametrize(
    "attributes",
    [
        {"strides": [2, 2]},
        {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]},
        {"strides": [2, 2], "kernel": (2, 2)},
        {"strides": [3, 2], "pads": [0, 1, 2, 0], "output_padding": [2, 0]},
        {"strides": [1, 1], "pads": [1, 1, 1, 1]},
        {"strides": [2, 2], "dilations": [2, 1], "kernel": (2, 3)},
        {"strides": [2, 1], "group": 4, "outputs": 1},
        {"strides": [2, 2], "kernel": (1, 1)},
    ],
    ids=lambda attributes: ", ".join(f"{name} {value}" for name, value in attributes.items()),
)
def test_it_computes_what_the_model_does(tmp_path, attributes):
    result, path = lowered(*network(bias=False, **attributes), tmp_path)
    assert result.coverage.left == ()
    ops = [n.op_type for n in onnx.load(tmp_path / "out" / result.dataflow.path).graph.node]
    assert ("FMPadding_Pixel_rtl" in ops) == (attributes["strides"] != [1, 1])
    x = np.random.default_rng(1).random((16, 4, 5, 6), dtype=np.float32)
    verification = verify(result, tmp_path / "out", path, x)
    assert verification.differing == verification.on_boundary


def test_its_bias_moves_the_thresholds(tmp_path):
    result, path = lowered(*network(outputs=4, strides=[2, 2]), tmp_path)
    assert result.coverage.left == ()
    x = np.random.default_rng(1).random((16, 4, 5, 6), dtype=np.float32)
    verification = verify(result, tmp_path / "out", path, x)
    assert verification.differing == verification.on_boundary


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"strides": [2, 2], "pads": [3, 0, 0, 0]}, "cut off more than a kernel's margin [2, 2]"),
        ({"strides": [2, 2], "auto_pad": "SAME_UPPER"}, "pads written out would do"),
        ({"strides": [2, 2], "group": 2, "outputs": 2}, "it has 2 groups for 4 channels; one"),
    ],
    ids=["pads", "auto_pad", "groups"],
)
def test_what_is_left_says_why(tmp_path, attributes, why):
    result, _ = lowered(*network(bias=False, **attributes), tmp_path)
    left = {node.node: node.why for node in result.coverage.left}
    assert why in left["up"]


def test_zeros_need_an_integer_that_means_zero(tmp_path):
    model = Model((1, 4, 5, 6))
    y = model.conv(model.quant("x", 1 / 255, bits=8), 4, 4)
    bits = model.add("BipolarQuant", y, model.constant(1.0), domain=QONNX)
    y = model.add("ConvTranspose", bits, model.weights(4, 3, 2, 2), strides=[2, 2], name="up")
    result, _ = lowered(model, y, tmp_path)
    assert "no integer that means zero" in {n.node: n.why for n in result.coverage.left}["up"]
