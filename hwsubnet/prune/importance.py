"""How much a channel matters.

The measures are those of Zhang, Colbert & Das (Applied Sciences 12(15):7829, 2022):

========================  ====================================================================
``activation-l1``         mean |a| over batch, height and width, averaged over batches
``activation-l0``         share of non-zero a, likewise
``weight-l1``             sum of |w| over a filter
========================  ====================================================================
"""

from typing import Literal, get_args

from torch import Tensor, nn

Measure = Literal["activation-l1", "activation-l0", "weight-l1"]
MEASURES: tuple[Measure, ...] = get_args(Measure)


def mean_magnitude(activation: Tensor) -> Tensor:
    """Mean |a| of each channel; `activation` is (N, C) or (N, C, H, W), the result (C,)."""
    return activation.detach().float().abs().mean(_all_but_channels(activation))


def share_nonzero(activation: Tensor) -> Tensor:
    """Share of non-zero values of each channel, in [0, 1]; shapes as for `mean_magnitude`."""
    return (activation.detach() != 0).float().mean(_all_but_channels(activation))


def filter_l1(layer: nn.Module) -> Tensor:
    """Sum |w| of each output channel's filter, (C_out,)."""
    weight = layer.get_parameter("weight").detach()
    axis = output_axis(layer)
    return weight.abs().sum([other for other in range(weight.dim()) if other != axis])


def output_axis(layer: nn.Module) -> int:
    """Axis of the output channels in a layer's weights: 1 for transposed convolutions, else 0."""
    return 1 if getattr(layer, "transposed", False) else 0


def _all_but_channels(activation: Tensor) -> list[int]:
    return [axis for axis in range(activation.dim()) if axis != 1]
