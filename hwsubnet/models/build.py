"""Networks by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import nn

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.convert import convert
from hwsubnet.errors import ConfigError
from hwsubnet.models.densenet import densenet40, densenet121
from hwsubnet.models.feedforward import cnv, lenet, mlp
from hwsubnet.models.generative import CycleGanGenerator, Vae, VaeDecoder, VaeEncoder
from hwsubnet.models.mobilenet import MobileNetV2
from hwsubnet.models.residual import resnet8, resnet20, resnet32, resnet56
from hwsubnet.models.segmentation import UNet, frrn_a, frrn_b

Builder = Callable[[NetworkSpec], nn.Module]


def _classifier(make: Callable[[int, int, float], nn.Module]) -> Builder:
    """Convert a float network of so many image channels, classes and width."""
    return lambda spec: convert(make(spec.input_shape[0], spec.classes, spec.width), spec.precision)


def _cyclegan(spec: NetworkSpec) -> nn.Module:
    return convert(CycleGanGenerator(spec.input_shape[0], spec.width), spec.precision)


def _vae(spec: NetworkSpec) -> nn.Module:
    """Convert encoder and decoder by themselves: between them the code is drawn."""
    first, second, code = (max(1, round(base * spec.width)) for base in (16, 32, 16))
    encoder = VaeEncoder(spec.input_shape, (first, second), code)
    decoder = VaeDecoder(spec.input_shape, (first, second), code)
    return Vae(
        convert(encoder, spec.precision),
        convert(decoder, spec.precision, inputs=spec.precision.activation_bits),
    )


MODELS: Mapping[str, Builder] = MappingProxyType(
    {
        "mlp": mlp,
        "lenet": lenet,
        "cnv": cnv,
        "resnet8": resnet8,
        "resnet20": resnet20,
        "resnet32": resnet32,
        "resnet56": resnet56,
        "mobilenetv2": _classifier(MobileNetV2),
        "densenet40": _classifier(densenet40),
        "densenet121": _classifier(densenet121),
    }
)
"""Networks that classify images, which recipes name."""

IMAGE_MODELS: Mapping[str, tuple[Builder, int]] = MappingProxyType(
    {
        "unet": (_classifier(UNet), 16),
        "frrn-a": (_classifier(frrn_a), 16),
        "frrn-b": (_classifier(frrn_b), 32),
        "cyclegan": (_cyclegan, 4),
        "vae": (_vae, 4),
    }
)
"""Networks whose output is an image, or a score for every pixel, and what the sides of their
images must be multiples of."""

SMALLEST_IMAGE = 8
"""Every classifier halves height and width at most thrice."""


def build(spec: NetworkSpec) -> nn.Module:
    """Make an untrained classifier; its quantizers are there, but off.

    Raises
    ------
    ConfigError
        If there is no such network, or the image is too small.
    """
    if spec.name not in MODELS:
        raise ConfigError(
            f"there is no network {spec.name!r}",
            where="model.name",
            fix=f"choose one of {', '.join(MODELS)}",
        )
    if min(spec.input_shape[1:]) < SMALLEST_IMAGE:
        raise ConfigError(
            f"images of {spec.input_shape[1]}x{spec.input_shape[2]} are too small "
            f"(at least {SMALLEST_IMAGE}x{SMALLEST_IMAGE})",
            where="model.name",
        )
    return MODELS[spec.name](spec)


def build_image_model(spec: NetworkSpec) -> nn.Module:
    """Make one of :data:`IMAGE_MODELS`, untrained; its quantizers are there, but off.

    Raises
    ------
    ConfigError
        If there is no such network, or it cannot take such images.
    """
    if spec.name not in IMAGE_MODELS:
        raise ConfigError(
            f"there is no network {spec.name!r}",
            where="model.name",
            fix=f"choose one of {', '.join(IMAGE_MODELS)}",
        )
    builder, multiple = IMAGE_MODELS[spec.name]
    if any(side % multiple for side in spec.input_shape[1:]):
        raise ConfigError(
            f"the sides of images of {spec.input_shape[1]}x{spec.input_shape[2]} are no multiples "
            f"of {multiple}",
            where="model.name",
        )
    return builder(spec)
