"""Groups tie exactly the channels that must live and die together."""

import pytest
import torch
from hypothesis import given
from support.networks import PRECISION, RandomNetwork, recipes
from torch import nn

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.errors import ConfigError, ModelError
from hwsubnet.models import build
from hwsubnet.models.blocks import Activation, ConvBlock
from hwsubnet.prune import MEASURES, ChannelMask, find_groups, select
from hwsubnet.prune.schedules import SCHEDULES, Layerwise, Timing
from hwsubnet.quant import QuantConv2d, QuantLinear


def names(members):
    return [member.name for member in members]


def conv(inputs, outputs, **geometry):
    return QuantConv2d(inputs, outputs, 1, precision=PRECISION, **geometry)


def test_a_chain_has_a_group_for_each_layer_and_its_output_is_exempt():
    spec = NetworkSpec(name="lenet", input_shape=(1, 8, 8), classes=10)
    groups = find_groups(build(spec))
    assert [(g.name, g.channels, g.prunable) for g in groups] == [
        ("body.conv1.conv", 16, True),
        ("body.conv2.conv", 32, True),
        ("body.fc1.linear", 128, True),
        ("body.fc2.linear", 64, True),
        ("classifier", 10, False),
    ]
    second = groups[1]
    assert names(second.producers) == ["body.conv2.conv"]
    assert names(second.norms) == ["body.conv2.norm"]
    assert names(second.sites) == ["body.conv2.activation.mask"]
    assert names(second.consumers) == ["body.fc1.linear"]
    # Channel c of 2×2 positions feeds columns 4 c to 4 c + 3 after the flattening.
    assert second.consumers[0].index.tolist() == [c for c in range(32) for _ in range(4)]


def test_a_residual_stage_is_one_group():
    spec = NetworkSpec(name="resnet20", input_shape=(3, 32, 32), classes=10)
    groups = {group.name: group for group in find_groups(build(spec))}
    stage = groups["body.stage2.0.conv2.conv"]
    assert names(stage.producers) == [
        "body.stage2.0.conv2.conv",
        "body.stage2.0.shortcut.conv",
        "body.stage2.1.conv2.conv",
        "body.stage2.2.conv2.conv",
    ]
    assert stage.prunable
    assert len(groups) == 1 + 3 * 3 + 2 + 1  # stem with stage 1, inner layers, stages 2 and 3, end
    inner = groups["body.stage2.1.conv1.conv"]
    assert names(inner.consumers) == ["body.stage2.1.conv2.conv"]


class Joined(nn.Module):
    """Two branches concatenated; an addition ties the first of them to a third."""

    def __init__(self):
        super().__init__()
        self.one, self.two = ConvBlock(1, 2, 1, PRECISION), ConvBlock(1, 3, 1, PRECISION)
        self.three = ConvBlock(1, 2, 1, PRECISION)
        self.reader = ConvBlock(5, 4, 1, PRECISION)
        self.end = conv(4, 1)

    def forward(self, x):
        one = self.one(x)
        wide = torch.cat([one, self.two(x)], dim=1)
        return self.end(self.reader(wide)) + (one + self.three(x)).mean(1, keepdim=True)


def test_concatenation_offsets_the_consumers_columns():
    class Plain(Joined):
        def forward(self, x):
            return self.end(self.reader(torch.cat([self.one(x), self.two(x)], dim=1)))

    groups = {group.name: group for group in find_groups(Plain())}
    assert groups["one.conv"].consumers[0].index.tolist() == [0, 1, -1, -1, -1]
    assert groups["two.conv"].consumers[0].index.tolist() == [-1, -1, 0, 1, 2]


class Tied(Joined):
    """Adds a third layer's channels to the joined ones."""

    def __init__(self):
        super().__init__()
        self.side = ConvBlock(5, 5, 1, PRECISION)

    def forward(self, x):
        wide = torch.cat([self.one(x), self.two(x)], dim=1)
        return self.end(self.reader(wide + self.side(wide)))


def test_adding_a_concatenation_ties_all_its_parts_channel_by_channel():
    group = find_groups(Tied())[0]
    assert group.channels == 5
    assert [(m.name, m.index.tolist()) for m in group.producers] == [
        ("one.conv", [0, 1]),
        ("two.conv", [2, 3, 4]),
        ("side.conv", [0, 1, 2, 3, 4]),
    ]
    with pytest.raises(ConfigError) as caught:
        group.set_mask(torch.tensor([False, False, True, True, True]))
    assert str(caught.value) == (
        "one.conv: would lose all 2 channels; choose a lower level or a wider layer"
    )


