"""convert() on architectures as torchvision and others write them."""

import pytest
import torch
from support.architectures import ARCHITECTURES, SHAPE
from support.hand_over import lowered, pixel_images, verified
from support.training import exercise

from hwsubnet.compact import remove_channels
from hwsubnet.convert import convert
from hwsubnet.errors import ModelError
from hwsubnet.export import export
from hwsubnet.prune import find_groups

STAY = {
    "resnext": {"belong to the convolution groups of 2.conv2": 2},
    "shufflenet-v2": {
        "go through view, and are not followed": 2,
        "go through a concatenation with channels that are not known, and are not followed": 1,
    },
    "convnext": {"go through permute, and are not followed": 1},
    "vision-transformer": {"go through a reshaping, and are not followed": 1},
}
"""Groups that cannot be pruned, besides the network's output, by reason."""

ON_THE_HOST = {
    "resnext": "it has 2 groups for 4 channels to 4; one group, or",
    "mobilenet-v3": "it combines two data tensors; only adding or subtracting them would do",
    "efficientnet": "it combines two data tensors; only adding or subtracting them would do",
    "shufflenet-v2": "there is no integer hardware for Slice",
    "inception-v3": "it pads before averaging; average without padding would do",
    "se-resnet": "it combines two data tensors; only adding or subtracting them would do",
    "fcn": "it interpolates; nearest-neighbour upsampling of images would do",
    "convnext": "there is no integer hardware for Transpose",
}
"""A reason for what stays on the host, by network."""

TOKENS = ("convnext", "vision-transformer")
"""Channels on the last axis are not followed, so nothing there is pruned."""

SLOW_TO_EXPORT = ("mobilenet-v3", "efficientnet", "convnext", "shufflenet-v2", "se-resnet")


def fresh(name):
    torch.manual_seed(0)
    return ARCHITECTURES[name]()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_computes_the_same_and_loses_its_masked_channels(name):
    net = fresh(name).eval()
    images = pixel_images(2, SHAPE) / 255
    torch.testing.assert_close(convert(net, inputs=None)(images), net(images))
    network = convert(net)
    groups = find_groups(network)
    stay: dict[str, int] = {}
    for group in groups:
        if not group.prunable:
            stay[group.exempt] = stay.get(group.exempt, 0) + 1
    stay.pop("reach the network's output", None)
    assert stay == STAY.get(name, {})
    assert any(group.prunable for group in groups) != (name in TOKENS)
    exercise(network.train(), SHAPE, sparsity=0.5).double()
    compact = remove_channels(network, groups)
    fewer = sum(p.numel() for p in compact.parameters())
    assert (fewer < sum(p.numel() for p in network.parameters())) != (name in TOKENS)
    torch.testing.assert_close(compact(images.double()), network(images.double()))


def marked(names):
    return [
        pytest.param(name, marks=pytest.mark.slow if name in SLOW_TO_EXPORT else ())
        for name in names
    ]


@pytest.mark.parametrize("name", marked(n for n in ARCHITECTURES if n != "vision-transformer"))
def test_lowers_or_says_why_not(name, tmp_path):
    network = exercise(convert(fresh(name)), SHAPE, sparsity=0.5)
    artifact, path = lowered(network, SHAPE, tmp_path)
    left = {node.why for node in artifact.coverage.left}
    if name in ON_THE_HOST:
        assert any(why.startswith(ON_THE_HOST[name]) for why in left), left
        return
    assert left == set()
    result = verified(artifact, path, SHAPE, count=2)
    assert result.differing == result.on_boundary


def test_what_onnx_cannot_hold_is_an_error_of_one_line(tmp_path):
    network = exercise(convert(fresh("vision-transformer")), SHAPE)
    with pytest.raises(ModelError) as caught:
        export(network, pixel_images(1, SHAPE), tmp_path)
    assert "multi_head_attention" in str(caught.value)
    assert len(str(caught.value)) < 300
    assert not list(tmp_path.iterdir())
