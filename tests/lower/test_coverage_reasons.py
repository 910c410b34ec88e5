"""Every node that stays on the host says why, and what would become hardware."""

import re

import numpy as np
import onnx
import pytest
from support.qonnx_models import QONNX, Model

from hwsubnet.boards import load_board
from hwsubnet.lower import lower, verify

IMAGE = (1, 4, 8, 8)


def lowered(model, folder, *outputs):
    path = model.save(folder / "m.onnx", *outputs)
    return lower(path, folder / "out", load_board("Pynq-Z2")), path


def reasons(model, folder, *outputs):
    result, _ = lowered(model, folder, *outputs)
    return {left.op: left.why for left in result.coverage.left}


def check(model, folder, *outputs, images=16):
    result, path = lowered(model, folder, *outputs)
    shape = tuple(d.dim_value or 1 for d in model.inputs[0].type.tensor_type.shape.dim)
    x = np.random.default_rng(1).random((images, *shape[1:]), dtype=np.float32)
    verification = verify(result, folder / "out", path, x)
    assert verification.differing == verification.on_boundary
    return result


def stem(shape=IMAGE):
    model = Model(shape)
    return model, model.conv(model.quant("x", bits=8, scale=1 / 255), 4, 4)


def test_addends_of_different_scales(tmp_path):
    model, y = stem()
    a, b = model.quant(y, 0.1, signed=1), model.quant(y, 0.13, signed=1)
    why = reasons(model, tmp_path, model.conv(model.quant(model.add("Add", a, b)), 4, 4))
    assert "scales 0.1 and 0.13, neither an integer multiple of the other" in why["Add"]
    assert "let both addends share one quantizer" in why["Add"]
    assert "is computed on the host" in why["Quant"]
    assert re.search(r"computed on the host, where its quantizer '\w+' stays", why["Conv"])


@pytest.mark.parametrize("ratio", [1, 2, 3])
def test_addends_of_whole_ratio_become_hardware(tmp_path, ratio):
    model, y = stem()
    a, b = model.quant(y, 0.125, signed=1), model.quant(y, 0.125 * ratio, signed=1)
    z = model.quant(model.add("Sub", a, b), 0.25, signed=1)
    result = check(model, tmp_path, model.conv(z, 3, 4))
    assert result.coverage.left == ()


def test_activation_without_quantizer(tmp_path):
    model, y = stem()
    why = reasons(model, tmp_path, model.conv(model.add("Relu", y), 3, 4))
    assert "went through Relu and was not quantized" in why["Conv"]
    assert "runs on the host" in why["Relu"]


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"group": 2}, "2 groups for 4 channels to 4; one group"),
        ({"auto_pad": "SAME_UPPER"}, None),
        ({"dilations": [2, 2]}, None),
        ({"strides": [2, 2], "pads": [1, 1, 1, 1]}, None),
        ({"group": 4}, None),
    ],
)
def test_convolutions(tmp_path, attributes, text):
    model, y = stem()
    y = model.conv(model.quant(y, 0.125), 4, 4, **attributes)
    if text is None:
        assert check(model, tmp_path, y).coverage.left == ()
    else:
        assert text in reasons(model, tmp_path, y)["Conv"]


def test_padding_needs_a_zero(tmp_path):
    model, y = stem()
    bits = model.add("BipolarQuant", y, model.constant(1.0), domain=QONNX)
    why = reasons(model, tmp_path, model.conv(bits, 3, 4, pads=[1, 1, 1, 1]))
    assert "no integer that means zero" in why["Conv"]


def test_scales_per_input_channel(tmp_path):
    model, y = stem()
    q = model.quant(y, np.array([0.1, 0.2, 0.3, 0.4]).reshape(1, 4, 1, 1))
    why = reasons(model, tmp_path, model.conv(q, 3, 4))
    assert "quantize the input per tensor" in why["Conv"]
    model, y = stem()
    q = model.quant(y, np.array([0.1, 0.2, 0.3, 0.4]).reshape(1, 4, 1, 1))
    assert check(model, tmp_path, model.conv(q, 4, 4, group=4)).coverage.left == ()


def test_unquantized_stem_stays_on_the_host(tmp_path):
    """The first layer computes with floats; the accelerator starts at the first quantizer."""
    model = Model(IMAGE)
    y = model.add("Conv", "x", model.weights(4, 4, 3, 3), name="stem")
    result = check(model, tmp_path, model.conv(model.quant(y, 0.125), 3, 4))
    (left,) = result.coverage.left
    assert left.node == "stem"
    assert "put a quantizer (QuantIdentity) in front" in left.why
    assert result.input.tensor == y


def test_several_outputs_leave_where_one_stream_suffices(tmp_path):
    model, y = stem()
    trunk = model.quant(y, 0.125)
    heads = [model.conv(trunk, 2, 4), model.conv(trunk, 3, 4)]
    result = check(model, tmp_path, *heads)
    assert result.output.tensor == trunk
    assert {left.op for left in result.coverage.left} == {"Conv"}
    assert all("behind the accelerator's output" in left.why for left in result.coverage.left
               if left.op == "Conv")  # fmt: skip


