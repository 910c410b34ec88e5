"""The loop trains by the fused kernels, and by none it trains the same."""

import pytest
import torch
from safetensors.torch import load_file
from tiny_training import tiny

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.fused import native
from hwsubnet.fused.modules import FusedSite
from hwsubnet.models import build
from hwsubnet.train import loop, train_dense, train_level
from hwsubnet.train.acceleration import accelerated

CPU, OTHER = torch.device("cpu"), torch.device("meta")


@pytest.mark.skipif(native.kernels() is None, reason="no C++ compiler")
def test_only_on_the_cpu_and_if_wanted_is_anything_fused():
    network = build(NetworkSpec(name="lenet", input_shape=(1, 8, 8), classes=10, width=0.25))
    assert accelerated(network, "plain", CPU) is network
    assert accelerated(network, "fused", OTHER) is network
    fused = accelerated(network, "fused", CPU)
    assert any(isinstance(module, FusedSite) for module in fused.modules())


@pytest.mark.parametrize("kernels", ["plain", "fused"])
def test_the_loop_obeys(monkeypatch, tmp_path, kernels):
    seen = []

    def spy(network, kernels, device):
        seen.append(kernels)
        return accelerated(network, kernels, device)

    monkeypatch.setattr(loop, "accelerated", spy)
    train_dense(tiny(training={"kernels": kernels, "dense": {"epochs": 1}}), tmp_path)
    assert seen == [kernels]


def test_counters_and_numbers_of_masked_channels_are_as_without_kernels(dense, tmp_path):
    """Values are not: once sums differ in the last bit, levels at a border do, and all behind."""
    states = {}
    for kernels in ("plain", "fused"):
        config = tiny(training={"kernels": kernels})
        level = train_level(config, *dense, 0.5, tmp_path / kernels)
        states[kernels] = load_file(tmp_path / kernels / level.weights.path)
    assert states["plain"].keys() == states["fused"].keys()
    for name, one in states["plain"].items():
        other = states["fused"][name]
        if name.endswith(("batches", "num_batches_tracked", "enabled", "observing")):
            assert torch.equal(one, other), name
        elif name.endswith("keep"):
            assert one.sum() == other.sum(), name
