"""Rankings given sparse predecessors, on networks whose rankings are known beforehand."""

import pytest
import torch
from torch import nn

from hwsubnet.analysis import compare, experiment
from hwsubnet.analysis.experiment import KINDS, LAYERS, groups_of, make_model, run_model
from hwsubnet.config import DataConfig
from hwsubnet.data import load_data
from hwsubnet.prune import ChannelMask, find_groups


class Two(nn.Module):
    """Two linear layers; of the second's channels the first ones live on the first's last one."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(1, 2, bias=False), nn.Linear(2, 3, bias=False)
        self.end = nn.Linear(3, 1)
        self.first, self.second = ChannelMask(2), ChannelMask(3)
        with torch.no_grad():
            self.one.weight.copy_(torch.tensor([[1.0], [0.5]]))
            self.two.weight.copy_(torch.tensor([[0.0, 8.0], [2.0, 2.0], [1.0, 0.0]]))

    def forward(self, x):
        return self.end(self.second(self.two(self.first(self.one(x)))))


def named(network):
    return [(group.name, group) for group in find_groups(network) if group.prunable]


def test_a_layer_that_lived_on_a_pruned_channel_is_ranked_anew():
    network = Two()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    batches = [torch.ones(2, 1), 2 * torch.ones(2, 1)]
    noise, half = compare(network, named, batches, [0.5])
    # Dense: 4, 3, 1 on ones. Without the first layer's second channel: 0, 2, 1.
    assert (half.layer, half.channels, half.sparsity) == ("two", 3, 0.5)
    assert half.tau == (1 - 2) / 3
    assert half.edits == 2  # 0 1 2 to 1 2 0
    assert half.edited == 2 / 3
    assert (noise.sparsity, noise.tau, noise.edits) == (0, 1, 0)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_masks_of_earlier_layers_are_on_and_later_ones_off(monkeypatch):
    seen = []
    network = Two()
    original = ChannelMask.observe

    def observe(mask, on):
        if on:
            seen.append(int(mask.keep.sum()))
        original(mask, on)

    monkeypatch.setattr(ChannelMask, "observe", observe)
    compare(network, named, [torch.ones(2, 1)] * 2, [0.5])
    assert seen == [2, 3] * 3 + [2, 3]  # nothing is measured behind its own mask


@pytest.fixture(scope="module")
def digits():
    return load_data(DataConfig(train_images=400, augment=False), 0).train


@pytest.mark.parametrize("kind", KINDS)
def test_layers_have_the_names_of_the_model(kind):
    model = make_model(kind, (1, 8, 8), 10)
    names = [name for name, _ in groups_of(kind, model)]
    assert names == list(LAYERS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_learns_and_is_compared_alike_from_its_seed_alone(kind, digits, monkeypatch):
    losses = []
    train = experiment.train_model

    def watched(kind, model, split, **options):
        untrained = train(kind, model, split, **options | {"epochs": 1})
        losses.append((untrained, train(kind, model, split, **options)))

    monkeypatch.setattr(experiment, "train_model", watched)
    state = torch.get_rng_state()
    found = run_model(kind, digits, 10, seed=3, epochs=2, sparsities=(0.5,))
    assert losses[0][1] < losses[0][0]
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    assert run_model(kind, digits, 10, seed=3, epochs=2, sparsities=(0.5,)) == found
    assert run_model(kind, digits, 10, seed=4, epochs=2, sparsities=(0.5,)) != found
    compared = LAYERS[kind][1:]
    assert [c.layer for c in found] == list(compared) * 2
    assert [c.sparsity for c in found] == [0.0] * len(compared) + [0.5] * len(compared)
    assert all(-1 <= c.tau <= 1 and 0 <= c.edited <= 1 for c in found)