@pytest.mark.parametrize("op", ["Relu", "Sigmoid", "Tanh", "LeakyRelu", "HardSigmoid", "Softplus"])
def test_monotone_functions_become_thresholds(tmp_path, op):
    model, y = stem()
    y = model.conv(model.quant(model.add(op, y), 0.07), 3, 4)
    assert check(model, tmp_path, y).coverage.left == ()


@pytest.mark.parametrize("mode", ["ROUND", "FLOOR", "CEIL"])
@pytest.mark.parametrize("zero_point", [0, 5])
def test_rounding_modes_and_zero_points(tmp_path, mode, zero_point):
    model, y = stem()
    q = model.quant(y, 0.1, zero_point, rounding_mode=mode)
    assert check(model, tmp_path, model.conv(q, 3, 4, pads=[1] * 4)).coverage.left == ()


def test_batch_norm_of_either_sign_around_max_pool(tmp_path):
    model, y = stem()
    norm = [model.constant(v) for v in ([1, -1, 0.5, 0], [0.1, 0.2, 0, 0.3], [0] * 4, [1] * 4)]
    y = model.add("BatchNormalization", y, *norm)
    y = model.add("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = model.conv(model.quant(model.add("Relu", y), 0.1), 3, 4, kernel=1)
    assert check(model, tmp_path, y).coverage.left == ()


def test_falling_norm_behind_an_addition(tmp_path):
    """An adder cannot negate its weights: an integer multiplication by -1 does it."""
    model, y = stem()
    q = model.quant(y, 0.125, signed=1)
    y = model.add("Add", q, model.quant(y, 0.25, signed=1))
    y = model.add("Mul", y, model.constant(np.array([1, -1, 1, -1]).reshape(1, 4, 1, 1)))
    result = check(model, tmp_path, model.conv(model.quant(y, 0.125), 3, 4))
    assert result.coverage.left == ()


def test_dynamic_batch_gemm_and_no_names(tmp_path):
    model = Model(("N", 4, 8, 8))
    y = model.add("Flatten", model.quant("x", bits=8, scale=1 / 255))
    y = model.add("Gemm", y, model.weights(5, 256), model.constant(np.arange(5) / 7), transB=1)
    assert check(model, tmp_path, y).coverage.converted == 3


def test_affine_input(tmp_path):
    """A net that shifts its input first, as bnn_pynq does: the host folds it into its rounding."""
    model = Model()
    x = model.add("Sub", model.add("Mul", "x", model.constant(2.0)), model.constant(1.0))
    y = model.add("MatMul", model.quant(x, 1 / 64, bits=8, signed=1), model.weights(4, 3))
    result = check(model, tmp_path, y, images=200)
    assert result.input.scale == (1 / 128,)
    assert result.input.zero_point == -64


@pytest.mark.parametrize("op", ["GlobalAveragePool", "AveragePool", "ReduceMean"])
def test_averages_are_sums_with_a_scale(tmp_path, op):
    model, y = stem()
    q = model.quant(y, 0.125)
    options = {"AveragePool": {"kernel_shape": [3, 3], "strides": [3, 3]},
               "ReduceMean": {"axes": [2, 3]}}  # fmt: skip
    y = model.conv(model.quant(model.add(op, q, **options.get(op, {})), 0.03), 3, 4, kernel=1)
    assert check(model, tmp_path, y).coverage.left == ()


@pytest.mark.parametrize("version", [1, 2])
def test_truncation(tmp_path, version):
    model, y = stem()
    q = model.add("AveragePool", model.quant(y, 0.125), kernel_shape=[2, 2], strides=[2, 2])
    scale = model.constant(0.125 / 4)
    numbers = [6, 4] if version == 1 else [6, 0.125, 4]
    more = {} if version == 1 else {"signed": 0}
    y = model.add("Trunc", q, scale, model.constant(0), *(model.constant(n) for n in numbers),
                  domain=QONNX, rounding_mode="FLOOR", **more)  # fmt: skip
    path = model.save(tmp_path / "m.onnx", model.conv(y, 3, 4, kernel=1))
    proto = onnx.load(path)
    next(o for o in proto.opset_import if o.domain == QONNX).version = version
    path.write_bytes(proto.SerializeToString())
    result = lower(path, tmp_path / "out", load_board("Pynq-Z2"))
    assert result.coverage.left == ()
    x = np.random.default_rng(1).random((16, *IMAGE[1:]), dtype=np.float32)
    verification = verify(result, tmp_path / "out", path, x)
    assert verification.differing == verification.on_boundary


def test_windows_that_skip_pixels(tmp_path):
    model, y = stem()
    z = model.conv(model.quant(y), 3, 4, kernel=2, strides=[3, 3])
    assert "stride is larger than its window, which skips" in reasons(model, tmp_path, z)["Conv"]


def test_windows_that_see_too_little(tmp_path):
    model, y = stem()
    z = model.conv(model.quant(y), 3, 4, strides=[8, 8])
    why = reasons(model, tmp_path, z)["Conv"]
    assert "looks at 3 of 6 rows or columns" in why
    assert "more than half of them" in why


def test_a_quantizer_of_one_level(tmp_path):
    model, y = stem()
    z = model.conv(model.quant(y, bits=1, narrow=1), 3, 4)
    assert "one level only" in reasons(model, tmp_path, z)["Quant"]
