"""convert() gives the masked, quantized form of a float network and leaves the network alone."""

import copy
import pickle

import pytest
import torch
from support.float_networks import SmallResNet
from support.training import exercise
from torch import nn
from torch.nn import functional

from hwsubnet.artifacts import Precision
from hwsubnet.compact import remove_channels
from hwsubnet.convert import Selection, convert
from hwsubnet.errors import ConfigError, ModelError
from hwsubnet.models import fit_shapes, load_weights, save_weights
from hwsubnet.prune import ChannelMask, find_groups
from hwsubnet.quant import QuantConv2d, QuantIdentity, QuantLinear, set_quantization, unquantized

SHAPE = (1, 8, 8)


def images(count=4, shape=SHAPE, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, *shape), generator=generator) / 255


def trained(**options):
    torch.manual_seed(0)
    return exercise(convert(SmallResNet(), **options), SHAPE, sparsity=0.5)


@pytest.mark.parametrize("train", [True, False])
def test_until_it_is_switched_on_nothing_changes(train):
    torch.manual_seed(0)
    net = SmallResNet().train(train)
    before = copy.deepcopy(net)
    converted = convert(net, inputs=None)
    assert converted.training is train
    assert torch.equal(converted(images()), net(images()))
    assert type(net.stem) is nn.Conv2d
    for name, tensor in before.state_dict().items():
        if not train or ("running" not in name and "tracked" not in name):
            assert torch.equal(net.state_dict()[name], tensor), name


def test_a_float_state_fits():
    net, other = SmallResNet(), SmallResNet()
    converted = convert(net, inputs=None)
    missing, unexpected = converted.load_state_dict(other.state_dict(), strict=False)
    assert not unexpected
    assert all("quant" in name or "mask" in name for name in missing)
    assert torch.equal(converted.eval()(images()), other.eval()(images()))


def test_weights_are_shared_with_nothing_and_no_random_number_is_drawn():
    net = SmallResNet()
    torch.manual_seed(3)
    converted = convert(net)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))
    with torch.no_grad():
        converted.stem.weight.zero_()
    assert net.stem.weight.any()


def test_every_layer_reads_what_is_masked_and_quantized():
    converted = convert(SmallResNet())
    assert isinstance(converted.stem, QuantConv2d)
    assert isinstance(converted.fc, QuantLinear)
    assert [(g.name, g.channels, g.exempt) for g in find_groups(converted)] == [
        ("stem", 8, None),
        ("layer1.conv1", 8, None),
        ("layer2.down.0", 12, None),
        ("layer2.conv1", 12, None),
        ("fc", 10, "reach the network's output"),
    ]
    set_quantization(converted, weights=True, activations=True)
    converted(images())
    assert unquantized(converted) == []
    levels = {}

    def count_levels(module, inputs, output):
        levels[module] = len(torch.unique(inputs[0]))

    for module in converted.modules():
        if isinstance(module, QuantConv2d) and module is not converted.stem:
            module.register_forward_hook(count_levels)
    converted.eval()(images())
    assert len(levels) == 5
    assert all(count <= 16 for count in levels.values())


def test_layers_are_listed_in_forward_order():
    listed = [
        name
        for name, module in convert(SmallResNet()).named_modules()
        if isinstance(module, QuantConv2d | QuantLinear)
    ]
    assert listed == [
        "stem", "layer1.conv1", "layer1.conv2", "layer2.down.0", "layer2.conv1", "layer2.conv2",
        "fc",
    ]  # fmt: skip


def test_addends_share_a_scale():
    converted = trained()
    scales = []
    converted.layer1.add.quant.register_forward_hook(
        lambda module, inputs, output: scales.append(module.quantizer.scale)
    )
    converted(images())
    assert len(scales) == 2
    assert scales[0] == scales[1]
    assert converted.layer1.add.quant.quantizer.low < 0  # a norm's values may be negative


def test_reused_activations_get_masks_and_scales_of_their_own():
    converted = trained()
    assert not torch.equal(
        converted.layer1.relu.quant.quantizer.scale, converted.layer1.relu_1.quant.quantizer.scale
    )
    assert converted.layer1.relu.mask is not converted.layer1.relu_1.mask


