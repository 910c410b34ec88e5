"""A network that someone else wrote, from its float form to hardware nodes."""

import onnx
import pytest
import torch
from support.float_networks import SmallResNet
from support.hand_over import lowered, verified
from support.training import exercise
from torch import nn
from torch.nn import functional

from hwsubnet.convert import convert
from hwsubnet.prune import find_groups
from hwsubnet.prune.schedules import Layerwise, Timing
from hwsubnet.quant import set_quantization

SHAPE = (1, 8, 8)


@pytest.mark.parametrize("fold_norms", [False, True], ids=["norms kept", "norms folded"])
def test_a_residual_network_becomes_hardware_completely(tmp_path, fold_norms):
    torch.manual_seed(0)
    network = exercise(convert(SmallResNet(), fold_norms=fold_norms), SHAPE, sparsity=0.5)
    artifact, path = lowered(network, SHAPE, tmp_path)
    assert artifact.coverage.left == ()
    result = verified(artifact, path, SHAPE)
    assert result.differing == result.on_boundary
    layers = {
        entry.value
        for node in onnx.load(path).graph.node
        if node.op_type == "Conv"
        for entry in node.metadata_props
        if entry.key == "layer"
    }
    assert layers == {
        "stem", "layer1.conv1", "layer1.conv2", "layer2.down.0", "layer2.conv1", "layer2.conv2"
    }  # fmt: skip


class UShape(nn.Module):
    """A skip that is concatenated, nearest upsampling."""

    def __init__(self):
        super().__init__()
        self.down, self.bottom = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1)
        self.up, self.head = nn.Conv2d(10, 5, 3, padding=1), nn.Conv2d(5, 2, 1)

    def forward(self, x):
        skip = functional.relu(self.down(x))
        x = functional.relu(self.bottom(functional.max_pool2d(skip, 2)))
        x = torch.cat([skip, functional.interpolate(x, scale_factor=2)], dim=1)
        return self.head(functional.relu(self.up(x)))


def test_what_is_concatenated_for_a_layer_shares_a_scale_and_lowers(tmp_path):
    torch.manual_seed(0)
    network = exercise(convert(UShape()), SHAPE, sparsity=0.5)
    assert network.cat.quant.quantizer.low == 0  # both parts come from a ReLU
    artifact, path = lowered(network, SHAPE, tmp_path)
    assert artifact.coverage.left == ()
    result = verified(artifact, path, SHAPE)
    assert result.differing == result.on_boundary


class Dense(nn.Module):
    """Features that grow by concatenation; a norm and a ReLU read them."""

    def __init__(self):
        super().__init__()
        self.stem, self.one = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 3, 3, padding=1)
        self.norms = nn.ModuleList([nn.BatchNorm2d(4), nn.BatchNorm2d(7)])
        self.head = nn.Conv2d(7, 2, 1)

    def forward(self, x):
        x = self.stem(x)
        x = torch.cat([x, self.one(self.norms[0](x).relu())], 1)
        return self.head(self.norms[1](x).relu())


def test_what_is_concatenated_for_a_norm_keeps_its_own_scales_and_lowers(tmp_path):
    torch.manual_seed(0)
    network = exercise(convert(Dense()), SHAPE, sparsity=0.5)
    assert not hasattr(network, "cat")
    artifact, path = lowered(network, SHAPE, tmp_path)
    assert artifact.coverage.left == ()
    result = verified(artifact, path, SHAPE)
    assert result.differing == result.on_boundary


def test_a_schedule_of_the_package_prunes_it():
    torch.manual_seed(0)
    network = convert(SmallResNet())
    groups = find_groups(network)
    schedule = Layerwise(groups, 0.5, Timing(start=1, interval=1, refresh=1))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    first = network.stem.weight.detach().clone()
    while not schedule.done:
        optimizer.zero_grad()
        network(torch.rand(4, *SHAPE)).square().mean().backward()
        optimizer.step()
        schedule.step()
    assert [int(g.mask.sum()) for g in groups] == [4, 4, 6, 6, 10]
    assert not torch.equal(network.stem.weight, first)


def test_gradient_accumulation_and_two_forwards_a_step_count_activations_not_weights_twice():
    torch.manual_seed(0)
    network = convert(SmallResNet())
    set_quantization(network, weights=True, activations=True)
    for _ in range(2):
        network(torch.rand(2, *SHAPE)).sum().backward()
    assert network.stem.weight_quant.tensor_quant.batches == 1
    assert network.relu.quant.quantizer.batches == 2
