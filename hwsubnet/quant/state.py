"""Turns quantization on and off, and tells where it stands."""

from torch import nn

from hwsubnet.quant.quantizers import (
    ActivationQuantizer,
    PixelQuantizer,
    Quantizer,
    WeightQuantizer,
)


def set_quantization(
    model: nn.Module, *, weights: bool | None = None, activations: bool | None = None
) -> None:
    """Switch the quantizers of weights and of activations; None leaves them as they are.

    A quantizer that is switched on takes its first statistics in the next training step, and
    quantizes from then on. The state is part of ``state_dict``: a reloaded network evaluates as
    the saved one did. The fixed quantizer of the network's input is always on.
    """
    for module in model.modules():
        if isinstance(module, WeightQuantizer) and weights is not None:
            module.enabled.fill_(weights)
        elif isinstance(module, ActivationQuantizer) and activations is not None:
            module.enabled.fill_(activations)


def unquantized(model: nn.Module) -> list[str]:
    """Names of the quantizers that pass values through, for lack of a switch or of statistics."""
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, Quantizer)
        and not isinstance(module, PixelQuantizer)
        and not (bool(module.enabled) and module.calibrated)
    ]
