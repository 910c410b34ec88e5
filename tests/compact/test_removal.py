"""The compact network is the masked one."""

import pytest
import torch
from hypothesis import given
from support.networks import SHAPE, RandomNetwork, recipes
from support.training import exercise

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.compact import remove_channels
from hwsubnet.models import build
from hwsubnet.prune import ChannelMask, find_groups


def pixels(count, shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, *shape), generator=generator) / 255


def outputs(model, images):
    # In double precision, where another order of summation does not reach the levels: quantizers
    # round to float32 first.
    return model.double()(images.double()).detach()


@given(recipes)
def test_random_networks_give_the_same_outputs_without_their_masked_channels(recipe):
    torch.manual_seed(recipe.seed)
    model = exercise(RandomNetwork(recipe), SHAPE, seed=recipe.seed)
    compact = remove_channels(model, find_groups(model))
    masked = sum(int((~m.keep).sum()) for m in model.modules() if isinstance(m, ChannelMask))
    fewer = sum(p.numel() for p in compact.parameters())
    assert (fewer < sum(p.numel() for p in model.parameters())) == (masked > 0)
    assert all(m.keep.all() for m in compact.modules() if isinstance(m, ChannelMask))
    images = pixels(8, SHAPE)
    torch.testing.assert_close(
        outputs(compact, images), outputs(model, images), rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize(
    ("name", "shape"), [("mlp", (1, 8, 8)), ("lenet", (1, 8, 8)), ("resnet8", (3, 32, 32))]
)
@pytest.mark.parametrize("quantize", [True, False], ids=["quantized", "float"])
def test_our_networks_in_single_precision(name, shape, quantize):
    model = build(NetworkSpec(name=name, input_shape=shape, classes=10, width=0.5))
    exercise(model, shape, sparsity=0.5, quantize=quantize)
    images = pixels(16, shape)
    expected = model(images)
    actual = remove_channels(model, find_groups(model))(images)
    assert torch.equal(actual.argmax(1), expected.argmax(1))
    # Sums of up to 512 terms of size 1, taken in another order.
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)


def test_scales_are_carried_over_not_found_anew():
    model = build(NetworkSpec(name="lenet", input_shape=(1, 8, 8), classes=10))
    exercise(model, (1, 8, 8), sparsity=0.5)
    kept = {group.name: group.mask for group in find_groups(model)}
    compact = remove_channels(model, find_groups(model))
    for path in ("body.conv2.conv", "body.fc1.linear", "classifier"):
        before = model.get_submodule(path).weight_quant.tensor_quant.maximum
        after = compact.get_submodule(path).weight_quant.tensor_quant.maximum
        assert torch.equal(after, before[kept[path]] if before.dim() else before)
    # The largest weight of some filter was in a column that went.
    weights = compact.body.conv2.conv.weight
    assert (
        weights.abs().amax((1, 2, 3))
        < model.body.conv2.conv.weight[kept["body.conv2.conv"]].abs().amax((1, 2, 3))
    ).any()


def test_the_masked_network_is_left_alone_and_the_compact_one_can_be_trained_on():
    model = build(NetworkSpec(name="lenet", input_shape=(1, 8, 8), classes=10))
    exercise(model, (1, 8, 8), sparsity=0.5)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    compact = remove_channels(model, find_groups(model)).train()
    compact(pixels(4, (1, 8, 8))).sum().backward()
    assert all(p.grad.shape == p.shape for p in compact.parameters())
    assert compact.body.conv2.conv.in_channels == 8
    assert compact.body.conv2.norm.num_features == 16
    assert compact.classifier.in_features == 32
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_a_compact_network_can_be_pruned_again():
    model = build(NetworkSpec(name="lenet", input_shape=(1, 8, 8), classes=10))
    first = remove_channels(exercise(model, (1, 8, 8), sparsity=0.5), find_groups(model))
    second = remove_channels(exercise(first, (1, 8, 8), sparsity=0.5), find_groups(first))
    assert second.body.conv1.conv.out_channels == 4
