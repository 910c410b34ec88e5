"""Brevitas layers with the quantizers of this package.

They are Brevitas' own classes, in training without the bookkeeping of ``QuantTensor`` (a fifth of
a step's time); in evaluation mode, where Brevitas' export reads scales from it, it is back.
"""

from typing import Any, Self

import brevitas.nn
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


class QuantConv2d(_Lean, brevitas.nn.QuantConv2d):  # type: ignore[misc]
    """A convolution without bias (a norm follows), weights quantized per output channel."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, precision: Precision, **geometry: Any
    ) -> None:
        super().__init__(
            inputs,
            outputs,
            kernel,
            bias=False,
            weight_quant=WeightQuant,
            weight_bit_width=precision.weight_bits,
            weight_narrow_range=precision.narrow_range,
            **geometry,
        )
        self.train()


class QuantLinear(_Lean, brevitas.nn.QuantLinear):  # type: ignore[misc]
    """A linear layer, weights quantized per tensor; its bias, if any, stays in floating point."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool, precision: Precision) -> None:
        super().__init__(
            inputs,
            outputs,
            bias=bias,
            weight_quant=WeightQuant,
            weight_bit_width=precision.weight_bits,
            weight_narrow_range=precision.narrow_range,
        )
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


class QuantAdd(nn.Module):
    """Adds two tensors that share one signed quantizer.

    Hardware adds integers, so both addends need the same scale. Their joint range is observed, so
    that neither is clipped to the range of the other.
    """

    def __init__(self, precision: Precision) -> None:
        super().__init__()
        self.quant = QuantIdentity(
            SymmetricQuant, bit_width=precision.activation_bits, observes=False
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Add two tensors of the same shape."""
        self.quant.quantizer.observe(x, y)
        total: Tensor = self.quant(x) + self.quant(y)
        return total
