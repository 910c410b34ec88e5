"""Weights that the kernel quantizes, bit for bit against the quantizer itself."""

import copy

import pytest
import torch
from torch import nn

from hwsubnet.artifacts import Precision
from hwsubnet.fused import native
from hwsubnet.fused.modules import FusedLayer
from hwsubnet.quant import QuantConv2d, QuantLinear, quantized_layer, set_quantization
from hwsubnet.quant.layers import QuantConv1d

pytestmark = pytest.mark.skipif(native.kernels() is None, reason="no C++ compiler")


def precision(bits, narrow=True):
    return Precision(weight_bits=bits, narrow_range=narrow)


LAYERS = {
    "convolution": (lambda p: QuantConv2d(5, 7, 3, precision=p), (4, 5, 6, 6)),
    "1x1": (lambda p: QuantConv2d(5, 7, 1, precision=p, stride=2), (4, 5, 6, 6)),
    "depthwise": (lambda p: QuantConv2d(6, 6, 3, precision=p, groups=6, padding=1), (4, 6, 6, 6)),
    "biased": (lambda p: QuantConv2d(5, 7, 3, precision=p, bias=True), (4, 5, 6, 6)),
    "one axis": (lambda p: QuantConv1d(5, 7, 3, precision=p), (4, 5, 6)),
    "linear": (lambda p: QuantLinear(5, 7, bias=True, precision=p), (4, 5)),
    "transposed": (lambda p: quantized_layer(nn.ConvTranspose2d(5, 7, 3), p), (4, 5, 6, 6)),
}


def both(name, bits, *, narrow=True, on=True):
    torch.manual_seed(bits)
    make, shape = LAYERS[name]
    layer = make(precision(bits, narrow)).train()
    set_quantization(layer, weights=on)
    return layer, FusedLayer(copy.deepcopy(layer)).train(), torch.randn(shape)


@pytest.mark.parametrize("last", [True, False], ids=["channels-last", "contiguous"])
@pytest.mark.parametrize("arithmetic", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("name", LAYERS)
def test_every_bit_is_the_same(name, bits, arithmetic, last):
    plain, fused, x = both(name, bits, narrow=bits != 8)
    if last and x.dim() == 4:
        for module in (plain, fused):
            module.to(memory_format=torch.channels_last)
    for step in range(3):
        for layer in (plain, fused):
            layer.zero_grad()
            with torch.autocast("cpu", arithmetic, enabled=arithmetic == torch.bfloat16):
                y = layer(x)
            y.float().square().sum().backward()
            with torch.no_grad():
                for parameter in layer.parameters():
                    parameter -= 0.05 * parameter.grad
        states = zip(plain.state_dict().items(), fused.layer.state_dict().values(), strict=True)
        for (key, one), other in states:
            assert torch.equal(one, other), (key, step)


def test_weights_get_no_gradient_where_they_are_clipped():
    plain, fused, x = both("convolution", 3)
    for layer in (plain, fused):
        layer(x)  # the scale is that of these weights
        with torch.no_grad():
            next(layer.parameters()).mul_(3)
        layer(x).sum().backward()
    gradient = fused.layer.weight.grad
    assert torch.equal(gradient, plain.weight.grad)
    assert 0.1 < (gradient == 0).float().mean() < 0.9


def test_weights_are_counted_once_for_each_optimizer_step():
    _, fused, x = both("convolution", 4)
    optimizer = torch.optim.SGD(fused.parameters(), lr=0.1)
    quantizer = fused.layer.weight_quant.tensor_quant
    for step in range(3):
        for _ in range(2):  # gradient accumulation, or a generator called twice
            fused(x).sum().backward()
        fused.layer.quant_weight()
        assert quantizer.batches == step + 1
        optimizer.step()


def test_evaluation_is_that_of_the_layer():
    plain, fused, x = both("convolution", 4)
    plain(x)
    fused(x)
    before = {key: value.clone() for key, value in fused.state_dict().items()}
    fused.layer.eval()  # as `network.eval()` does
    assert torch.equal(fused(x), plain.eval()(x))
    assert all(torch.equal(value, before[key]) for key, value in fused.state_dict().items())


def test_what_is_off_stays_off():
    plain, fused, x = both("convolution", 4, on=False)
    assert torch.equal(fused(x), plain(x))
    assert fused.layer.weight_quant.tensor_quant.batches == 0
