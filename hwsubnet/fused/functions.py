"""The kernels as functions that autograd knows."""

from ctypes import byref, pointer
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm

from hwsubnet.fused import native
from hwsubnet.prune import ChannelMask
from hwsubnet.quant import QuantIdentity
from hwsubnet.quant.quantizers import (
    ActivationQuantizer,
    AffineQuantizer,
    PixelQuantizer,
    Quantizer,
    SymmetricQuantizer,
    UnsignedQuantizer,
    WeightQuantizer,
)

RANGES: dict[type[Quantizer], int] = {
    UnsignedQuantizer: 0,
    SymmetricQuantizer: 1,
    AffineQuantizer: 2,
    PixelQuantizer: 3,
}
"""The kernel's numbers for ranges, by quantizer."""
TYPES = (torch.float32, torch.bfloat16)
_STATES = 5  # rows of enum State in site.cpp


@dataclass(frozen=True)
class Parts:
    """What stands at a site; each but `relu` may be missing.

    Attributes
    ----------
    norms, masks
        Of each source: one source, whose mask stands behind the ReLU, or two.
    joint
        The quantizer that two sources share.
    """

    norms: tuple[_BatchNorm | None, ...]
    masks: tuple[ChannelMask | None, ...]
    joint: QuantIdentity | None
    relu: bool
    mask: ChannelMask | None
    quant: QuantIdentity | None


def site(parts: Parts, *sources: Tensor) -> Tensor:
    """Compute one or two sources' norms, their quantized sum, ReLU, mask and quantizer.

    Norms, masks and quantizers are in training mode; their buffers change as they would if they
    were called.

    Parameters
    ----------
    sources
        (N, C) or channels-last (N, C, H, W), float32 or bfloat16, of one shape and type.
    """
    parameters = [
        parameter
        for norm in parts.norms
        for parameter in ((norm.weight, norm.bias) if norm is not None else (None, None))
    ]
    result: Tensor = _Site.apply(parts, torch.is_grad_enabled(), *sources, *parameters)  # type: ignore[no-untyped-call]
    return result


def weight(quantizer: WeightQuantizer, value: Tensor, kind: torch.dtype) -> Tensor:
    """Quantize the weights of a layer; while its quantizer is off, return `value` itself.

    Parameters
    ----------
    value
        A float32 parameter, output channels first.
    kind
        Type of quantized weights.
    """
    observes = quantizer.collects(value) and quantizer.is_new(value)
    if not (observes or (quantizer.enabled and quantizer.calibrated)):
        return value
    result: Tensor = _Weight.apply(value, quantizer, observes, kind)  # type: ignore[no-untyped-call]
    return result


class _Site(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, parts: Parts, counts: bool, *tensors: Tensor) -> Tensor:
        sources = tensors[: len(parts.norms)]
        first = sources[0]
        channels = first.shape[1]
        out = torch.empty_like(first)
        states = torch.empty(len(sources), _STATES, channels)
        positive = None
        if len(sources) == 2 and parts.relu:
            positive = torch.empty_like(first, dtype=torch.bool)
        call = native.Site(
            rows=first.numel() // channels,
            channels=channels,
            bfloat16=first.dtype == torch.bfloat16,
            threads=torch.get_num_threads(),
            sources=len(sources),
            relu=parts.relu,
            counts=counts,
            joint=_quantizer(parts.joint),
            keep=_address(parts.mask.keep if parts.mask is not None else None),
            importance=_importance(parts.mask, counts),
            quantizer=_quantizer(parts.quant),
            out=out.data_ptr(),
            positive=_address(positive),
        )
        for i, (x, norm, mask) in enumerate(zip(sources, parts.norms, parts.masks, strict=True)):
            call.source[i] = native.Source(
                x=x.data_ptr(),
                norm=_norm(norm),
                keep=_address(mask.keep if mask is not None else None),
                importance=_importance(mask, counts),
                state=states[i].data_ptr(),
            )
        _kernels().hwsubnet_site_forward(byref(call))
        ctx.relu, ctx.normed = parts.relu, [norm is not None for norm in parts.norms]
        read = [
            x if normed or (parts.relu and positive is None) else None
            for x, normed in zip(sources, ctx.normed, strict=True)
        ]
        ctx.layout = out.stride()
        ctx.save_for_backward(states, positive, *read)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        states, positive, *sources = ctx.saved_tensors
        gradient = _laid_out(gradients[0], ctx.layout)
        of_sources: list[Tensor] = []
        of_parameters: list[Tensor | None] = []
        channels = states.shape[-1]
        call = native.Gradient(
            rows=gradient.numel() // channels,
            channels=channels,
            bfloat16=gradient.dtype == torch.bfloat16,
            threads=torch.get_num_threads(),
            sources=len(sources),
            relu=ctx.relu,
            positive=_address(positive),
            gradient=gradient.data_ptr(),
        )
        for i, (x, normed) in enumerate(zip(sources, ctx.normed, strict=True)):
            weight, bias = torch.empty(2, channels).unbind() if normed else (None, None)
            out = torch.empty_like(gradient)
            call.source[i] = native.Branch(
                x=_address(x),
                state=states[i].data_ptr(),
                out=out.data_ptr(),
                weight=_address(weight),
                bias=_address(bias),
            )
            of_sources.append(out)
            of_parameters += [weight, bias]
        _kernels().hwsubnet_site_backward(byref(call))
        return None, None, *of_sources, *of_parameters


