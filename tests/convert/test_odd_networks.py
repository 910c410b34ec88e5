"""Ways of writing a network that users have: understood, or refused with what to do."""

import copy
import pickle

import pytest
import torch
from support.training import exercise
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from hwsubnet.compact import remove_channels
from hwsubnet.convert import convert
from hwsubnet.errors import ModelError
from hwsubnet.prune import ChannelMask, find_groups
from hwsubnet.quant import QuantConv2d, QuantIdentity

SHAPE = (3, 8, 8)


class Written(nn.Module):
    """Two convolutions and a classifier; a function says how they are used."""

    def __init__(self, forward, inputs=8):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(inputs, 8, 3, padding=1)
        self.fc = nn.Linear(8, 5)
        self.body = forward

    def forward(self, x):
        return self.fc(self.body(self, x).mean((2, 3)))


def clamped(net, x):
    x = torch.clamp(net.a(x), 0, 6)
    return net.b(x).clamp(min=0)


def added_in_place(net, x):
    x = functional.relu(net.a(x))
    x += net.b(x)
    return functional.relu(x)


def scaled_in_place(net, x):
    x = functional.relu(net.a(x))
    x = functional.relu(net.b(x))
    x *= 0.5
    return x


def sizes_in_place(net, x):
    side = x.size(2)
    whole = side
    side *= 2
    x = functional.relu(net.b(functional.relu(net.a(x))))
    return functional.interpolate(x, (side, whole))


def one_layer_twice(net, x):
    return functional.relu(net.b(functional.relu(net.b(functional.relu(net.a(x))))))


@pytest.mark.parametrize(
    "forward", [clamped, added_in_place, scaled_in_place, sizes_in_place, one_layer_twice]
)
def test_it_computes_the_same_and_is_pruned(forward):
    torch.manual_seed(0)
    net = Written(forward).eval()
    images = torch.randint(256, (2, *SHAPE)) / 255
    assert torch.equal(convert(net, inputs=None)(images), net(images))
    network = convert(net)
    groups = find_groups(network)
    assert any(group.prunable for group in groups)
    exercise(network.train(), SHAPE, sparsity=0.5)
    small = remove_channels(network, groups)
    assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in net.parameters())
    torch.testing.assert_close(small(images), network(images))
    again = pickle.loads(pickle.dumps(network))  # noqa: S301
    for copied in (again, copy.deepcopy(network)):
        assert torch.equal(copied(images), network(images))


def test_a_clamp_is_a_site_as_a_relu_is():
    network = convert(Written(clamped))
    sites = [name for name, m in network.named_modules() if isinstance(m, ChannelMask)]
    assert sites == ["hardtanh.mask", "relu.mask"]
    assert network.relu.quant.quantizer.low == network.hardtanh.quant.quantizer.low == 0


def alias_of_a_sum(net, x):
    x = functional.relu(net.a(x))
    y = x
    x += net.b(x)
    return functional.relu(x + y)  # x + x, for both names are of one tensor


def alias_of_a_product(net, x):
    x = functional.relu(net.a(x))
    y = net.b(x)
    z = y
    y *= 2
    return y + z


@pytest.mark.parametrize(
    ("forward", "called"), [(alias_of_a_sum, "iadd"), (alias_of_a_product, "imul")]
)
def test_what_changes_under_another_name_is_refused(forward, called):
    with pytest.raises(
        ModelError, match=rf"{called}: works in place .* read again later; .*a \+ b"
    ):
        convert(Written(forward))


def halves(net, x):
    one, two = torch.split(functional.relu(net.a(x)), 4, dim=1)
    return torch.cat([functional.relu(net.b(one)), two], 1)[:, :8]


def test_parts_of_a_split_are_quantized_where_it_is_made():
    torch.manual_seed(0)
    net = Written(halves, inputs=4).eval()
    images = torch.randint(256, (2, *SHAPE)) / 255
    assert torch.equal(convert(net, inputs=None)(images), net(images))
    network = convert(net)
    assert isinstance(network.relu.quant, QuantIdentity)
    (why,) = {g.exempt for g in find_groups(network) if g.name == "a"}
    assert why == "go through split, and are not followed"
    exercise(network.train(), SHAPE)


class Recurrent(nn.Module):
    """Several results of one call, of which none is a tensor of images."""

    def __init__(self):
        super().__init__()
        self.rows, self.fc = nn.LSTM(24, 6, batch_first=True), nn.Linear(6, 5)

    def forward(self, x):
        states, _ = self.rows(x.transpose(1, 2).flatten(2))
        return self.fc(states[:, -1])


def test_one_of_several_results_has_a_site_of_its_own():
    torch.manual_seed(0)
    net, images = Recurrent().eval(), torch.randint(256, (2, *SHAPE)) / 255
    assert torch.equal(convert(net, inputs=None)(images), net(images))
    network = convert(net)
    exercise(network.train(), SHAPE)


class Convolution(nn.Conv2d):
    """Only its arguments are the user's."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, 3, padding=1)


class Norm(nn.BatchNorm2d):
    pass


class Standardized(nn.Conv2d):
    """Computes something of its own."""

    def forward(self, x):
        return functional.conv2d(x, self.weight - self.weight.mean(), self.bias, padding=1)


def test_a_class_that_only_renames_one_of_pytorch_is_that_one():
    torch.manual_seed(0)
    net = nn.Sequential(Convolution(3, 8), Norm(8), nn.ReLU(), nn.Conv2d(8, 2, 1)).eval()
    images = torch.randint(256, (2, *SHAPE)) / 255
    network = convert(net, inputs=None)
    assert torch.equal(network(images), net(images))
    assert isinstance(network.get_submodule("0"), QuantConv2d)
    assert [g.prunable for g in find_groups(network)] == [True, False]
    assert type(net[0]) is Convolution, "the user's network stays as it is"
    own = convert(nn.Sequential(Standardized(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 2, 1)))
    assert not any(isinstance(m, QuantConv2d) and m.in_channels == 3 for m in own.modules())


class AnyNumber(nn.Module):
    def forward(self, *images):
        return images[0]


class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 2, 1)

    def forward(self, x, *more, **options):
        return self.layer(x)


@pytest.mark.parametrize(
    ("net", "told"),
    [
        (AnyNumber(), r"AnyNumber: takes any number of inputs \(\*images\); name them"),
        (torch.jit.script(nn.Sequential(nn.Conv2d(3, 2, 1))), "is TorchScript, which cannot be"),
        (nn.Sequential(weight_norm(nn.Conv2d(3, 2, 1))), "^0: computes its weights from other"),
    ],
    ids=["any number", "torchscript", "parametrized"],
)
def test_what_cannot_be_converted_is_one_line_with_the_way_out(net, told):
    with pytest.raises(ModelError, match=told):
        convert(net)


def test_arguments_that_nothing_reads_are_left_out():
    images = torch.rand(2, *SHAPE)
    net = Unused().eval()
    assert torch.equal(convert(net, inputs=None)(images), net(images))
