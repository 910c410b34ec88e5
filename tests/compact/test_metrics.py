"""Sizes and costs, against numbers worked out by hand and the tables of the paper."""

import pytest
import torch
from torch import nn

from hwsubnet.artifacts import NetworkSpec, Precision
from hwsubnet.compact import count, megabits, performance_density
from hwsubnet.convert import Selection, convert
from hwsubnet.models import build

RESNET32 = NetworkSpec(name="resnet32", input_shape=(3, 32, 32), classes=10)

TABLE_4 = [
    (8, 0.25, 92.53, 2.80, 7.57, 8.92),
    (8, 0.40, 91.77, 2.24, 6.06, 11.06),
    (8, 0.50, 90.16, 1.87, 5.05, 13.04),
    (4, 0.50, 87.30, 0.93, 2.52, 25.25),
]
"""Zhang, Colbert & Das (2022), ResNet-32 on CIFAR-10: bits, sparsity, accuracy in percent, Mb of
weights, Mb of activations, performance density."""


@pytest.fixture(scope="module")
def counts():
    return count(build(RESNET32), RESNET32.input_shape)


@pytest.mark.parametrize(
    ("bits", "sparsity", "accuracy", "weights", "activations", "density"), TABLE_4
)
def test_table_4_of_the_paper(counts, bits, sparsity, accuracy, weights, activations, density):
    ours = (
        megabits(counts.parameters, bits, sparsity),
        megabits(counts.activations_paper, bits, sparsity),
    )
    assert (round(ours[0], 2), round(ours[1], 2)) == (weights, activations)
    assert round(performance_density(accuracy / 100, *ours), 2) == density


def test_both_definitions_of_activations(counts):
    assert counts.parameters == 466_906
    # Each stage has eleven convolutions: ten in its blocks, and the stem or a shortcut.
    assert counts.activations == 11 * (16 * 32 * 32 + 32 * 16 * 16 + 64 * 8 * 8) == 315_392
    # Convolutions and norms, once each, and the ten scores; doubled.
    assert counts.activations_paper == 2 * (2 * 315_392 + 10) == 1_261_588


def test_bit_operations_follow_each_layers_bits():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(2, 3, 1), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 16, 5),
    )  # fmt: skip
    macs = (18 * 64, 6 * 16, 240)
    float_ = count(net, (1, 8, 8))
    assert float_.macs == sum(macs)
    assert float_.bit_operations == 32 * 32 * sum(macs)
    network = convert(
        net,
        Precision(weight_bits=4, activation_bits=3),
        weights=Selection(bits={-1: 8}),
        activations=Selection(exclude=[-1]),
    )
    expected = macs[0] * 4 * 8 + macs[1] * 4 * 3 + macs[2] * 8 * 32
    assert count(network, (1, 8, 8)).bit_operations == expected


def test_masks_do_not_count_until_channels_are_gone():
    network = build(NetworkSpec(name="lenet", input_shape=(1, 8, 8), classes=10))
    before = count(network, (1, 8, 8))
    network.body.conv1.activation.mask.set(torch.arange(16) < 8)
    assert count(network, (1, 8, 8)) == before
    assert before.bit_operations == before.macs * 16 + 16 * 25 * 64 * 4 * (8 - 4)