def test_a_level_leaves_every_tied_layer_a_channel():
    group = find_groups(Tied())[0]
    assert [layer.tolist() for layer in group.layers] == [[0, 1], [2, 3, 4], [0, 1, 2, 3, 4]]
    importance = torch.tensor([0.1, 0.2, 3.0, 4.0, 5.0])
    group.set_mask(select(importance, 0.6, layers=group.layers))
    assert group.mask.tolist() == [False, True, False, False, True]


def test_a_group_of_one_channel_keeps_it():
    class Narrow(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = ConvBlock(1, 1, 1, PRECISION), ConvBlock(1, 4, 1, PRECISION)
            self.end = conv(4, 1)

        def forward(self, x):
            return self.end(self.two(self.one(x)))

    narrow, wide, _ = find_groups(Narrow())
    assert not narrow.prunable
    assert narrow.exempt == "cannot be fewer than one"
    schedule = Layerwise((narrow, wide), 0.75, Timing(0, 1, 1))
    while not schedule.done:
        schedule.step()
    assert (narrow.mask.tolist(), int(wide.mask.sum())) == ([True], 1)


class Chain(nn.Module):
    """Nineteen blocks added one after the other to a stem: twenty layers, one group."""

    def __init__(self):
        super().__init__()
        self.stem = ConvBlock(1, 8, 1, PRECISION)
        self.blocks = nn.ModuleList(ConvBlock(8, 8, 3, PRECISION) for _ in range(19))
        self.end = conv(8, 2)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return self.end(x)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("name", ["layerwise", "one-shot", "stepwise"])
def test_a_group_of_twenty_layers_loses_the_same_channels_everywhere(name, measure):
    torch.manual_seed(0)
    model = Chain().train()
    chain, end = find_groups(model)
    assert (len(chain.producers), len(chain.sites), chain.channels) == (20, 20, 8)
    schedule = SCHEDULES[name]((chain, end), 0.75, Timing(1, 3, 1), measure=measure)
    while not schedule.done:
        model(torch.rand(2, 1, 4, 4)).sum().backward()
        schedule.step()
    assert int(chain.mask.sum()) == 2
    for member in chain.sites:
        assert torch.equal(member.module.keep, chain.mask)


def test_a_depthwise_layer_belongs_to_its_producers_group():
    class Depthwise(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = ConvBlock(1, 3, 1, PRECISION)
            self.depthwise = conv(3, 6, groups=3)
            self.activation = Activation(6, PRECISION)
            self.end = conv(6, 1)

        def forward(self, x):
            return self.end(self.activation(self.depthwise(self.stem(x))))

    group = find_groups(Depthwise())[0]
    assert group.channels == 3
    assert group.producers[1].index.tolist() == [0, 0, 1, 1, 2, 2]
    assert group.consumers[0].index.tolist() == [0, 0, 1, 1, 2, 2]
    group.set_mask(torch.tensor([True, False, True]))
    assert group.sites[1].module.keep.tolist() == [True, True, False, False, True, True]
    assert group.mask.tolist() == [True, False, True]


def test_a_reused_layer_ties_its_inputs_and_its_outputs():
    class Reused(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = ConvBlock(1, 2, 1, PRECISION), ConvBlock(1, 2, 1, PRECISION)
            self.shared, self.end = ConvBlock(2, 3, 1, PRECISION), conv(3, 1)

        def forward(self, x):
            return self.end(self.shared(self.one(x))) + self.end(self.shared(self.two(x)))

    groups = find_groups(Reused())
    assert [names(g.producers) for g in groups] == [
        ["one.conv", "two.conv"],
        ["shared.conv"],
        ["end"],
    ]


@pytest.mark.parametrize("case", ["no mask", "norm after the mask", "constant added", "grouped"])
def test_channels_that_a_layer_reads_past_their_mask_are_exempt(case):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.mask = conv(1, 4), ChannelMask(4)
            self.norm = nn.BatchNorm2d(4)
            self.end = conv(4, 2, groups=2 if case == "grouped" else 1)

        def forward(self, x):
            x = self.first(x)
            if case != "no mask":
                x = self.mask(x)
            if case == "norm after the mask":
                x = self.norm(x)
            if case == "constant added":
                x = x + 1
            return self.end(x)

    first = find_groups(Net())[0]
    assert not first.prunable
    if case != "no mask":
        with pytest.raises(ModelError, match="first: is exempt from pruning"):
            first.set_mask(torch.tensor([True, False, True, True]))


def test_channels_tied_to_the_networks_input_are_exempt():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.end = ConvBlock(2, 2, 1, PRECISION), conv(2, 1)

        def forward(self, x):
            return self.end(self.first(x) + x)

    assert [g.prunable for g in find_groups(Net())] == [False, False]


class Strange(nn.Module):
    def __init__(self, operation):
        super().__init__()
        self.first, self.end = conv(1, 4), conv(4, 1)
        self.operation = operation

    def forward(self, x):
        return self.end(self.operation(self.first(x)))


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        (nn.PixelShuffle(1), "go through PixelShuffle at operation, and are not followed"),
        (torch.sin, "go through sin, and are not followed"),
        (lambda x: torch.cat([x, x], 2), "go through cat, which does not join channels (dim=1)"),
        (nn.GroupNorm(2, 4), "go through GroupNorm at operation, which mixes channels"),
        (lambda x: x[:, [3, 2, 1, 0]], "go through getitem, and are not followed"),
        (lambda x: x.mean(1, keepdim=True) + x, "go through mean, and are not followed"),
        (lambda x: x + torch.ones(4, 1, 1), "are tied to channels that are not known"),
    ],
    ids=["module", "function", "axis", "mixing", "index", "mean", "constant"],
)
def test_channels_that_are_not_followed_are_exempt_and_say_why(operation, why):
    first = find_groups(Strange(operation))[0]
    assert first.exempt is not None
    assert first.exempt.startswith(why)
    with pytest.raises(ModelError, match="first: is exempt from pruning: its channels "):
        first.set_mask(torch.tensor([True, False, True, True]))


def test_a_network_that_cannot_be_traced_names_the_line():
    with pytest.raises(ModelError) as caught:
        find_groups(Strange(lambda x: x if x.sum() > 0 else -x))
    assert "test_groups.py:" in str(caught.value)
    assert "cannot be traced by torch.fx at" in str(caught.value)
    assert "if x.sum() > 0" in str(caught.value)


def test_importance_sums_over_sites_and_producers():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = conv(1, 2), conv(1, 2)
            self.mask_one, self.mask_two = ChannelMask(2), ChannelMask(2)
            self.end = QuantLinear(2, 1, bias=False, precision=PRECISION)

        def forward(self, x):
            x = self.mask_one(self.one(x)) + self.mask_two(self.two(x))
            return self.end(torch.flatten(x, 1))

    model = Net()
    with torch.no_grad():
        model.one.weight.copy_(torch.tensor([1.0, -2.0]).view(2, 1, 1, 1))
        model.two.weight.copy_(torch.tensor([0.0, 4.0]).view(2, 1, 1, 1))
    group = find_groups(model)[0]
    group.observe(True)
    model(torch.full((1, 1, 1, 1), 0.5))
    assert group.importance().tolist() == [0.5, 3.0]
    assert group.importance("activation-l0").tolist() == [1.0, 2.0]
    assert group.importance("weight-l1").tolist() == [1.0, 6.0]
    group.observe(False)
    model(torch.ones(1, 1, 1, 1))
    assert group.importance().tolist() == [0.5, 3.0]


@given(recipes)
def test_every_channel_of_every_layer_is_in_exactly_one_group(recipe):
    model = RandomNetwork(recipe)
    groups = find_groups(model)
    for name, layer in model.named_modules():
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        channels = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
        held = torch.zeros(channels, dtype=torch.int64)
        for group in groups:
            for member in group.producers:
                if member.name == name:
                    held += member.index >= 0
        assert held.tolist() == [1] * channels, name
    assert not groups[-1].prunable
    assert groups[-1].name == "classifier"
    for group in groups:
        for member in (*group.sites, *group.producers, *group.consumers, *group.norms):
            assert member.index.max() < group.channels


@given(recipes)
def test_a_groups_mask_is_what_was_set_and_touches_no_other_group(recipe):
    groups = [group for group in find_groups(RandomNetwork(recipe)) if group.prunable]
    generator = torch.Generator().manual_seed(recipe.seed)
    for number, group in enumerate(groups):
        keep = torch.rand(group.channels, generator=generator) < 0.5
        for producer in group.producers:
            if not producer.pick(keep).any():
                keep[producer.index[0]] = True
        group.set_mask(keep)
        assert torch.equal(group.mask, keep)
        for other in groups[number + 1 :]:
            assert other.mask.all()
