"""What can be written in many ways converts alike; what cannot be converted names the line."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from hwsubnet.compact import remove_channels
from hwsubnet.convert import convert
from hwsubnet.errors import ModelError
from hwsubnet.prune import ChannelMask, find_groups

IMAGES = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))


class Written(nn.Module):
    """Two layers, with something between them and something before the last."""

    def __init__(self, between, flatten=None, features=256):
        super().__init__()
        self.first, self.between = nn.Conv2d(1, 4, 3, padding=1), between
        self.flatten = flatten or (lambda x: torch.flatten(x, 1))
        self.last = nn.Linear(features, 2)

    def forward(self, x):
        return self.last(self.flatten(self.between(self.first(x))))


@pytest.mark.parametrize(
    "activation",
    [
        nn.ReLU(), nn.ReLU(inplace=True), functional.relu, torch.relu, lambda x: x.relu(),
        lambda x: functional.relu(x, inplace=True), nn.ReLU6(), functional.relu6,
        lambda x: functional.leaky_relu(x, 0.2), lambda x: functional.elu(x, alpha=0.5),
        lambda x: functional.hardtanh(x, -2.0, 2.0),
        lambda x: functional.gelu(x, approximate="tanh"),
        functional.silu, functional.hardswish, torch.sigmoid, lambda x: x.tanh(), nn.PReLU(),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)  # fmt: skip
def test_activations_are_sites_however_they_are_written(activation):
    net = Written(activation)
    converted = convert(net, inputs=None)
    torch.testing.assert_close(converted(IMAGES), net(IMAGES))
    masks = [module for module in converted.modules() if isinstance(module, ChannelMask)]
    assert [len(mask.keep) for mask in masks] == [4]
    (first, _) = find_groups(converted)
    assert first.prunable
    assert len(first.consumers[0].index) == 256


def swapped_halves(x):
    left, right = functional.relu(x).chunk(2, dim=1)
    return torch.cat([right, left], 1)


@pytest.mark.parametrize(
    ("between", "flatten", "features"),
    [
        (functional.relu, lambda x: x.view(x.size(0), -1), 256),
        (functional.relu, lambda x: x.view(-1, 256), 256),
        (functional.relu, lambda x: x.reshape(x.shape[0], 4 * 8 * 8), 256),
        (functional.relu, nn.Flatten(), 256),
        (functional.relu, lambda x: x.mean([2, 3]), 4),
        (functional.relu, lambda x: x.mean((-1, -2), keepdim=True).flatten(1), 4),
        (functional.relu, lambda x: functional.avg_pool2d(x, 8).squeeze(-1).squeeze(-1), 4),
        (nn.Sequential(nn.ReLU(), nn.Dropout(0.0)), None, 256),
        (swapped_halves, None, 256),
    ],
    ids=["size", "literal", "product", "module", "mean", "keepdim", "squeeze", "drop", "chunk"],
)
def test_flattenings_follow_the_channels_that_are_left(between, flatten, features):
    net = Written(between, flatten, features)
    converted = convert(net, inputs=None)
    torch.testing.assert_close(converted(IMAGES), net(IMAGES))
    (first, _) = groups = find_groups(converted)
    keep = torch.arange(first.channels) > 0
    first.set_mask(keep)
    compact = remove_channels(converted, groups)
    torch.testing.assert_close(compact(IMAGES), converted.eval()(IMAGES))
    assert compact.last.in_features == features * sum(keep) // len(keep)


def test_features_that_become_an_image_live_and_die_by_channels():
    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.up = nn.Linear(5, 3 * 2 * 2), nn.ConvTranspose2d(3, 1, 2, stride=2)

        def forward(self, code):
            return self.up(functional.relu(self.fc(code)).view(-1, 3, 2, 2))

    net, code = Decoder(), torch.rand(4, 5)
    converted = convert(net, inputs=None)
    torch.testing.assert_close(converted(code), net(code))
    first = find_groups(converted)[0]
    assert (first.channels, first.exempt) == (3, None)
    assert first.producers[0].index.tolist() == [c for c in range(3) for _ in range(4)]
    first.set_mask(torch.tensor([True, False, True]))
    compact = remove_channels(converted, find_groups(converted))
    assert compact.fc.out_features == 8
    assert compact.up.in_channels == 2
    torch.testing.assert_close(compact(code), converted(code))


def test_branches_on_values_name_the_line():
    class Branching(nn.Module):
        def forward(self, x):
            if x.sum() > 0:
                return x
            return -x

    with pytest.raises(ModelError) as caught:
        convert(nn.Sequential(nn.Conv2d(1, 1, 1), Branching()))
    text = str(caught.value)
    line = Branching.forward.__code__.co_firstlineno + 1
    assert text.startswith(f"{__file__}:{line}: Sequential cannot be traced by torch.fx at 'if x")
    assert "\n" not in text


def test_faults_in_forward_name_the_line():
    class Broken(nn.Module):
        def forward(self, x):
            return self.missing(x)

    with pytest.raises(ModelError, match=r"at 'return self.missing\(x\)' .*has no attribute"):
        convert(Broken())


def test_what_differs_between_training_and_evaluation_is_refused():
    class Auxiliary(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 2, 1), nn.Conv2d(2, 2, 1)

        def forward(self, x):
            x = self.conv(x)
            return (self.head(x), x) if self.training else self.head(x)

    with pytest.raises(ModelError, match="in training, but 'return head' in evaluation"):
        convert(Auxiliary())


def test_a_dropout_that_stays_on_in_evaluation_is_refused():
    with pytest.raises(ModelError, match=r"does 'dropout = self\.dropout.* in training, but"):
        convert(Written(lambda x: functional.dropout(x, 0.5)))


@pytest.mark.parametrize("activation", [nn.ReLU(inplace=True), torch.relu_])
def test_in_place_functions_whose_input_is_read_again_are_refused(activation):
    class Aliased(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.relu = nn.Conv2d(1, 2, 1), activation

        def forward(self, x):
            x = self.conv(x)
            return self.relu(x) + x

    with pytest.raises(ModelError, match="works in place on a tensor that is read again later"):
        convert(Aliased())


def test_arguments_with_defaults_keep_them():
    class Optional(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 1)

        def forward(self, x, targets=None, scale=2.0, features=False):
            x = self.conv(x) * scale
            if features or targets is not None:
                return targets
            return x

    net = Optional()
    torch.testing.assert_close(convert(net, inputs=None)(IMAGES), net(IMAGES))
    assert [n.name for n in convert(net).graph.nodes if n.op == "placeholder"] == ["x"]


def test_names_that_a_traced_network_has_itself_get_an_underscore():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.code = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 1))
            self.graph = nn.Parameter(torch.ones(1))

        def forward(self, x):
            return self.code(x) * self.graph

    net = Named()
    converted = convert(net, inputs=None)
    torch.testing.assert_close(converted(IMAGES), net(IMAGES))
    assert {name.split(".")[0] for name, _ in converted.named_parameters()} == {"code_", "graph_"}
