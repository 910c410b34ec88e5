"""The quantizers against Algorithms 2 and 3, transcribed into NumPy from the paper."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from hwsubnet.quant.quantizers import (
    AffineQuantizer,
    PixelQuantizer,
    SymmetricQuantizer,
    UnsignedQuantizer,
    WeightQuantizer,
)

bits = st.integers(2, 8)
reals = st.floats(-100, 100, width=32)


def tensors(*shape, elements=reals, batches=3):
    one = hnp.arrays(np.float32, shape, elements=elements)
    return st.lists(one, min_size=1, max_size=batches)


def algorithm_2(batches, bit_width, low=None, symmetric=False):
    """Scale and zero point after some batches; `low` fixes l."""
    l = u = np.float32(0)  # noqa: E741  # the paper's names
    for t, x in enumerate(batches):
        l = (t * l + x.min()) / np.float32(t + 1)  # noqa: E741
        u = (t * u + x.max()) / np.float32(t + 1)
    if low is not None:
        l = np.float32(low)  # noqa: E741
    l, u = min(l, np.float32(0)), max(u, np.float32(0))  # noqa: E741  # the range holds 0
    if symmetric:
        l, u = -max(-l, u), max(-l, u)  # noqa: E741
    s = (u - l) / np.float32(2**bit_width)
    s = s if s > 0 else np.float32(1e-4)
    return s, np.round(-l / s)


def quantize(x, s, z, low, high):
    """Levels and values, in QONNX's order: round(x / s + z)."""
    q = np.clip(np.round(x / s + z), low, high)
    return q, ((q - z) * s).astype(np.float32)


def calibrate(quantizer, batches):
    quantizer.enabled.fill_(True)
    quantizer.train()
    for batch in batches:
        quantizer(torch.tensor(batch, requires_grad=True))
    return quantizer.eval()


@given(tensors(3, 4), bits)
def test_unsigned_is_algorithm_2_with_l_0(batches, bit_width):
    batches = [np.maximum(x, 0) for x in batches]
    quantizer = calibrate(UnsignedQuantizer(bit_width, observes=True), batches)
    expected, zero = algorithm_2(batches, bit_width, low=0)
    value, scale, zero_point, width = quantizer(torch.from_numpy(batches[-1]))
    assert scale.item() == pytest.approx(expected, rel=1e-5)
    assert zero == zero_point == 0
    assert width == bit_width
    _, wanted = quantize(batches[-1], scale.numpy(), 0, 0, 2**bit_width - 1)
    np.testing.assert_array_equal(value.numpy(), wanted)


@given(tensors(3, 4), bits)
def test_symmetric_is_algorithm_2_on_a_symmetric_range(batches, bit_width):
    quantizer = calibrate(SymmetricQuantizer(bit_width, observes=True), batches)
    # The paper's unsigned integers, shifted by their zero point, are signed ones.
    expected, shift = algorithm_2(batches, bit_width, symmetric=True)
    value, scale, zero_point, _ = quantizer(torch.from_numpy(batches[-1]))
    assert scale.item() == pytest.approx(expected, rel=1e-5)
    assert zero_point == 0
    assert shift == 2 ** (bit_width - 1) or scale == np.float32(1e-4)
    half = 2 ** (bit_width - 1)
    _, wanted = quantize(batches[-1], scale.numpy(), 0, -half, half - 1)
    np.testing.assert_array_equal(value.numpy(), wanted)


@given(tensors(3, 4), bits)
def test_affine_is_algorithm_2(batches, bit_width):
    quantizer = calibrate(AffineQuantizer(bit_width, observes=True), batches)
    expected, shift = algorithm_2(batches, bit_width)
    value, scale, zero_point, _ = quantizer(torch.from_numpy(batches[-1]))
    top = 2**bit_width - 1
    assert scale.item() == pytest.approx(expected, rel=1e-5)
    # Halves may round either way after a cumulative mean in another order.
    assert abs(zero_point.item() - min(shift, top)) <= 1
    assert zero_point.item() == int(zero_point.item())
    _, wanted = quantize(batches[-1], scale.numpy(), zero_point.numpy(), 0, top)
    np.testing.assert_array_equal(value.numpy(), wanted)


@given(tensors(4), bits)
def test_zero_is_a_level_of_its_own(batches, bit_width):
    """Masked channels and padding must stay exactly 0, also where the zero point is not 0."""
    for kind in (UnsignedQuantizer, SymmetricQuantizer, AffineQuantizer):
        quantizer = calibrate(kind(bit_width, observes=True), batches)
        assert quantizer(torch.zeros(2))[0].tolist() == [0.0, 0.0]


