"""Layers: joint ranges, state that survives, nothing counted behind the trainer's back."""

import copy
import pickle

import pytest
import torch
from torch import nn

from hwsubnet.artifacts import Precision
from hwsubnet.quant import (
    AffineQuant,
    QuantAdd,
    QuantConv2d,
    QuantIdentity,
    QuantLinear,
    pixels,
    set_quantization,
    unquantized,
    unsigned,
)
from hwsubnet.quant.quantizers import Quantizer

PRECISION = Precision(weight_bits=4, activation_bits=4)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.input = pixels()
        self.conv = QuantConv2d(1, 3, 3, precision=PRECISION)
        self.norm = nn.BatchNorm2d(3)
        self.act = unsigned(PRECISION)
        self.side = QuantConv2d(3, 3, 1, precision=PRECISION)
        self.add = QuantAdd(PRECISION)
        self.affine = QuantIdentity(AffineQuant, bit_width=4)
        self.fc = QuantLinear(3, 2, bias=True, precision=PRECISION)

    def forward(self, x):
        x = self.act(self.norm(self.conv(self.input(x))).relu())
        return self.fc(self.affine(self.add(x, self.side(x))).mean([2, 3]))


def quantizers(model):
    return [m for m in model.modules() if isinstance(m, Quantizer)]


def train(model, steps, seed=0):
    torch.manual_seed(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.rand(4, 1, 6, 6)).square().sum().backward()
        optimizer.step()
    return model


@pytest.fixture
def trained():
    torch.manual_seed(1)
    model = Net()
    set_quantization(model, weights=True, activations=True)
    return train(model, 3)


def test_quantizers_are_off_at_first_and_switch_apart():
    model = Net()
    assert not any(q.enabled for q in quantizers(model))
    set_quantization(model, weights=True)
    assert bool(model.conv.weight_quant.tensor_quant.enabled)
    assert not model.act.quantizer.enabled
    set_quantization(model, weights=False, activations=True)
    assert not model.conv.weight_quant.tensor_quant.enabled
    assert bool(model.act.quantizer.enabled)


def test_unquantized_names_what_is_off_or_has_seen_nothing(trained):
    assert unquantized(trained) == []
    assert len(unquantized(Net())) == 6  # three layers, three activations
    set_quantization(trained, activations=False)
    assert "act.act_quant.fused_activation_quant_proxy.tensor_quant" in unquantized(trained)


def test_a_conv_learns_one_scale_per_output_channel_and_a_linear_layer_one(trained):
    assert trained.conv.weight_quant.tensor_quant.scale.shape == (3, 1, 1, 1)
    assert trained.fc.weight_quant.tensor_quant.scale.shape == ()


def test_weights_take_few_values(trained):
    levels = trained.eval().conv.quant_weight().value / trained.conv.weight_quant.scale()
    assert levels.round().unique().numel() <= 15
    assert levels.min() >= -7.001  # narrow range


def test_reading_weights_or_evaluating_changes_no_state(trained):
    before = {k: v.clone() for k, v in trained.state_dict().items()}
    trained.conv.quant_weight()
    trained.eval()
    trained(torch.rand(2, 1, 6, 6))
    trained.conv.quant_weight()
    with torch.no_grad():
        trained.conv.train().quant_weight()
    after = trained.state_dict()
    # Reading in training mode takes the statistic that the next step would have taken.
    assert all(torch.equal(after[k], v) for k, v in before.items() if k.split(".")[0] != "conv")
    counted = int(trained.conv.weight_quant.tensor_quant.batches)
    trained.conv.quant_weight()
    assert int(trained.conv.weight_quant.tensor_quant.batches) == counted


def test_an_addition_observes_both_addends_at_once():
    add = QuantAdd(PRECISION)
    set_quantization(add, activations=True)
    total = add(torch.tensor([-1.0, 0.5]), torch.tensor([8.0, 0.0]))
    assert add.quant.quantizer.batches == 1
    assert add.quant.quantizer.scale.item() == 1.0  # 8 / 2^3
    assert total.tolist() == [-1 + 7, 0]  # 0.5 rounds to even; 8 is clipped to 7


@pytest.mark.parametrize("way", ["state_dict", "deepcopy", "pickle"])
def test_state_survives(trained, way):
    if way == "state_dict":
        other = Net()
        other.load_state_dict(trained.state_dict())
    elif way == "deepcopy":
        other = copy.deepcopy(trained)
    else:
        other = pickle.loads(pickle.dumps(trained))  # noqa: S301
    image = torch.rand(2, 1, 6, 6)
    # Training goes on alike, statistics included ...
    train(trained, 2, seed=5)
    train(other, 2, seed=5)
    for (name, one), two in zip(
        trained.state_dict().items(), other.state_dict().values(), strict=True
    ):
        assert torch.equal(one, two), name
    # ... and so does evaluation, quantized.
    assert torch.equal(trained.eval()(image), other.eval()(image))
    set_quantization(other, weights=False, activations=False)
    assert not torch.equal(trained(image), other(image))


def test_copies_share_nothing(trained):
    other = copy.deepcopy(trained)
    other.load_state_dict(trained.state_dict())  # Brevitas builds quantizers anew here
    mine = {id(q) for q in quantizers(trained)}
    assert mine.isdisjoint(id(q) for q in quantizers(other))
    before = {k: v.clone() for k, v in trained.state_dict().items()}
    train(other, 1)
    assert all(torch.equal(v, before[k]) for k, v in trained.state_dict().items())


def test_a_state_with_other_channels_is_taken_with_its_shape(trained):
    quantizer = trained.conv.weight_quant.tensor_quant
    state = {k: v[:2] if k == "maximum" else v for k, v in quantizer.state_dict().items()}
    quantizer.load_state_dict(state)
    assert quantizer.maximum.shape == (2, 1, 1, 1)


def test_training_skips_quant_tensors_and_export_gets_them(trained):
    assert trained.conv.weight_quant.skip_create_quant_tensor
    trained.eval()
    assert trained.conv.quant_weight().bit_width == 4
    assert trained.act.act_quant.scale() == trained.act.quantizer.scale
