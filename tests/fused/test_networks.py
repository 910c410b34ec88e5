"""Fused networks: what is found in them, and that training one is training the other."""

import copy
import logging
import pickle

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.compact.removal import remove_channels
from hwsubnet.convert import convert
from hwsubnet.fused import fuse, graph, native
from hwsubnet.fused.modules import FusedLayer, FusedSite
from hwsubnet.models import build
from hwsubnet.prune import find_groups
from hwsubnet.quant import set_quantization, unquantized

pytestmark = pytest.mark.skipif(native.kernels() is None, reason="no C++ compiler")


def network(name="resnet8", *, on=True):
    torch.manual_seed(0)
    made = build(NetworkSpec(name=name, input_shape=(3, 16, 16), classes=10, width=0.25))
    set_quantization(made, weights=on, activations=on)
    return made.train()


def images(count=6, seed=0):
    torch.manual_seed(seed)
    return torch.rand(count, 3, 16, 16)


def train(model, parameters, steps, *, forwards=1, seed=0):
    optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9)
    for step in range(steps):
        optimizer.zero_grad()
        for again in range(forwards):
            scores = model(images(seed=seed + 10 * step + again))
            functional.cross_entropy(scores, torch.arange(6)).backward()
        optimizer.step()


def same(one, other):
    states = zip(one.state_dict().items(), other.state_dict().values(), strict=True)
    return [key for (key, a), b in states if not torch.equal(a, b)]


@pytest.mark.parametrize(
    ("name", "sites", "left"),
    [
        ("resnet8", 9, set()),
        ("cnv", 5, set()),
        ("mlp", 4, set()),
        ("mobilenetv2", None, {nn.ReLU6}),
        ("densenet40", None, set()),
    ],
)
def test_what_is_fused(name, sites, left):
    made = network(name)
    fused = fuse(made)
    kinds = [type(module) for module in dict(fused.named_children()).values()]
    assert sites is None or kinds.count(FusedSite) == sites
    assert {nn.BatchNorm2d, nn.BatchNorm1d, nn.ReLU, nn.ReLU6} & set(kinds) <= left
    layers = [m for m in made.modules() if hasattr(m, "weight_quant")]
    assert kinds.count(FusedLayer) == len(layers)
    assert {id(p) for p in fused.parameters()} == {id(p) for p in made.parameters()}
    fused(images())
    assert unquantized(made) == []


def test_in_float_it_computes_the_same_but_for_the_order_of_sums():
    plain, made = network(on=False), network(on=False)
    fused = fuse(made)
    for seed in range(2):
        torch.testing.assert_close(fused(images(seed=seed)), plain(images(seed=seed)))
    train(fused, made.parameters(), 1)
    train(plain, plain.parameters(), 1)
    for one, other in zip(made.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-5)


def test_evaluation_is_that_of_the_network():
    made = network()
    fused = fuse(made)
    train(fused, made.parameters(), 2)
    wanted = made.eval()(images())
    assert torch.equal(fused.eval()(images()), wanted)
    assert torch.equal(fused.train()(images()), made.train()(images())) is False  # trains again


@pytest.mark.parametrize("way", ["state_dict", "deepcopy", "pickle", "pickled network"])
def test_training_goes_on_from_a_copy_bit_for_bit(way):
    made = network()
    for group in find_groups(made):
        if group.prunable:
            group.set_mask(torch.arange(group.channels) % 4 > 0)
            group.observe(True)
    fused = fuse(made)
    train(fused, made.parameters(), 2)
    if way == "state_dict":
        other = network()
        other.load_state_dict(made.state_dict())
        other_fused = fuse(other)
    elif way == "pickled network":
        other = pickle.loads(pickle.dumps(made))  # noqa: S301
        other_fused = fuse(other)
    elif way == "pickle":
        other = other_fused = pickle.loads(pickle.dumps(fused))  # noqa: S301
    else:
        other = other_fused = copy.deepcopy(fused)
    train(fused, made.parameters(), 2, seed=5)
    train(other_fused, other.parameters(), 2, seed=5)
    if way in ("state_dict", "pickled network"):
        assert same(made, other) == []
    else:
        assert same(fused, other) == []
    assert torch.equal(fused.eval()(images()), other_fused.eval()(images()))
    assert torch.equal(made.eval()(images()), fused(images()))


def test_a_state_loaded_after_fusing_is_the_one_that_trains():
    """Loading makes Brevitas build new quantizers."""
    made, other = network(), network()
    fused = fuse(made)
    train(other, other.parameters(), 2)
    made.load_state_dict(other.state_dict())
    train(fused, made.parameters(), 1)
    counted = {int(value) for key, value in made.state_dict().items() if key.endswith("batches")}
    assert 3 in counted
    assert 1 not in counted


