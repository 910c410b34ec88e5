"""Modules that compute what several do, where the kernels can, and call them where not."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hwsubnet.fused import functions, native
from hwsubnet.prune import ChannelMask
from hwsubnet.quant import QuantAdd, QuantIdentity
from hwsubnet.quant.quantizers import WeightQuantizer


class FusedSite(nn.Module):
    """Norms, the addition of two quantized tensors, ReLU, mask and quantizer in one.

    The modules stay what and where they are; this one only holds them. In evaluation mode, and on
    tensors that the kernels do not know, it calls them one after the other.

    Parameters
    ----------
    sources
        A norm and a mask, or None, for each tensor that comes in: one tensor, or two with an
        addition.
    add
        Adds the two.
    relu, mask, quant
        What stands behind. A single source's mask is this one.
    """

    def __init__(
        self,
        sources: Sequence[tuple[nn.Module | None, ChannelMask | None]],
        add: QuantAdd | None,
        relu: nn.ReLU | None,
        mask: ChannelMask | None,
        quant: QuantIdentity | None,
    ) -> None:
        super().__init__()
        self.norms = nn.ModuleList(_or_identity(norm) for norm, _ in sources)
        self.masks = nn.ModuleList(_or_identity(mask) for _, mask in sources)
        self.add, self.relu, self.mask, self.quant = add, relu, mask, quant
        self._parts = functions.Parts(
            norms=tuple(norm for norm, _ in sources),  # type: ignore[misc]
            masks=tuple(mask for _, mask in sources),
            joint=add.quant if add is not None else None,
            relu=relu is not None,
            mask=mask,
            quant=quant,
        )
        joint = self._parts.joint
        held = (*self._parts.norms, *self._parts.masks, joint, relu, mask, quant)
        self._held = tuple(part for part in held if part is not None)

    def forward(self, *sources: Tensor) -> Tensor:
        """Take (N, C, ...) once or twice and return the same shape."""
        if not self._trains() or not _known(sources, self._parts):
            return self._one_by_one(*sources)
        return functions.site(self._parts, *map(_channels_last, sources))

    def _trains(self) -> bool:
        """Whether all of it trains."""
        return native.kernels() is not None and all(part.training for part in self._held)

    def _one_by_one(self, *sources: Tensor) -> Tensor:
        branches = [
            mask(norm(x)) for x, norm, mask in zip(sources, self.norms, self.masks, strict=True)
        ]
        value: Tensor = self.add(*branches) if self.add is not None else branches[0]
        for part in (self.relu, self.mask, self.quant):
            if part is not None:
                value = part(value)
        return value


class FusedLayer(nn.Module):
    """A convolution or a linear layer whose weights the kernel quantizes.

    Parameters
    ----------
    layer
        Of :mod:`hwsubnet.quant`; it stays what and where it is.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        layer: Any = self.layer
        quantizer = layer.weight_quant.tensor_quant
        known = layer.training and layer.weight.device.type == x.device.type == "cpu"
        if not known or native.kernels() is None or not _outputs_first(layer.weight, quantizer):
            return layer(x)  # type: ignore[no-any-return]
        autocast = torch.is_autocast_enabled("cpu")
        kind = torch.get_autocast_dtype("cpu") if autocast else torch.float32
        weight = functions.weight(quantizer, layer.weight, kind)
        if isinstance(layer, nn.Linear):
            return nn.functional.linear(x, weight, layer.bias)
        return layer._conv_forward(x, weight, layer.bias)  # type: ignore[no-any-return]


def _or_identity(module: nn.Module | None) -> nn.Module:
    return nn.Identity() if module is None else module


def _known(sources: Sequence[Tensor], parts: functions.Parts) -> bool:
    """Whether the kernels can compute on these tensors."""
    first = sources[0]
    rows = first.numel() // first.shape[1] if first.dim() in (2, 4) and first.numel() else 0
    return rows > any(norm is not None for norm in parts.norms) and all(
        type(x) is Tensor
        and x.device.type == "cpu"
        and x.dtype in functions.TYPES
        and x.dtype == first.dtype
        and x.shape == first.shape
        for x in sources
    )


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x.contiguous()


def _outputs_first(weight: Tensor, quantizer: Any) -> bool:
    """Whether each scale's weights lie together in memory."""
    if not isinstance(quantizer, WeightQuantizer) or weight.dtype != torch.float32:
        return False
    scale = quantizer.maximum
    if scale.dim() > 0 and scale.shape[0] != scale.numel():
        return False  # transposed: output channels are the second axis
    dense = weight.is_contiguous()
    return dense or (weight.dim() == 4 and weight.is_contiguous(memory_format=torch.channels_last))
