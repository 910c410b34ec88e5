"""Uniform quantization with a straight-through gradient.

Both functions quantize and dequantize in float32, also under bfloat16 autocast: bfloat16 has 8
significant bits and would move values to a neighbouring level. They compute ``round(x / s + z)``
with round-half-to-even, which is the order and rounding of the QONNX ``Quant`` operator;
``x * (1 / s)`` would differ from the exported model by a level now and then.
"""

from typing import Any

import torch
from torch import Tensor


def quantize_activation(
    x: Tensor, scale: Tensor, zero_point: Tensor | None, low: int, high: int
) -> Tensor:
    """Quantize and dequantize as Algorithm 2 of Zhang, Colbert & Das (2022).

    ``h^ = s (clip(round(h / s + z), low, high) - z)``; the gradient passes straight through, also
    where the value was clipped.

    Parameters
    ----------
    x
        Any shape and floating-point type, both of which the result has too.
    scale, zero_point
        Broadcastable to `x`; no zero point means 0.
    low, high
        The integer's range.
    """
    result: Tensor = _QuantizeActivation.apply(x, scale, zero_point, low, high)  # type: ignore[no-untyped-call]
    return result


def quantize_weight(weight: Tensor, scale: Tensor, low: int, high: int) -> Tensor:
    """Quantize and dequantize as Algorithm 3 of Zhang, Colbert & Das (2022).

    ``w^ = s clip(round(w / s), low, high)``; the gradient passes straight through where nothing
    was clipped, and is zero elsewhere. Parameters as for :func:`quantize_activation`.
    """
    result: Tensor = _QuantizeWeight.apply(weight, scale, low, high)  # type: ignore[no-untyped-call]
    return result


class _QuantizeActivation(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor, zero_point: Tensor | None, low: int, high: int
    ) -> Tensor:
        levels = x.float() / scale
        if zero_point is not None:
            levels += zero_point
        levels.round_().clamp_(low, high)
        if zero_point is not None:
            levels -= zero_point
        return levels.mul_(scale).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        return gradients[0], None, None, None, None


class _QuantizeWeight(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, scale: Tensor, low: int, high: int) -> Tensor:
        levels = (weight.float() / scale).round_()
        ctx.save_for_backward((levels >= low) & (levels <= high))
        return levels.clamp_(low, high).mul_(scale).to(weight.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None, None, None