def counters(model):
    return {
        key: int(value)
        for key, value in model.state_dict().items()
        if key.endswith(("batches", "num_batches_tracked"))
    }


@pytest.mark.parametrize("forwards", [1, 2, 3])
def test_statistics_are_counted_as_without_kernels(forwards):
    """Several forward passes a step: gradient accumulation, a generator called twice."""
    plain, made = network(), network()
    for one in (plain, made):
        for group in find_groups(one):
            group.observe(True)
    train(plain, plain.parameters(), 2, forwards=forwards)
    train(fuse(made), made.parameters(), 2, forwards=forwards)
    assert counters(made) == counters(plain)


def test_two_forward_passes_before_one_backward_pass():
    """As CycleGAN's generators: the gradients are the sum of those of each pass alone."""
    made = network()
    fused = fuse(made)
    train(fused, made.parameters(), 1)
    frozen = {key: value.clone() for key, value in made.state_dict().items()}
    first, second = images(seed=1), images(seed=2)

    def gradients(call):
        made.load_state_dict(frozen)
        fused.train().zero_grad()
        call()
        return [parameter.grad.clone() for parameter in made.parameters()]

    def joint():
        (fused(first).square().sum() + fused(second).square().sum()).backward()

    def apart():
        fused(first).square().sum().backward()
        fused(second).square().sum().backward()

    for one, other in zip(gradients(joint), gradients(apart), strict=True):
        torch.testing.assert_close(one, other)


def test_a_compact_network_is_fused_too():
    made = network()
    for group in find_groups(made):
        if group.prunable:
            group.set_mask(torch.arange(group.channels) % 2 == 0)
    train(fuse(made), made.parameters(), 2)
    smaller = remove_channels(made, find_groups(made))
    torch.testing.assert_close(smaller(images()), made.eval()(images()))
    train(fuse(smaller.train()), smaller.parameters(), 1)


class Shared(nn.Module):
    """A norm whose result two layers read, and a ReLU that runs twice."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm, self.relu = nn.BatchNorm2d(4), nn.ReLU()
        self.left, self.right = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        x = self.norm(self.conv(x))
        return self.relu(self.left(x) + self.right(self.relu(x))).mean([2, 3])


def test_a_converted_network_with_shared_values():
    torch.manual_seed(0)
    plain = convert(Shared()).train()
    made = copy.deepcopy(plain)
    fused = fuse(made)
    assert any(isinstance(module, FusedSite) for module in fused.modules())
    for _ in range(2):
        torch.testing.assert_close(fused(images()), plain(images()))
    assert counters(made) == counters(plain)


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


def test_what_cannot_be_traced_trains_as_it_is(caplog):
    made = Branching()
    with caplog.at_level(logging.WARNING):
        assert fuse(made) is made
    assert "cannot be traced" in caplog.text


def test_without_a_compiler_the_network_trains_as_it_is(monkeypatch):
    monkeypatch.setattr(graph.native, "kernels", lambda: None)
    made = network()
    fused_before = fuse(made)
    assert fused_before is made


def test_a_fused_network_trains_where_there_is_no_compiler(monkeypatch):
    """A pickle may come from elsewhere."""
    plain, made = network(), network()
    fused = fuse(made)
    monkeypatch.setattr(native, "kernels", lambda: None)
    train(fused, made.parameters(), 1)
    train(plain, plain.parameters(), 1)
    assert same(plain, made) == []


def _distributed(rank, path, results):
    dist.init_process_group("gloo", init_method=f"file://{path}", rank=rank, world_size=2)
    torch.set_num_threads(1)
    made = network()
    for group in find_groups(made):
        if group.prunable:
            group.set_mask(torch.arange(group.channels) % 2 == 0)
    model = DistributedDataParallel(fuse(made))
    train(model, made.parameters(), 3, seed=rank)
    made.eval()
    for buffer in made.buffers():
        dist.broadcast(buffer, src=0)
    torch.save(made.state_dict(), f"{results}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_train_one_network(tmp_path):
    torch.multiprocessing.spawn(
        _distributed, (str(tmp_path / "meeting"), str(tmp_path)), nprocs=2, join=True
    )
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    alone = network()
    train(fuse(alone), alone.parameters(), 3)
    alone.load_state_dict(first)
    assert {value for key, value in counters(alone).items() if "input" not in key} <= {0, 3}
    for group in find_groups(alone):
        if group.prunable:
            assert torch.equal(group.mask, torch.arange(group.channels) % 2 == 0)
