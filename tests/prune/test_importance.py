"""The three measures."""

import torch
from torch import nn

from hwsubnet.prune.importance import MEASURES, filter_l1, mean_magnitude, share_nonzero


def test_activation_measures_are_per_channel_means():
    x = torch.tensor([[[[1.0, -3.0]], [[0.0, 0.0]]], [[[0.0, 4.0]], [[0.0, 2.0]]]])  # (2, 2, 1, 2)
    assert mean_magnitude(x).tolist() == [2.0, 0.5]
    assert share_nonzero(x).tolist() == [0.75, 0.25]
    flat = torch.tensor([[1.0, 0.0], [-3.0, 2.0]])
    assert mean_magnitude(flat).tolist() == [2.0, 1.0]


def test_filters_are_measured_along_their_output_channels():
    with torch.no_grad():
        conv, transposed, linear = nn.Conv2d(2, 3, 1), nn.ConvTranspose2d(2, 3, 1), nn.Linear(2, 3)
        for layer in (conv, transposed, linear):
            layer.weight.copy_(torch.arange(-3.0, 3.0).reshape(layer.weight.shape))
    assert filter_l1(conv).tolist() == [5, 1, 3]
    assert filter_l1(linear).tolist() == [5, 1, 3]
    assert filter_l1(transposed).tolist() == [3, 3, 3]


def test_measures_are_those_of_the_configuration():
    from hwsubnet.config import PruningConfig

    for measure in MEASURES:
        assert PruningConfig(importance=measure).importance == measure
