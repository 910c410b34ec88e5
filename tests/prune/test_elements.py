"""Unstructured pruning: exactly so many weights of each layer are 0, and stay so."""

import copy
import json

import pytest
import torch
from hypothesis import given
from support.networks import PRECISION, RandomNetwork, recipes
from torch import nn

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.models import build
from hwsubnet.prune.elements import count_zeros, find_elements
from hwsubnet.prune.masks import channels_to_keep
from hwsubnet.prune.schedules import Timing, Unstructured
from hwsubnet.quant import QuantLinear, set_quantization

TIMING = Timing(start=2, interval=3, refresh=1)
SPEC = NetworkSpec(name="lenet", input_shape=(1, 8, 8), classes=10, width=0.25)


def network() -> nn.Module:
    torch.manual_seed(0)
    return build(SPEC)


def optimizer_of(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-2)


def learn(model, optimizer, schedule, steps):
    """Train on noise; note how many weights are 0 after each step."""
    zeros = []
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        images = torch.rand(8, 1, 8, 8, generator=generator)
        optimizer.zero_grad()
        model.train()(images).square().mean().backward()
        optimizer.step()
        schedule.step()
        zeros.append(count_zeros(model))
    return zeros


@pytest.mark.parametrize("sparsity", [0.25, 0.35, 0.5, 0.75, 0.9])
def test_every_layer_loses_exactly_its_share(sparsity):
    model = network()
    schedule = Unstructured(find_elements(model), sparsity, TIMING)
    learn(model, optimizer_of(model), schedule, range(schedule.end))
    assert schedule.done
    layers = {
        name: layer.weight
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    }
    assert len(layers) == 5
    for name, weight in layers.items():
        kept = channels_to_keep(weight.numel(), sparsity)
        assert int((weight != 0).sum()) == kept, name


def test_zeros_rise_as_a_cube_and_stay_through_every_step():
    model = network()
    schedule = Unstructured(find_elements(model), 0.75, TIMING)
    zeros = learn(model, optimizer_of(model), schedule, range(schedule.end + 4))
    sizes = [part.channels for part in find_elements(model)]
    expected, gone = [], 0
    for step in range(schedule.end + 4):
        passed, off = divmod(step - TIMING.start, TIMING.interval)
        if off == 0 and 0 <= passed < 5:
            share = 0.75 * (1 - (1 - (passed + 1) / 5) ** 3)
            gone = sum(size - channels_to_keep(size, share) for size in sizes)
        expected.append(gone)
    assert zeros == expected


def test_the_largest_magnitudes_stay():
    layer = QuantLinear(4, 1, bias=False, precision=PRECISION)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.5, -3.0, 1.0, 0.25]]))
    model = nn.Sequential(layer)
    schedule = Unstructured(find_elements(model), 0.5, Timing(0, 1, 1))
    while not schedule.done:
        schedule.step()
    assert layer.weight.tolist() == [[0, -3, 1, 0]]


def test_equal_magnitudes_are_pruned_too():
    layer = nn.Conv2d(2, 3, 3)
    nn.init.constant_(layer.weight, 0.5)
    schedule = Unstructured(find_elements(nn.Sequential(layer)), 0.5, Timing(0, 1, 1))
    while not schedule.done:
        schedule.step()
    assert int((layer.weight != 0).sum()) == 27


# Zeros are chosen after steps 2, 5, 8, 11 and 14.
@pytest.mark.parametrize("stops", [(0,), (3,), (6, 9), (15,), (1, 2, 17)])
def test_resumed_anywhere_it_ends_the_same(stops):
    whole = network()
    schedule = Unstructured(find_elements(whole), 0.5, TIMING)
    steps = schedule.end + 3
    learn(whole, optimizer_of(whole), schedule, range(steps))

    model = network()
    optimizer, schedule = optimizer_of(model), Unstructured(find_elements(model), 0.5, TIMING)
    done = 0
    for stop in [*stops, steps]:
        learn(model, optimizer, schedule, range(done, stop))
        done = stop
        state = json.loads(json.dumps(schedule.state_dict()))
        weights, momenta = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
        model = build(SPEC)
        schedule = Unstructured(find_elements(model), 0.5, TIMING)
        model.load_state_dict(weights)
        schedule.load_state_dict(state)
        optimizer = optimizer_of(model)
        optimizer.load_state_dict(momenta)
    for name, value in whole.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


@given(recipes)
def test_a_zero_weight_is_zero_when_quantized(recipe):
    model = RandomNetwork(recipe)
    for part in find_elements(model):
        part.set_mask(torch.arange(part.channels) % 2 == 0)
    set_quantization(model, weights=True)
    model.train()(torch.rand(2, 2, 6, 6))
    for part in find_elements(model):
        quantized = part.layer.quant_weight()
        assert not quantized[part.layer.weight == 0].any()
