"""Networks by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from hwsubnet.artifacts import NetworkSpec
from hwsubnet.errors import ConfigError
from hwsubnet.models.blocks import Network
from hwsubnet.models.feedforward import cnv, lenet, mlp
from hwsubnet.models.residual import resnet8, resnet20, resnet32

MODELS: Mapping[str, Callable[[NetworkSpec], Network]] = MappingProxyType(
    {
        "mlp": mlp,
        "lenet": lenet,
        "cnv": cnv,
        "resnet8": resnet8,
        "resnet20": resnet20,
        "resnet32": resnet32,
    }
)

SMALLEST_IMAGE = 8
"""Every network halves height and width at most twice and needs 2x2 positions after that."""


def build(spec: NetworkSpec) -> Network:
    """Make an untrained network; its quantizers are there, but off.

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
