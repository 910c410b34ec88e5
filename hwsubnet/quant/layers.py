"""Brevitas layers with the quantizers of this package.

They are Brevitas' own classes, in training without the bookkeeping of ``QuantTensor`` (a fifth of
a step's time); in evaluation mode, where Brevitas' export reads scales from it, it is back.
"""

from typing import Any, Self

import brevitas.nn
import torch
from brevitas.proxy.quant_proxy import QuantProxyFromInjector
from torch import Tensor, nn

from hwsubnet.artifacts import Precision
from hwsubnet.quant.injectors import PixelQuant, SymmetricQuant, UnsignedQuant, WeightQuant
from hwsubnet.quant.quantizers import ActivationQuantizer


class _Lean(nn.Module):
    """Skips ``QuantTensor`` in training mode."""

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        for child in self.children():
            if isinstance(child, QuantProxyFromInjector):
                child.skip_create_quant_tensor = mode
        return self

    def unpack_input(self, value: Any) -> Any:
        """Let plain tensors pass without the name-stripping that Brevitas does for each layer."""
        return value if type(value) is Tensor else super().unpack_input(value)  # type: ignore[misc]


def _weights(precision: Precision) -> dict[str, Any]:
    return {
        "weight_quant": WeightQuant,
        "weight_bit_width": precision.weight_bits,
        "weight_narrow_range": precision.narrow_range,
    }


class _Convolution(_Lean):
    """What the convolutions share: weights quantized per output channel.

    Mostly without bias, for a norm follows; a bias stays in floating point.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, ...],
        *,
        precision: Precision,
        bias: bool = False,
        **geometry: Any,
    ) -> None:
        super().__init__(inputs, outputs, kernel, bias=bias, **_weights(precision), **geometry)
        self.train()


class QuantConv1d(_Convolution, brevitas.nn.QuantConv1d):  # type: ignore[misc]
    """A one-dimensional convolution."""


class QuantConv2d(_Convolution, brevitas.nn.QuantConv2d):  # type: ignore[misc]
    """A convolution of images."""


class QuantConvTranspose2d(_Convolution, brevitas.nn.QuantConvTranspose2d):  # type: ignore[misc]
    """A transposed convolution of images."""


class QuantLinear(_Lean, brevitas.nn.QuantLinear):  # type: ignore[misc]
    """A linear layer, weights quantized per tensor; its bias, if any, stays in floating point."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool, precision: Precision) -> None:
        super().__init__(inputs, outputs, bias=bias, **_weights(precision))
        self.train()


class QuantIdentity(_Lean, brevitas.nn.QuantIdentity):  # type: ignore[misc]
    """Quantizes a tensor per tensor.

    Parameters
    ----------
    act_quant
        An injector of :mod:`hwsubnet.quant.injectors`.
    options
        What the injector takes, such as ``bit_width``.
    """

    def __init__(self, act_quant: Any, **options: Any) -> None:
        super().__init__(act_quant=act_quant, **options)
        self.train()

    @property
    def quantizer(self) -> ActivationQuantizer:
        """The module that quantizes; Brevitas makes a new one when a state is loaded."""
        proxy: Any = self.act_quant
        quantizer: ActivationQuantizer = proxy.fused_activation_quant_proxy.tensor_quant
        return quantizer


def pixels() -> QuantIdentity:
    """Quantize the network's input: 8-bit pixels of an image in [0, 1]."""
    return QuantIdentity(PixelQuant)


def unsigned(precision: Precision) -> QuantIdentity:
    """Quantize non-negative activations."""
    return QuantIdentity(UnsignedQuant, bit_width=precision.activation_bits)


def joint(bits: int, *, signed: bool) -> QuantIdentity:
    """Quantize several tensors with one scale; who uses it calls ``quantizer.observe`` on all."""
    quant = SymmetricQuant if signed else UnsignedQuant
    return QuantIdentity(quant, bit_width=bits, observes=False)


class QuantAdd(nn.Module):
    """Adds two tensors that share one quantizer.

    Hardware adds integers, so both addends need the same scale. Their joint range is observed, so
    that neither is clipped to the range of the other.

    Parameters
    ----------
    precision
        Its activation bits are those of an addend.
    signed
        False where no addend is ever negative.
    """

    def __init__(self, precision: Precision, *, signed: bool = True) -> None:
        super().__init__()
        self.quant = joint(precision.activation_bits, signed=signed)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Add two tensors of the same shape."""
        self.quant.quantizer.observe(x, y)
        total: Tensor = self.quant(x) + self.quant(y)
        return total


class QuantCat(nn.Module):
    """Concatenates the channels of tensors that share one quantizer, so that a layer can read them.

    A dot product takes out one scale, not one for each channel. Parameters as for `QuantAdd`.
    """

    def __init__(self, precision: Precision, *, signed: bool) -> None:
        super().__init__()
        self.quant = joint(precision.activation_bits, signed=signed)

    def forward(self, *tensors: Tensor) -> Tensor:
        """Join tensors (N, C_i, ...) along their channels."""
        self.quant.quantizer.observe(*tensors)
        return torch.cat([self.quant(tensor) for tensor in tensors], 1)
