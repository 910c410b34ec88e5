"""A fused site against its modules called one after the other.

Statistics of norms are sums, and float sums depend on their order. So that this hides nothing, the
inputs of the exact tests are small multiples of a power of two, whose sums are exact in any order:
then every bit of the result, the statistics and the quantizers' state must be the same.
"""

import copy
import itertools

import pytest
import torch
from torch import nn

from hwsubnet.artifacts import Precision
from hwsubnet.fused import native
from hwsubnet.fused.modules import FusedSite
from hwsubnet.prune import ChannelMask
from hwsubnet.quant import (
    AffineQuant,
    QuantAdd,
    QuantIdentity,
    SymmetricQuant,
    UnsignedQuant,
    pixels,
    set_quantization,
)

pytestmark = pytest.mark.skipif(native.kernels() is None, reason="no C++ compiler")

KINDS = [torch.float32, torch.bfloat16]
CHANNELS = [1, 3, 16, 300]


def norm(channels):
    made = nn.BatchNorm2d(channels)
    nn.init.uniform_(made.weight, -1.5, 1.5)
    nn.init.normal_(made.bias)
    return made


def mask(channels):
    made = ChannelMask(channels)
    made.set(torch.rand(channels) > 0.3)
    made.observe(True)
    return made


def chain(channels, quant=UnsignedQuant, *, bits=4, relu=True, normed=True):
    source = (norm(channels) if normed else None, None)
    quantizer = QuantIdentity(quant, bit_width=bits) if quant is not None else None
    return FusedSite([source], None, nn.ReLU() if relu else None, mask(channels), quantizer)


def pair(channels, *, bits=4, relu=True, normed=(True, True)):
    precision = Precision(activation_bits=bits)
    sources = [(norm(channels), mask(channels)) if on else (None, None) for on in normed]
    if not relu:
        return FusedSite(sources, QuantAdd(precision), None, None, None)
    quantizer = QuantIdentity(UnsignedQuant, bit_width=bits)
    return FusedSite(sources, QuantAdd(precision), nn.ReLU(), mask(channels), quantizer)


SITES = {
    "unsigned": lambda c: chain(c),
    "8 bits": lambda c: chain(c, bits=8),
    "symmetric": lambda c: chain(c, SymmetricQuant, relu=False),
    "affine": lambda c: chain(c, AffineQuant, relu=False, bits=3),
    "no quantizer": lambda c: chain(c, None),
    "no norm": lambda c: chain(c, normed=False),
    "sum": lambda c: pair(c),
    "sum of 8 bits": lambda c: pair(c, bits=8),
    "shortcut": lambda c: pair(c, normed=(True, False)),
    "sum alone": lambda c: pair(c, relu=False),
    "sum without norms": lambda c: pair(c, normed=(False, False)),
}
EXACT = list(itertools.product(SITES, CHANNELS, KINDS))


def exact_inputs(site, channels, kind, seed):
    """Multiples of 1/8 whose channel means are such too: every image has its mirror image."""
    torch.manual_seed(seed)
    sources = len(site.norms)
    half = torch.randint(-16, 17, (sources, 4, channels, 8, 4))
    mean = torch.randint(-8, 9, (sources, 1, channels, 1, 1))
    x = torch.cat([mean + half, mean - half], 1) / 8
    return [one.to(kind).contiguous(memory_format=torch.channels_last) for one in x]


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def both(name, channels, kind, *, on=True):
    """A fused site and an equal one that is called module by module."""
    torch.manual_seed(channels)
    site = SITES[name](channels)
    set_quantization(site, activations=on)
    return site.train(), copy.deepcopy(site).train()


@pytest.mark.parametrize("on", [True, False], ids=["quantized", "float"])
@pytest.mark.parametrize(("name", "channels", "kind"), EXACT)
def test_every_bit_is_the_same(name, channels, kind, on):
    fused, plain = both(name, channels, kind, on=on)
    for step in range(2):  # cumulative means go on from what was before
        inputs = exact_inputs(fused, channels, kind, step)
        wanted = plain._one_by_one(*inputs)
        got = fused(*inputs)
        assert got.dtype == kind
        assert torch.equal(got, wanted)
    left = state(plain)
    for key, value in state(fused).items():
        if key.endswith(("l1", "running_var", "running_mean")):
            torch.testing.assert_close(value, left[key], rtol=1e-6, atol=1e-7, msg=key)
        else:
            assert torch.equal(value, left[key]), key


def gradients(call, site, inputs, gradient):
    inputs = [one.clone().requires_grad_() for one in inputs]
    site.zero_grad()
    call(*inputs).backward(gradient)
    return [one.grad for one in inputs] + [one.grad for one in site.parameters()]


@pytest.mark.parametrize(("name", "channels", "kind"), EXACT)
def test_gradients_differ_by_the_order_of_sums_alone(name, channels, kind):
    fused, plain = both(name, channels, kind)
    inputs = exact_inputs(fused, channels, kind, 0)
    gradient = torch.randn_like(inputs[0])
    got = gradients(fused, fused, inputs, gradient)
    wanted = gradients(plain._one_by_one, plain, inputs, gradient)
    has_sums = any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())
    for one, other in zip(got, wanted, strict=True):
        assert one.dtype == other.dtype
        if has_sums:
            # A rounding of each of PyTorch's intermediate results, against the largest gradient.
            unit = torch.finfo(one.dtype).eps * other.abs().max().item()
            torch.testing.assert_close(one, other, rtol=0, atol=32 * unit)
        else:
            assert torch.equal(one, other)


