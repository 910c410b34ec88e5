"""What learns: a network, and what its task sets beside it."""

from torch import Tensor, nn

Weights = dict[str, Tensor]
"""A ``state_dict``, detached from its module."""


class Learner(nn.Module):
    """A network and its companions, as one state.

    Attributes
    ----------
    network
        What is pruned, quantized and delivered.
    companions
        What learns beside it, such as discriminators; often nothing.
    """

    def __init__(self, network: nn.Module, companions: nn.ModuleDict) -> None:
        super().__init__()
        self.network, self.companions = network, companions


def detached(module: nn.Module) -> Weights:
    """Copy a module's state, so that training on does not change it."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}
