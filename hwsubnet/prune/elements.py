"""Single weights as what is pruned: the unstructured baseline of Zhang, Colbert & Das (2022).

No channel goes, so nothing can be removed: hardware keeps a place for every weight. What this
gives is the accuracy that pruning without regard to hardware reaches at the same sparsity.
"""

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from hwsubnet.prune.importance import Measure


class WeightElements:
    """The weights of one layer, each by itself; takes the place of a group of channels.

    A weight that went is 0, and `hold` makes it 0 again after every step of an optimizer. The
    zeros are the mask: they are saved, resumed, exported and copied with the weights, and every
    symmetric quantizer keeps them.

    Parameters
    ----------
    name
        Path of the layer in the network.
    layer
        Convolution or linear layer.
    """

    prunable = True
    layers: tuple[Tensor, ...] = ()

    def __init__(self, name: str, layer: nn.Module) -> None:
        self.name, self.layer = name, layer
        self.read_zeros()

    @property
    def channels(self) -> int:
        """How many weights there are."""
        return self._weight.numel()

    def observe(self, on: bool) -> None:
        """Do nothing: weights need no training passes to be measured."""

    def importance(self, measure: Measure) -> Tensor:
        """Return every weight's magnitude, float32 (weights,), whatever `measure` says."""
        return self._weight.flatten().abs().float()

    def set_mask(self, keep: Tensor) -> None:
        """Choose the weights that stay, bool (weights,)."""
        self._gone = ~keep.reshape(self._weight.shape)
        self.hold()

    def hold(self) -> None:
        """Set the weights that went to 0 again."""
        self._weight.masked_fill_(self._gone.to(self._weight.device), 0)

    def read_zeros(self) -> None:
        """Take for gone what is 0 now, as in a network that has been loaded."""
        self._gone = self._weight == 0

    @property
    def _weight(self) -> Tensor:
        return self.layer.get_parameter("weight").detach()


def find_elements(model: nn.Module) -> tuple[WeightElements, ...]:
    """Find the layers whose single weights can be pruned: every convolution and linear layer."""
    return tuple(
        WeightElements(name, module)
        for name, module in model.named_modules()
        if isinstance(module, _ConvNd | nn.Linear)
    )


def count_zeros(model: nn.Module) -> int:
    """Count the weights of convolutions and linear layers that are exactly 0."""
    layers = (layer.layer.get_parameter("weight") for layer in find_elements(model))
    return sum(int(torch.count_nonzero(weight == 0)) for weight in layers)