class _Weight(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, value: Tensor, quantizer: WeightQuantizer, observes: bool, kind: torch.dtype
    ) -> Tensor:
        out = torch.empty_like(value, dtype=kind)
        scale = torch.empty(quantizer.maximum.numel())
        ctx.range = (quantizer.low, quantizer.high)
        call = _weight_call(value, scale, ctx.range, kind)
        call.maximum, call.batches = quantizer.maximum.data_ptr(), quantizer.batches.data_ptr()
        call.bits, call.observes, call.out = quantizer.bit_width, observes, out.data_ptr()
        _kernels().hwsubnet_weight_forward(byref(call))
        ctx.save_for_backward(value, scale)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        value, scale = ctx.saved_tensors
        gradient = _laid_out(gradients[0], value.stride())
        out = torch.empty_like(value)
        call = _weight_call(value, scale, ctx.range, gradient.dtype)
        _kernels().hwsubnet_weight_backward(byref(call), gradient.data_ptr(), out.data_ptr())
        return out, None, None, None


def _kernels() -> Any:
    found = native.kernels()
    assert found is not None, "callers ask first"
    return found


def _weight_call(
    value: Tensor, scale: Tensor, levels: tuple[int, int], kind: torch.dtype
) -> native.Weight:
    return native.Weight(
        channels=scale.numel(),
        size=value.numel() // scale.numel(),
        weight=value.data_ptr(),
        low=levels[0],
        high=levels[1],
        bfloat16=kind == torch.bfloat16,
        scale=scale.data_ptr(),
    )


def _laid_out(tensor: Tensor, strides: tuple[int, ...]) -> Tensor:
    """Return `tensor` with its elements in the given order in memory."""
    if tensor.stride() == strides:
        return tensor
    new = torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype)
    return new.copy_(tensor)


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _norm(norm: nn.Module | None) -> Any:
    """Describe a norm, and count the batch as the norm does."""
    if norm is None:
        return None
    tracked: Any = norm
    tracked.num_batches_tracked.add_(1)
    momentum = tracked.momentum
    return pointer(
        native.Norm(
            weight=tracked.weight.data_ptr(),
            bias=tracked.bias.data_ptr(),
            running_mean=tracked.running_mean.data_ptr(),
            running_variance=tracked.running_var.data_ptr(),
            momentum=1 / int(tracked.num_batches_tracked) if momentum is None else momentum,
            epsilon=tracked.eps,
        )
    )


def _importance(mask: ChannelMask | None, counts: bool) -> Any:
    if mask is None or not counts or not mask.observing:
        return None
    return pointer(
        native.Importance(
            l1=mask.l1.data_ptr(), l0=mask.l0.data_ptr(), batches=mask.batches.data_ptr()
        )
    )


def _quantizer(quant: QuantIdentity | None) -> Any:
    if quant is None:
        return None
    quantizer: Quantizer = quant.quantizer
    kind = RANGES[type(quantizer)]
    call = native.Quantizer(
        range=kind, bits=quantizer.bit_width, low=quantizer.low, high=quantizer.high
    )
    if isinstance(quantizer, PixelQuantizer):
        call.step = quantizer.step.data_ptr()
    elif isinstance(quantizer, ActivationQuantizer):
        call.enabled, call.batches = quantizer.enabled.data_ptr(), quantizer.batches.data_ptr()
        call.minimum, call.maximum = quantizer.minimum.data_ptr(), quantizer.maximum.data_ptr()
    return pointer(call)
