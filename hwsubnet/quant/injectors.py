"""Names the quantizers for Brevitas layers: ``QuantConv2d(..., weight_quant=WeightQuant)``.

An injector is Brevitas' way to say which ``tensor_quant`` module a layer builds and from what.
Its values are overridden by keyword, with the layer's usual prefix: ``weight_bit_width=4``,
``weight_narrow_range=False`` for weights, ``bit_width=4`` for activations.
"""

from typing import Any

from brevitas.inject import ExtendedInjector
from brevitas.proxy import ActQuantProxyFromInjector, WeightQuantProxyFromInjector
from dependencies import value  # type: ignore[import-untyped]
from torch import nn

from hwsubnet.quant.quantizers import (
    AffineQuantizer,
    PixelQuantizer,
    SymmetricQuantizer,
    UnsignedQuantizer,
    WeightQuantizer,
)


class WeightQuant(ExtendedInjector):  # type: ignore[misc]
    """Symmetric weights, Algorithm 3."""

    proxy_class = WeightQuantProxyFromInjector
    tensor_quant = WeightQuantizer
    float_to_int_impl_type = "ROUND"
    signed = True
    narrow_range = False
    bit_width = 8

    @value  # type: ignore[untyped-decorator]
    def channels(module: nn.Module | tuple[nn.Module, ...], channel_axis: int | None) -> int:
        """Output channels of the (first) layer; of one group, for grouped transposed ones."""
        return int(_first(module).weight.shape[channel_axis or 0])

    @value  # type: ignore[untyped-decorator]
    def channel_axis(module: nn.Module | tuple[nn.Module, ...]) -> int | None:
        """One scale per output channel for convolutions, one per tensor for linear layers."""
        layer = _first(module)
        return None if isinstance(layer, nn.Linear) else int(layer.output_channel_dim)

    @value  # type: ignore[untyped-decorator]
    def dimensions(module: nn.Module | tuple[nn.Module, ...]) -> int:
        """Axes of the weights."""
        return int(_first(module).weight.dim())


class _ActivationQuant(ExtendedInjector):  # type: ignore[misc]
    proxy_class = ActQuantProxyFromInjector
    float_to_int_impl_type = "ROUND"
    narrow_range = False
    bit_width = 8
    observes = True


class UnsignedQuant(_ActivationQuant):
    """Activations after a ReLU, Algorithm 2 with l = 0."""

    tensor_quant = UnsignedQuantizer
    signed = False


class SymmetricQuant(_ActivationQuant):
    """Signed activations with zero point 0, Algorithm 2 on a symmetric range."""

    tensor_quant = SymmetricQuantizer
    signed = True


class AffineQuant(_ActivationQuant):
    """Activations with a zero point, Algorithm 2."""

    tensor_quant = AffineQuantizer
    signed = False


class PixelQuant(_ActivationQuant):
    """8-bit pixels of an image in [0, 1]."""

    tensor_quant = PixelQuantizer
    signed = False


def _first(module: Any) -> Any:
    return module[0] if isinstance(module, tuple) else module
