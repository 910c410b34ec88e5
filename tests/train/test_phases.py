"""Learning rates, and when quantizers are switched on."""

import math

import pytest
import torch
from hypothesis import given, strategies as st

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.config import PhaseConfig
from hwsubnet.models import build
from hwsubnet.quant import unquantized
from hwsubnet.train.phases import Quantization, learning_rate


def test_cosine_goes_from_all_to_nothing():
    phase = PhaseConfig(learning_rate=0.1)
    assert learning_rate(phase, 0) == 0.1
    assert learning_rate(phase, 0.5) == pytest.approx(0.05)
    assert learning_rate(phase, 1) == pytest.approx(0)


@given(shares=st.lists(st.floats(0, 1), min_size=2, max_size=2))
def test_cosine_never_rises(shares):
    early, late = sorted(shares)
    phase = PhaseConfig(learning_rate=0.1)
    assert learning_rate(phase, early) >= learning_rate(phase, late)


def test_steps_multiply_at_each_milestone():
    # The published CIFAR recipe: 0.1, times 0.2 after 60, 120 and 160 of 200 epochs.
    phase = PhaseConfig(
        epochs=200, learning_rate=0.1, schedule="step", milestones=(0.3, 0.6, 0.8), decay=0.2
    )
    rates = [learning_rate(phase, epoch / 200) for epoch in range(200)]
    expected = [0.1] * 60 + [0.02] * 60 + [0.004] * 40 + [0.0008] * 40
    assert all(map(math.isclose, rates, expected))


def on(network) -> tuple[bool, bool]:
    """Whether weights and activations are switched on, all or none of each."""
    state = {True: set(), False: set()}
    for name, value in network.state_dict().items():
        if name.endswith("enabled") and not name.startswith("input"):
            state["weight_quant" in name].add(bool(value))
    weights, activations = state[True], state[False]
    assert len(weights) == len(activations) == 1
    return weights.pop(), activations.pop()


@pytest.mark.parametrize("resumed_at", [None, 0, 1, 2, 3, 4])
def test_quantizers_are_switched_on_each_at_its_step(resumed_at):
    spec = NetworkSpec(name="lenet", input_shape=(1, 8, 8), classes=10, width=0.25)
    network = build(spec)
    schedule = Quantization(network, weights_after=3, activations_after=1)
    told = []
    for step in range(5):
        if step == resumed_at:
            state, weights = schedule.state_dict(), network.state_dict()
            network = build(spec)
            schedule = Quantization(network, weights_after=3, activations_after=1)
            network.load_state_dict(weights)
            schedule.load_state_dict(state)
        told.append((*on(network), schedule.done))
        network.train()(torch.rand(4, 1, 8, 8)).sum().backward()
        schedule.step()
    assert told == [
        (False, False, False),
        (False, True, False),
        (False, True, False),
        (True, True, False),
        (True, True, True),
    ]
    assert unquantized(network) == []
