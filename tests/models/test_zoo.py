"""Networks that are converted from plain float modules: published sizes, and all the way."""

import pytest
import torch
from support.hand_over import lowered, pixel_images, verified
from support.training import exercise

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.convert import convert
from hwsubnet.errors import ConfigError, NoHardware
from hwsubnet.models import MODELS, build, load_network, save_weights
from hwsubnet.models.densenet import DenseNet, densenet40, densenet121
from hwsubnet.models.generative import CycleGanGenerator
from hwsubnet.models.mobilenet import MobileNetV2
from hwsubnet.models.segmentation import FullResolutionNetwork, UNet, frrn_a, frrn_b
from hwsubnet.prune import find_groups

SHAPE = (3, 8, 8)


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("make", "published"),
    [
        (lambda: MobileNetV2(3, 10), 2_236_682),
        (lambda: densenet40(3, 10), 1_019_722),
        (lambda: densenet121(3, 10), 6_956_298),
        (lambda: CycleGanGenerator(3), 7_837_699),
        (lambda: CycleGanGenerator(3, blocks=9), 11_378_179),
    ],
    ids=["mobilenetv2", "densenet40", "densenet121", "cyclegan-6", "cyclegan-9"],
)
def test_published_numbers_of_parameters(make, published):
    with torch.device("meta"):
        assert parameters(make()) == published


def test_full_resolution_networks_have_the_published_millions():
    with torch.device("meta"):
        assert round(parameters(frrn_a(3, 19)) / 1e6, 1) == 17.7
        assert round(parameters(frrn_b(3, 19)) / 1e6) == 25


def spec(name, shape=SHAPE, width=0.1):
    return NetworkSpec(name=name, input_shape=shape, classes=5, width=width)


SMALL = {
    "resnet56": lambda: build(spec("resnet56")),
    "mobilenetv2": lambda: build(spec("mobilenetv2")),
    "densenet": lambda: convert(DenseNet(3, 5, blocks=(2, 2), growth=3, stem=6, bottleneck=False)),
    "densenet-bc": lambda: convert(
        DenseNet(3, 5, blocks=(2, 2), growth=3, stem=6, bottleneck=True)
    ),
    "unet": lambda: convert(UNet(3, 5, 0.05, levels=2)),
    "frrn": lambda: convert(
        FullResolutionNetwork(3, 5, 0.08, encoder=[(1, 96, 2), (1, 96, 4)], decoder=[(1, 96, 2)])
    ),
    "cyclegan": lambda: convert(CycleGanGenerator(3, 0.05, blocks=1)),
    "vae": lambda: build(spec("vae", width=0.25)),
}
LONG = ("resnet56", "mobilenetv2")


def marked(names, slow):
    return [pytest.param(n, marks=pytest.mark.slow if n in slow else ()) for n in names]


@pytest.mark.parametrize("name", marked(SMALL, LONG))
def test_trains_prunes_quantizes_compacts_exports_and_lowers(name, tmp_path):
    torch.manual_seed(0)
    network = SMALL[name]()
    prunable = [group for group in find_groups(network) if group.prunable]
    assert prunable
    exercise(network, SHAPE, sparsity=0.5)
    assert all(int(g.mask.sum()) == g.channels - (g.channels + 1) // 2 for g in prunable)
    if name == "cyclegan":  # borders are reflected before the first layer
        with pytest.raises(NoHardware, match=r"no layer .* there is no integer hardware for Pad"):
            lowered(network, SHAPE, tmp_path)
        return
    artifact, path = lowered(network, SHAPE, tmp_path)
    left = {node.op: node.why for node in artifact.coverage.left}
    if name == "vae":  # the encoder is hardware; the mean is cut out of the code behind it
        assert left["Slice"] == "there is no integer hardware for Slice"
        assert left["ConvTranspose"].startswith("its input 'Quant_")  # which the host computes
        assert artifact.coverage.converted > 10
        return
    assert left == {}
    result = verified(artifact, path, SHAPE, count=2)
    assert result.differing == result.on_boundary


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in MODELS if MODELS[n].task != "classification"])
def test_image_models_by_name_keep_the_images_size_and_their_files(name, tmp_path):
    shape = (3, 32, 32)
    network = exercise(build(spec(name, shape, 0.04)), shape, sparsity=0.5)
    images = pixel_images(2, shape) / 255
    assert network(images).shape == (2, 3 if name in ("cyclegan", "vae") else 5, 32, 32)
    save_weights(network, tmp_path / "w.safetensors")
    again = load_network(spec(name, shape, 0.04), tmp_path / "w.safetensors")
    assert torch.equal(again(images), network(images))


def test_images_must_be_halved_exactly():
    with pytest.raises(ConfigError, match="images of 8x8 are no multiples of 16"):
        build(spec("unet"))
