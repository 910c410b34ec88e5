"""What FINN's RTL asks of a node beyond its divisor rules, which lowering has to see to."""

from math import ceil, log2
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.helper import get_attribute_value
from support.accelerators import Accelerator
from support.qonnx_models import Model

from hwsubnet.kernels import DataType
from hwsubnet.simulate.golden import simulate_golden


def accelerator(model: Model, output: str, folder: Path) -> Accelerator:
    """Lower all of a model, fold it at random, and see that its golden model is right."""
    found = Accelerator.of(
        model.save(folder / "model.onnx", output), folder / "accelerator", folding_seed=1
    )
    assert found.lowered.coverage.left == ()
    inputs = found.frames(8)
    golden = simulate_golden(found.graph, inputs)[found.output]
    assert np.array_equal(golden.reshape(8, -1), found.streamlined(inputs))
    return found


def nodes(found: Accelerator, op: str) -> list[dict[str, object]]:
    graph = onnx.load(found.folded).graph
    return [
        {a.name: get_attribute_value(a) for a in node.attribute}
        for node in graph.node
        if node.op_type.startswith(op)
    ]


@pytest.mark.parametrize(
    ("signed", "bits", "shift"),
    [(1, 1, 0), (1, 4, 0), (1, 4, -100), (1, 4, 100), (0, 4, 4), (0, 4, 100), (0, 1, -100)],
)
def test_thresholds_need_all_bits_of_their_output(signed, bits, shift, tmp_path):
    """Also where the levels of the input lie at one end of the output's, or are one level only."""
    model = Model((1, 4))
    x = model.add("Add", model.quant("x"), model.constant(shift / 16))
    x = model.quant(x, 1 / 16, bits=bits, signed=signed)
    y = model.add("MatMul", x, model.weights(4, 3))
    found = accelerator(model, y, tmp_path)
    (thresholding,) = nodes(found, "Thresholding")
    steps = thresholding["numSteps"]
    output = DataType.parse(thresholding["outputDataType"].decode())
    assert ceil(log2(steps + 1)) == output.bits
    assert output.min <= thresholding["ActVal"]
    assert thresholding["ActVal"] + steps <= output.max


@pytest.mark.parametrize("least", [-5, -4, -3, -16])
def test_the_least_threshold_differs_from_the_value_below(least, tmp_path):
    """FINN's RTL saturates values to the type of the thresholds."""
    model = Model((1, 1))
    x = model.quant("x", 1.0, bits=5, signed=1)
    # Rounded up at `least` and above: the one threshold that the quantizer has.
    x = model.quant(model.add("Add", x, model.constant(0.75 - least)), 1.0, bits=1)
    y = model.add("MatMul", x, model.quant(model.constant([[1.0]]), 1.0, signed=1, narrow=1))
    found = accelerator(model, y, tmp_path)
    (thresholding,) = nodes(found, "Thresholding")
    kind = DataType.parse(thresholding["weightDataType"].decode())
    assert kind.min <= max(least - 1, -16)


def test_rows_that_no_window_sees_go_first(tmp_path):
    model = Model((1, 2, 7, 5))
    y = model.add(
        "Conv", model.quant("x"), model.weights(3, 2, 1, 3), kernel_shape=[1, 3], strides=[2, 1]
    )
    found = accelerator(model, y, tmp_path)
    first, second = nodes(found, "ConvolutionInputGenerator")
    assert (first["ConvKernelDim"], first["Stride"]) == ([1, 1], [2, 1])
    assert (second["ConvKernelDim"], second["Stride"]) == ([1, 3], [1, 1])


def test_a_window_that_never_moves_may_have_any_stride(tmp_path):
    model = Model((1, 2, 4, 4))
    y = model.conv(model.quant("x"), 3, 2, kernel=3, strides=[9, 9])
    (window,) = nodes(accelerator(model, y, tmp_path), "ConvolutionInputGenerator")
    assert window["Stride"] == [2, 2]


@pytest.mark.parametrize("width", [1, 3, 4])
def test_a_window_may_pick_one_number_or_two(width, tmp_path):
    model = Model((1, 1, 1, width))
    y = model.conv(model.quant("x"), 3, 1, kernel=1, strides=[2, 2])
    picks = nodes(accelerator(model, y, tmp_path), "ConvolutionInputGenerator")
    assert [pick["OFMDim"] for pick in picks] == [[1, 2]] * (width > 1)


def test_a_pool_of_one_pixel_is_nothing(tmp_path):
    model = Model((1, 2, 4, 4))
    x = model.add("MaxPool", model.quant("x"), kernel_shape=[1, 1])
    x = model.add("AveragePool", x, kernel_shape=[1, 1])
    found = accelerator(model, model.conv(x, 3, 2), tmp_path)
    assert [kernel.op for kernel in found.graph.kernels][1:] == ["MVAU_rtl"]


def test_sums_over_a_map_are_as_wide_as_finn_makes_them(tmp_path):
    model = Model((1, 2, 5, 5))
    x = model.add("GlobalAveragePool", model.quant("x", bits=3, signed=1, narrow=1))
    found = accelerator(model, model.conv(x, 3, 2, kernel=1), tmp_path)
    pool = next(kernel for kernel in found.graph.kernels if kernel.op.startswith("GlobalAcc"))
    assert pool.outputs[0].datatype.name == "INT8"  # 25 x -4, although -3 is the least


def test_sums_narrower_than_a_product_need_another_matrix_unit(tmp_path):
    for peak, op in ((7, "MVAU_rtl"), (1, "MVAU_hls")):
        model = Model((1, 2))
        weights = model.quant(model.constant([[peak], [-7]]), 1.0, signed=1, narrow=1)
        x = model.quant("x", 1.0, bits=4)
        if peak == 1:  # the range of the input is known to be narrower than its type
            x = model.quant(model.add("Clip", x, model.constant(0.0), model.constant(2.0)), 1.0)
        y = model.add("MatMul", x, weights)
        (kernel, *_) = reversed(accelerator(model, y, tmp_path / op).graph.kernels)
        assert kernel.op == op
