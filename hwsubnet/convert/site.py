"""What stands where an activation leaves one layer for the next."""

from torch import Tensor, nn

from hwsubnet.prune import ChannelMask
from hwsubnet.quant import QuantIdentity


class Site(nn.Module):
    """Activation function, channel mask, quantizer, in the order of Zhang, Colbert & Das (2022).

    Parameters
    ----------
    activation
        ReLU or another function.
    mask, quant
        None where channels are not pruned, or values not quantized.
    """

    def __init__(
        self, activation: nn.Module, mask: ChannelMask | None, quant: QuantIdentity | None
    ) -> None:
        super().__init__()
        self.activation = activation
        if mask is not None:
            self.mask = mask
        if quant is not None:
            self.quant = quant

    def forward(self, x: Tensor) -> Tensor:
        """Apply to (N, C, ...)."""
        for part in self.children():
            x = part(x)
        return x