@given(tensors(3, 2, 2, 1, elements=st.floats(-2, 2, width=32)), bits, st.booleans())
def test_weights_are_algorithm_3_per_output_channel(steps, bit_width, narrow):
    quantizer = WeightQuantizer(bit_width, narrow, channels=3, channel_axis=0, dimensions=4)
    quantizer.enabled.fill_(True)
    weight = torch.nn.Parameter(torch.zeros(3, 2, 2, 1))
    for step in steps:
        with torch.no_grad():
            weight.copy_(torch.from_numpy(step))
        quantizer.train()(weight)
    quantizer.eval()
    mean = np.zeros(3, np.float32)
    for t, w in enumerate(steps):
        mean = (t * mean + np.abs(w).max(axis=(1, 2, 3))) / np.float32(t + 1)
    value, scale, zero_point, width = quantizer(torch.from_numpy(steps[-1]))
    expected = mean / np.float32(2 ** (bit_width - 1))
    expected = np.where(expected > 0, expected, np.float32(1e-4))
    assert scale.shape == (3, 1, 1, 1)
    np.testing.assert_allclose(scale.flatten().numpy(), expected, rtol=1e-5)
    assert zero_point == 0
    assert width == bit_width
    half = 2 ** (bit_width - 1)
    _, wanted = quantize(steps[-1], scale.numpy(), 0, -half + narrow, half - 1)
    np.testing.assert_array_equal(value.numpy(), wanted)


def test_channel_axis_of_transposed_convolutions_and_none_of_linear_layers():
    weight = torch.arange(12.0).reshape(2, 6)
    per_column = WeightQuantizer(4, False, channels=6, channel_axis=1, dimensions=2)
    per_column.observe(weight)
    assert per_column.maximum.tolist() == [[6, 7, 8, 9, 10, 11]]
    per_tensor = WeightQuantizer(4, False, channels=2, channel_axis=None, dimensions=2)
    per_tensor.observe(weight)
    assert per_tensor.maximum.item() == 11


def test_activations_pass_their_gradient_also_where_they_are_clipped():
    quantizer = calibrate(UnsignedQuantizer(2, observes=True), [np.array([0, 4], np.float32)])
    x = torch.tensor([-1.0, 0.4, 2.2, 9.0], requires_grad=True)
    value = quantizer(x)[0]
    assert value.tolist() == [0, 0, 2, 3]
    (value * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert x.grad.tolist() == [1, 2, 3, 4]


def test_weights_get_no_gradient_where_they_are_clipped():
    quantizer = WeightQuantizer(3, True, channels=1, channel_axis=None, dimensions=1)
    calibrate(quantizer, [np.array([4.0, -4.0], np.float32)])  # scale 1, levels -3 to 3
    w = torch.tensor([-4.0, -3.4, -1.0, 0.2, 3.4, 3.6], requires_grad=True)
    value = quantizer(w)[0]
    assert value.tolist() == [-3, -3, -1, 0, 3, 3]
    value.sum().backward()
    assert w.grad.tolist() == [0, 1, 1, 1, 1, 0]


def test_halves_round_to_even_levels():
    quantizer = calibrate(UnsignedQuantizer(3, observes=True), [np.array([8.0], np.float32)])
    assert quantizer(torch.tensor([0.5, 1.5, 2.5, 3.5]))[0].tolist() == [0, 2, 2, 4]


@settings(max_examples=20)
@given(hnp.arrays(np.float32, 64, elements=st.floats(0, 10, width=32)))
def test_bfloat16_input_is_quantized_in_float32(x):
    quantizer = calibrate(UnsignedQuantizer(8, observes=True), [np.array([7.3], np.float32)])
    half = torch.from_numpy(x).bfloat16()
    value = quantizer(half)[0]
    assert value.dtype == torch.bfloat16
    assert torch.equal(value, quantizer(half.float())[0].bfloat16())


def test_channels_last_stays_channels_last():
    quantizer = calibrate(UnsignedQuantizer(4, observes=True), [np.array([7.3], np.float32)])
    x = torch.rand(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    assert quantizer(x)[0].is_contiguous(memory_format=torch.channels_last)


def test_statistics_are_taken_in_training_with_gradients_only():
    quantizer = UnsignedQuantizer(4, observes=True)
    quantizer(torch.ones(2))
    assert quantizer.batches == 0, "off"
    quantizer.enabled.fill_(True)
    with torch.no_grad():
        quantizer(torch.ones(2))
    quantizer.eval()(torch.ones(2))
    assert quantizer.batches == 0
    assert not quantizer.calibrated
    quantizer.train()(torch.ones(2))
    assert quantizer.batches == 1
    assert quantizer.batches.dtype == torch.int64


def test_without_statistics_values_pass_unchanged():
    quantizer = UnsignedQuantizer(2, observes=True).eval()
    quantizer.enabled.fill_(True)
    assert quantizer(torch.tensor([0.123]))[0] == torch.tensor([0.123])


def test_weights_are_counted_once_for_each_optimizer_step():
    weight = torch.nn.Parameter(torch.ones(2, 2))
    quantizer = WeightQuantizer(4, False, channels=2, channel_axis=0, dimensions=2)
    quantizer.enabled.fill_(True)
    optimizer = torch.optim.SGD([weight], lr=0.5)
    for steps in (1, 2, 3):
        for _ in range(4):  # gradient accumulation, a layer used twice, a weight that is read
            quantizer(weight)[0].sum().backward()
        assert quantizer.batches == steps
        optimizer.step()


@given(hnp.arrays(np.uint8, (2, 3)))
def test_pixels_are_their_own_levels(pixels):
    image = torch.from_numpy(pixels).float() / 255
    value, scale, _, _ = PixelQuantizer()(image)
    assert torch.equal((value / scale).round().to(torch.uint8), torch.from_numpy(pixels))