def test_gradients_of_masked_channels_are_zero():
    site, _ = both("sum", 16, torch.float32)
    inputs = exact_inputs(site, 16, torch.float32, 0)
    *of_inputs, _, _, _, _ = gradients(site, site, inputs, torch.randn_like(inputs[0]))
    for gradient, behind in zip(of_inputs, site.masks, strict=True):
        keep = behind.keep & site.mask.keep
        assert not gradient[:, ~keep].any()
        assert gradient[:, keep].flatten(2).any(2).any(0).all()


@pytest.mark.parametrize("name", SITES)
def test_nothing_depends_on_the_number_of_threads(name):
    torch.manual_seed(0)
    sources = [torch.randn(64, 24, 16, 16) for _ in SITES[name](24).norms]
    inputs = [one.contiguous(memory_format=torch.channels_last) for one in sources]
    results = []
    before = torch.get_num_threads()
    for threads in (1, 2, 3):
        site, _ = both(name, 24, torch.float32)
        torch.set_num_threads(threads)
        try:
            values = gradients(site, site, inputs, inputs[0])
        finally:
            torch.set_num_threads(before)
        results.append([*values, *state(site).values()])
    for other in results[1:]:
        assert all(torch.equal(*both) for both in zip(results[0], other, strict=True))


def test_plain_tensors_are_taken_and_come_out_channels_last():
    fused, plain = both("unsigned", 16, torch.float32)
    (x,) = exact_inputs(fused, 16, torch.float32, 0)
    got = fused(x.contiguous())
    assert got.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(got, plain._one_by_one(x))


def test_features_without_positions():
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(5)
    quantizer = QuantIdentity(UnsignedQuant, bit_width=4)
    site = FusedSite([(norm, None)], None, nn.ReLU(), mask(5), quantizer)
    set_quantization(site, activations=True)
    other = copy.deepcopy(site)
    (x,) = exact_inputs(site, 5, torch.float32, 0)
    x = x.permute(0, 2, 3, 1).reshape(-1, 5)
    assert torch.equal(site(x), other._one_by_one(x))


def test_pixels_are_quantized_without_switching_anything_on():
    site = FusedSite([(None, None)], None, None, None, pixels())
    x = torch.rand(2, 3, 4, 4)
    assert torch.equal(site(x), pixels()(x))


def test_a_norm_that_averages_over_all_batches():
    fused, plain = both("unsigned", 3, torch.float32)
    for site in (fused, plain):
        site.norms[0].momentum = None
    for step in range(3):
        (x,) = exact_inputs(fused, 3, torch.float32, step)
        fused(x)
        plain._one_by_one(x)
    assert fused.norms[0].num_batches_tracked == 3
    torch.testing.assert_close(fused.norms[0].running_var, plain.norms[0].running_var)
    torch.testing.assert_close(fused.norms[0].running_mean, plain.norms[0].running_mean)


@pytest.mark.parametrize("name", SITES)
def test_evaluation_is_that_of_the_modules(name):
    fused, plain = both(name, 16, torch.float32)
    inputs = exact_inputs(fused, 16, torch.float32, 0)
    fused(*inputs)
    plain._one_by_one(*inputs)
    plain.load_state_dict(fused.state_dict())
    for part in (*fused.children(), *fused.norms, *fused.masks):
        part.eval()  # as `network.eval()` does, which does not know of the fused site
    before = state(fused)
    x = [torch.randn_like(one) for one in inputs]
    assert torch.equal(fused(*x), plain.eval()._one_by_one(*x))
    assert all(torch.equal(value, before[key]) for key, value in state(fused).items())


def test_without_gradients_norms_count_and_quantizers_do_not():
    fused, plain = both("unsigned", 16, torch.float32)
    (x,) = exact_inputs(fused, 16, torch.float32, 0)
    with torch.no_grad():
        assert torch.equal(fused(x), plain._one_by_one(x))
    assert fused.quant.quantizer.batches == 0
    assert fused.mask.batches == 0
    assert fused.norms[0].num_batches_tracked == 1


@pytest.mark.parametrize("name", ["unsigned", "sum", "no quantizer"])
def test_what_is_not_a_number_stays_so(name):
    """Else a training that diverges would go on as if nothing were."""
    site, _ = both(name, 4, torch.float32)
    site.mask.set(torch.ones(4, dtype=torch.bool))
    inputs = exact_inputs(site, 4, torch.float32, 0)
    inputs[0][0, 1, 0, 0] = float("nan")
    result = site(*inputs)
    assert result[:, 1].isnan().all()


def test_a_single_value_per_channel_is_refused_as_the_norm_does():
    site, _ = both("unsigned", 3, torch.float32)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        site(torch.ones(1, 3, 1, 1))


def test_other_types_and_shapes_go_through_the_modules():
    site, plain = both("no norm", 3, torch.float32)
    x = torch.rand(2, 3, 5, dtype=torch.float64)
    assert torch.equal(site(x), plain._one_by_one(x))
    assert site.quant.quantizer.batches == 1