class Reused(nn.Module):
    """A layer, a norm and an activation that run twice."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, padding=1)
        self.conv, self.norm = nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.act, self.head = nn.PReLU(), nn.Conv2d(6, 2, 1)

    def forward(self, x):
        x = functional.relu(self.stem(x))
        for _ in range(2):
            x = self.act(self.norm(self.conv(x)))
        return self.head(x)


def test_reused_layers_keep_one_weight_and_one_group():
    net = Reused()
    converted = convert(net, inputs=None)
    assert torch.equal(converted.eval()(images()), net.eval()(images()))
    groups = find_groups(converted)
    assert [group.name for group in groups] == ["stem", "head"]
    assert [member.name for member in groups[0].producers] == ["stem", "conv"]
    quantized = exercise(converted, SHAPE, sparsity=0.5)
    assert quantized.conv.weight_quant.tensor_quant.batches == 2  # steps, not passes
    compact = remove_channels(quantized, find_groups(quantized))
    assert compact.conv.weight.shape == (3, 3, 3, 3)
    torch.testing.assert_close(compact(images()), quantized(images()))


def pickled(network):
    return pickle.loads(pickle.dumps(network))  # noqa: S301 (its own)


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
def test_copies_and_pickles_evaluate_bit_for_bit_and_train_on(copied):
    network = trained()
    again = copied(network)
    assert torch.equal(again(images()), network(images()))
    for one in (network, again):
        one.zero_grad()
        one.train()(images()).sum().backward()
    for (name, p), q in zip(network.named_parameters(), again.parameters(), strict=True):
        assert torch.equal(p.grad, q.grad), name
    assert [g.name for g in find_groups(again)] == [g.name for g in find_groups(network)]


@pytest.mark.parametrize("compacted", [False, True], ids=["masked", "compact"])
def test_a_saved_network_evaluates_bit_for_bit_when_loaded(tmp_path, compacted):
    network = trained()
    if compacted:
        network = remove_channels(network, find_groups(network))
    save_weights(network, tmp_path / "w.safetensors")
    again, state = convert(SmallResNet()), load_weights(tmp_path / "w.safetensors")
    fit_shapes(again, state)
    again.load_state_dict(state)
    assert torch.equal(again.eval()(images()), network(images()))


def test_training_that_is_resumed_goes_on_as_if_it_had_not_stopped():
    def steps(network, optimizer, numbers):
        for number in numbers:
            optimizer.zero_grad()
            network.train()(images(seed=number)).square().sum().backward()
            optimizer.step()

    def fresh():
        torch.manual_seed(0)
        network = convert(SmallResNet())
        set_quantization(network, weights=True, activations=True)
        return network, torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)

    whole, optimizer = fresh()
    steps(whole, optimizer, range(4))
    first, optimizer = fresh()
    steps(first, optimizer, range(2))
    saved = copy.deepcopy((first.state_dict(), optimizer.state_dict()))
    second, optimizer = fresh()
    second.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    steps(second, optimizer, range(2, 4))
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name


def test_folded_norms_change_no_output():
    torch.manual_seed(0)
    net = exercise(SmallResNet(), SHAPE, quantize=False, sparsity=0)
    folded = convert(net, fold_norms=True)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert folded.layer1.conv1.bias is not None
    torch.testing.assert_close(folded(images()), net(images()))
    assert [g.exempt for g in find_groups(folded)][:-1] == [None] * 4


def test_signed_sites_have_a_zero_point_where_asked():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.LeakyReLU(0.1), nn.Conv2d(4, 2, 3))
    affine = exercise(convert(net, signed="affine"), SHAPE, sparsity=0)
    quantizer = affine.get_submodule("1.quant").quantizer
    assert quantizer.zero_point > 0
    assert convert(net).get_submodule("1.quant").quantizer.low == -8


def test_inputs_are_pixels_or_observed_or_left_alone():
    net = SmallResNet()
    assert convert(net).input.quantizer.scale == torch.tensor(1 / 255)
    assert convert(net, inputs=6).input.quantizer.bit_width == 6
    assert not hasattr(convert(net, inputs=None), "input")


def test_precision_reaches_every_quantizer():
    converted = convert(SmallResNet(), Precision(weight_bits=3, activation_bits=5))
    assert converted.stem.weight_quant.tensor_quant.bit_width == 3
    found = [m.quantizer.bit_width for m in converted.modules() if isinstance(m, QuantIdentity)]
    assert sorted(found) == [5] * (len(found) - 1) + [8]


def test_what_is_converted_cannot_be_converted_again():
    with pytest.raises(ModelError, match="is converted already"):
        convert(convert(SmallResNet()))


SELECTIONS = {
    "type": (Selection(include=[nn.Conv2d]), {"stem", "layer1.conv1", "layer2.down.0"}, {"fc"}),
    "pattern": (Selection(include=["layer?.*"]), {"layer1.conv1", "layer2.down.0"}, {"stem"}),
    "index": (Selection(exclude=[0, -1]), {"layer1.conv1"}, {"stem", "fc"}),
}


@pytest.mark.parametrize("case", SELECTIONS)
def test_layers_are_chosen_by_type_name_or_position(case):
    selection, chosen, left = SELECTIONS[case]
    converted = convert(SmallResNet(), weights=selection)
    for names, quantized in ((chosen, True), (left, False)):
        for name in names:
            layer = converted.get_submodule(name)
            assert isinstance(layer, QuantConv2d | QuantLinear) is quantized, name
    assert find_groups(converted)[0].prunable  # float layers are masked all the same


def test_later_bits_win():
    converted = convert(
        SmallResNet(),
        weights=Selection(bits={nn.Conv2d: 2, "layer2.*": 3, 0: 8}),
        activations=Selection(bits={"*.add": 6}),
    )
    bits = [
        converted.get_submodule(name).weight_quant.tensor_quant.bit_width
        for name in ("stem", "layer1.conv1", "layer2.conv1", "fc")
    ]
    assert bits == [8, 2, 3, 4]
    assert converted.layer1.add.quant.quantizer.bit_width == 6
    assert converted.layer1.relu.quant.quantizer.bit_width == 4


def test_sites_that_are_left_out_stay_float():
    converted = convert(
        SmallResNet(),
        activations=Selection(exclude=["layer1.*"]),
        masks=Selection(exclude=["layer2.relu"]),
    )
    assert not hasattr(converted.layer1, "add")
    assert isinstance(converted.layer1.relu.mask, ChannelMask)
    assert not hasattr(converted.layer1.relu, "quant")
    assert not hasattr(converted.layer2.relu, "mask")
    exempt = {group.name: group.exempt for group in find_groups(converted)}
    assert exempt["layer2.conv1"] == "are read by layer2.conv2 past any mask"
    assert exempt["layer1.conv1"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"weights": Selection(include=["conv9"])},
            "'conv9' matches no weight layer of the network; it has stem (Conv2d), layer1.conv1",
        ),
        ({"weights": Selection(bits={0: 9})}, "weight layer 0: 9 bits are outside 2 to 8"),
        ({"masks": Selection(exclude=["*.add"])}, "'*.add' matches no mask site"),
    ],
)
def test_rules_that_match_nothing_are_refused(options, message):
    with pytest.raises(ConfigError) as caught:
        convert(SmallResNet(), **options)
    assert str(caught.value).startswith(message)
