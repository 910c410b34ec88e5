"""Whether a layer ranks its channels alike before and after the layers ahead of it are pruned.

That it does not is why Zhang, Colbert & Das (Applied Sciences 12(15):7829, 2022) prune layer by
layer: a channel that matters in the dense network may not matter given sparse predecessors.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from hwsubnet.analysis.rankings import kendall_tau_a, levenshtein, ranking
from hwsubnet.prune import ChannelGroup, Measure, select

NamedGroups = Sequence[tuple[str, ChannelGroup]]
"""Prunable groups of channels in forward order, with names for people."""


@dataclass(frozen=True)
class Comparison:
    """Two rankings of one layer's channels.

    Attributes
    ----------
    layer
        Its name.
    channels
        How many it has.
    sparsity
        Of the layers ahead of it in the second ranking. 0: both are of the dense network, on two
        halves of the images; what they differ by is what sampling does.
    tau
        Kendall's tau-a, in [-1, 1].
    edits
        Levenshtein distance, in [0, channels].
    """

    layer: str
    channels: int
    sparsity: float
    tau: float
    edits: int

    @property
    def edited(self) -> float:
        """Levenshtein distance as a share of the channels."""
        return self.edits / self.channels


def compare(
    network: nn.Module,
    groups_of: Callable[[nn.Module], NamedGroups],
    batches: Sequence[Tensor],
    sparsities: Sequence[float],
    measure: Measure = "activation-l1",
) -> tuple[Comparison, ...]:
    """Rank each layer's channels in the dense network and given sparse predecessors.

    For each sparsity, layers are masked from the input on: each is ranked by what it does behind
    the masks of all layers before it, then masked by that ranking. Weights do not change. The
    first layer has no predecessors and is left out.

    Parameters
    ----------
    network
        Trained, all channels there; it is not changed.
    groups_of
        Finds its groups.
    batches
        Images, two batches at least.
    sparsities
        Shares of every layer's channels that go, each in (0, 1).
    measure
        Of importance.

    Returns
    -------
    For each layer and each of 0 and `sparsities`.
    """
    dense = copy.deepcopy(network)
    names = [name for name, _ in groups_of(dense)]
    importances = _importances(dense, groups_of(dense), batches, measure)
    halves = [_importances(dense, groups_of(dense), batches[k::2], measure) for k in (0, 1)]
    found = [_compare(names[k], 0.0, halves[0][k], halves[1][k]) for k in range(1, len(names))]
    for sparsity in sparsities:
        sparse = copy.deepcopy(network)
        groups = groups_of(sparse)
        for k, (name, group) in enumerate(groups):
            (importance,) = _importances(sparse, [(name, group)], batches, measure)
            if k > 0:
                found.append(_compare(name, sparsity, importances[k], importance))
            group.set_mask(select(importance, sparsity, where=name, layers=group.layers))
    return tuple(found)


def _importances(
    network: nn.Module, groups: NamedGroups, batches: Sequence[Tensor], measure: Measure
) -> list[Tensor]:
    """Measure groups in training passes, as pruning does, without any step of an optimizer."""
    network.train()
    for _, group in groups:
        group.observe(True)
    for images in batches:
        network(images)
    for _, group in groups:
        group.observe(False)
    return [group.importance(measure) for _, group in groups]


def _compare(layer: str, sparsity: float, first: Tensor, second: Tensor) -> Comparison:
    return Comparison(
        layer=layer,
        channels=len(first),
        sparsity=sparsity,
        tau=kendall_tau_a(first, second),
        edits=levenshtein(ranking(first), ranking(second)),
    )
