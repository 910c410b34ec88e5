"""Quantized layers in place of float ones."""

from typing import Any

import torch
from torch import nn

from hwsubnet.artifacts import Precision
from hwsubnet.quant.layers import QuantConv1d, QuantConv2d, QuantConvTranspose2d, QuantLinear

_CONVOLUTIONS: dict[type[nn.Module], Any] = {
    nn.Conv1d: QuantConv1d,
    nn.Conv2d: QuantConv2d,
    nn.ConvTranspose2d: QuantConvTranspose2d,
}
WEIGHT_LAYERS = (*_CONVOLUTIONS, nn.Linear)
"""Float layers that have a quantized form."""


def quantized_layer(layer: nn.Module, precision: Precision) -> nn.Module:
    """Return the quantized form of a layer of :data:`WEIGHT_LAYERS`.

    It holds the same parameters, not copies, on the same device and in the same mode. No random
    number is drawn.
    """
    with torch.random.fork_rng(devices=[]):
        new = _build(layer, precision)
    new.weight, new.bias = layer.weight, layer.bias
    return new.to(layer.weight.device).train(layer.training)  # type: ignore[arg-type]


def _build(layer: Any, precision: Precision) -> nn.Module:
    biased = layer.bias is not None
    if isinstance(layer, nn.Linear):
        return QuantLinear(layer.in_features, layer.out_features, bias=biased, precision=precision)
    geometry = {
        name: getattr(layer, name)
        for name in ("stride", "padding", "dilation", "groups", "padding_mode")
    }
    if layer.transposed:
        geometry["output_padding"] = layer.output_padding
    new: nn.Module = _CONVOLUTIONS[type(layer)](
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        precision=precision,
        bias=biased,
        **geometry,
    )
    return new
