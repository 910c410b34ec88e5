"""Several processes train one network."""

import pytest
from tiny_training import share_right, tiny

from hwsubnet.data import load_data
from hwsubnet.models import load_network
from hwsubnet.prune import channels_to_keep, find_groups
from hwsubnet.train import train_dense, train_level

TWO = {"devices": 2, "checkpoint_every": 4}


@pytest.mark.slow
def test_two_processes_train_prune_and_quantize(tmp_path):
    config = tiny(training=TWO)
    dense = train_dense(config, tmp_path / "dense")
    assert dense.validation.float_ > 0.5
    half = train_level(config, dense, tmp_path / "dense", 0.5, tmp_path / "half")
    network = load_network(half.spec, tmp_path / "half" / half.weights.path)
    validation = load_data(config.data, config.seed).validation
    assert half.validation.quantized == share_right(network, validation) > 0.3  # chance: 0.1
    for group in find_groups(network):
        if group.prunable:
            assert group.mask.sum() == channels_to_keep(group.channels, 0.5)
