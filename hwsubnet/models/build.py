"""Networks by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from torch import nn

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.convert import convert
from hwsubnet.errors import ConfigError
from hwsubnet.models.densenet import densenet40, densenet121
from hwsubnet.models.feedforward import cnv, lenet, mlp
from hwsubnet.models.generative import Vae, VaeDecoder, VaeEncoder, cyclegan
from hwsubnet.models.mobilenet import MobileNetV2
from hwsubnet.models.residual import resnet8, resnet20, resnet32, resnet56
from hwsubnet.models.segmentation import UNet, frrn_a, frrn_b

Builder = Callable[[NetworkSpec], nn.Module]
Task = Literal["classification", "segmentation", "autoencoding", "style-transfer"]


@dataclass(frozen=True)
class Model:
    """A network that recipes can name.

    Attributes
    ----------
    build
        Makes it, untrained.
    task
        What it is trained for.
    smallest, multiple
        Height and width of its images are at least the one, and multiples of the other.
    """

    build: Builder
    task: Task = "classification"
    smallest: int = 8
    multiple: int = 1


def _converted(make: Callable[[int, int, float], nn.Module]) -> Builder:
    """Convert a float network of so many image channels, classes and width."""
    return lambda spec: convert(make(spec.input_shape[0], spec.classes, spec.width), spec.precision)


def _cyclegan(spec: NetworkSpec) -> nn.Module:
    return convert(cyclegan(spec.input_shape[0], spec.width), spec.precision)


def _vae(spec: NetworkSpec) -> nn.Module:
    """Convert encoder and decoder by themselves: between them the code is drawn."""
    first, second, code = (max(1, round(base * spec.width)) for base in (16, 32, 16))
    encoder = VaeEncoder(spec.input_shape, (first, second), code)
    decoder = VaeDecoder(spec.input_shape, (first, second), code)
    return Vae(
        convert(encoder, spec.precision),
        convert(decoder, spec.precision, inputs=spec.precision.activation_bits),
    )


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "mlp": Model(mlp),
        "lenet": Model(lenet),
        "cnv": Model(cnv),
        "resnet8": Model(resnet8),
        "resnet20": Model(resnet20),
        "resnet32": Model(resnet32),
        "resnet56": Model(resnet56),
        "mobilenetv2": Model(_converted(MobileNetV2)),
        "densenet40": Model(_converted(densenet40)),
        "densenet121": Model(_converted(densenet121)),
        "unet": Model(_converted(UNet), "segmentation", multiple=16),
        "frrn-a": Model(_converted(frrn_a), "segmentation", multiple=16),
        "frrn-b": Model(_converted(frrn_b), "segmentation", multiple=32),
        "vae": Model(_vae, "autoencoding", multiple=4),
        "cyclegan": Model(_cyclegan, "style-transfer", multiple=4),
    }
)
"""The networks that ``model.name`` chooses from."""


def build(spec: NetworkSpec) -> nn.Module:
    """Make an untrained network; its quantizers are there, but off.

    Raises
    ------
    ConfigError
        If there is no such network, or it cannot take such images.
    """
    model, sides = find(spec.name), spec.input_shape[1:]
    size = "x".join(map(str, sides))
    if min(sides) < model.smallest:
        raise ConfigError(
            f"images of {size} are too small (at least {model.smallest}x{model.smallest})",
            where="model.name",
        )
    if any(side % model.multiple for side in sides):
        raise ConfigError(
            f"the sides of images of {size} are no multiples of {model.multiple}",
            where="model.name",
            fix="choose another network, or for images from a folder another data.size",
        )
    return model.build(spec)


def find(name: str) -> Model:
    """Look a network up.

    Raises
    ------
    ConfigError
        If there is no such network.
    """
    if name not in MODELS:
        raise ConfigError(
            f"there is no network {name!r}",
            where="model.name",
            fix=f"choose one of {', '.join(MODELS)}",
        )
    return MODELS[name]
