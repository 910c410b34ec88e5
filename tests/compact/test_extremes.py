"""Exact counts at every level, also where groups are huge, tiny or all alike."""

import pytest
import torch
from support.training import exercise
from torch import nn

from hwsubnet.compact import remove_channels
from hwsubnet.convert import convert
from hwsubnet.prune import ChannelMask, find_groups
from hwsubnet.prune.schedules import OneShot, Timing

IMAGES = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))


class Chain(nn.Module):
    """A layer, and others that each add to the same channels."""

    def __init__(self, channels, additions):
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 3, padding=1)
        self.layers = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(additions))
        self.head = nn.Conv2d(channels, 2, 1)

    def forward(self, x):
        x = self.stem(x).relu()
        for layer in self.layers:
            x = (x + layer(x)).relu()
        return self.head(x)


def pruned(network, sparsity, importance):
    """Prune by a schedule, in one shot, after two training passes."""
    groups = find_groups(network)
    schedule = OneShot(groups, sparsity, Timing(0, 1, 1), measure=importance)
    while not schedule.done:
        network(IMAGES).sum().backward()
        schedule.step()
    return groups


def test_a_group_of_twenty_layers_lives_and_dies_together():
    network = convert(Chain(10, additions=19))
    (group, end) = pruned(network, 0.4, "activation-l1")
    assert (group.channels, len(group.producers), group.exempt) == (10, 20, None)
    assert len(group.sites) == 20 + 19  # behind each ReLU, and in front of each addition
    assert all(int(m.keep.sum()) == 6 for m in network.modules() if isinstance(m, ChannelMask))
    exercise(network, (1, 4, 4), sparsity=0.4).double()
    compact = remove_channels(network, (group, end))
    layers = [module for module in compact.modules() if isinstance(module, nn.Conv2d)]
    assert {(layer.in_channels, layer.out_channels) for layer in layers} == {(1, 6), (6, 6), (6, 2)}
    torch.testing.assert_close(compact(IMAGES.double()), network(IMAGES.double()))


@pytest.mark.parametrize("sparsity", [0, 0.1, 0.25, 0.5, 0.75, 0.9])
@pytest.mark.parametrize("importance", ["activation-l1", "activation-l0", "weight-l1"])
def test_counts_are_exact_where_all_importances_are_tied(sparsity, importance):
    net = Chain(20, additions=1)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(0.01)
    network = convert(net)
    (group, end) = pruned(network, sparsity, importance)
    kept = 20 - round(20 * sparsity)
    assert group.mask.tolist() == [True] * kept + [False] * (20 - kept)
    compact = remove_channels(network, (group, end))
    assert compact.stem.out_channels == kept


@pytest.mark.parametrize("sparsity", [0, 0.5, 0.9])
def test_one_channel_layers_stay(sparsity):
    network = convert(Chain(1, additions=1))
    (group, _) = groups = pruned(network, sparsity, "activation-l1")
    assert group.exempt == "cannot be fewer than one"
    assert group.mask.tolist() == [True]
    assert remove_channels(network, groups).stem.out_channels == 1


def test_sparsity_0_changes_nothing_at_all():
    network = exercise(convert(Chain(4, additions=2)), (1, 4, 4), sparsity=0)
    compact = remove_channels(network, find_groups(network))
    assert torch.equal(compact(IMAGES), network(IMAGES))
    for name, tensor in network.state_dict().items():
        assert torch.equal(compact.state_dict()[name], tensor), name
