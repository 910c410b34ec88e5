"""The stage: from a trained, masked network on disk to a compact one."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from hwsubnet.artifacts import (
    Alignment,
    ChosenWidths,
    CompactNetwork,
    File,
    Kept,
    TrainedNetwork,
)
from hwsubnet.compact.metrics import count, megabits
from hwsubnet.compact.removal import remove_channels
from hwsubnet.errors import ConfigError
from hwsubnet.models import layer_label, load_network, save_weights
from hwsubnet.prune import ChannelGroup, channels_to_keep, find_groups
from hwsubnet.prune.elements import count_zeros

WEIGHTS = "weights.safetensors"


def compact(
    trained: TrainedNetwork,
    folder: Path,
    out: Path,
    multiple: int = 1,
    widths: ChosenWidths | None = None,
) -> CompactNetwork:
    """Remove the masked channels of a trained network and count what is left.

    Parameters
    ----------
    trained, folder
        The network and the folder of its weights.
    out
        Folder for the compact network.
    multiple
        Kept widths are multiples of this. Pruning chooses them so (``pruning.align``), while the
        channels still learn: channels that come back only here would carry untrained weights, or
        zeros. So nothing is rounded here; what rounding cost is reported, against a network of
        exact counts.
    widths
        Kept widths are these, and no multiples are asked for.

    Raises
    ------
    ModelError
        If the weights cannot be read.
    ConfigError
        If the masks were not made for `multiple`, or for `widths`.
    """
    spec = trained.spec
    masked = load_network(spec, folder / trained.weights.path)
    groups = find_groups(masked)
    pruned = [group for group in groups if group.prunable and not bool(group.mask.all())]
    if widths is None:
        _check_alignment(pruned, multiple)
    else:
        _check_widths(groups, widths)
    network = remove_channels(masked, groups)
    counts = count(network, spec.input_shape)
    save_weights(network, out / WEIGHTS)
    result = CompactNetwork(
        spec=spec,
        sparsity=trained.sparsity,
        weights=File.of(out, WEIGHTS),
        channels=_channels(masked, network),
        alignment=_alignment(masked, groups, network, trained, None if widths else multiple),
        weights_mbit=megabits(counts.parameters, spec.precision.weight_bits),
        activations_mbit=megabits(counts.activations, spec.precision.activation_bits),
        activations_mbit_paper=megabits(counts.activations_paper, spec.precision.activation_bits),
        macs=counts.macs,
        bit_operations=counts.bit_operations,
        zero_weights=count_zeros(network),
    )
    result.save(out)
    return result


def load_compact(artifact: CompactNetwork, folder: Path) -> nn.Module:
    """Read a compact network back, bit for bit, in evaluation mode.

    Raises
    ------
    ModelError
        If its file is missing, damaged, or of another network.
    """
    return load_network(artifact.spec, folder / artifact.weights.path)


def _check_alignment(pruned: Sequence[ChannelGroup], multiple: int) -> None:
    for group in pruned:
        kept = int(group.mask.sum())
        if kept % multiple:
            raise ConfigError(
                f"keeps {kept} of {group.channels} channels, not a multiple of {multiple}",
                where=group.name,
                fix=f"prune it with pruning.align set to {multiple}",
            )


def _check_widths(groups: Sequence[ChannelGroup], widths: ChosenWidths) -> None:
    kept = {group.name: int(group.mask.sum()) for group in groups if group.prunable}
    for name, wanted in widths.counts.items():
        if kept.get(name) != wanted:
            raise ConfigError(
                f"keeps {kept.get(name, 'no')} channels, and {wanted} were chosen",
                where=name,
                fix="prune it with the widths that were chosen",
            )


def _channels(masked: nn.Module, network: nn.Module) -> dict[str, Kept]:
    """Output channels by weight layer, in the order in which the layers were built."""

    def widths(model: nn.Module) -> dict[str, int]:
        return {
            layer_label(name): layer.out_features
            if isinstance(layer, nn.Linear)
            else layer.out_channels
            for name, layer in model.named_modules()
            if isinstance(layer, nn.Linear | _ConvNd)
        }

    before, after = widths(masked), widths(network)
    return {name: Kept(kept=after[name], of=of) for name, of in before.items()}


def _alignment(
    masked: nn.Module,
    groups: Sequence[ChannelGroup],
    network: nn.Module,
    trained: TrainedNetwork,
    multiple: int | None,
) -> Alignment:
    """Compare with a network whose groups keep exactly as many channels as the level says."""
    exact = {group.name: _exactly(group, trained.sparsity) for group in groups if group.prunable}
    extra = sum(
        int(group.mask.sum()) - int(exact[group.name].sum()) for group in groups if group.prunable
    )
    if extra == 0:
        return Alignment(multiple=multiple, extra_channels=0, extra_weights=0, extra_macs=0)
    shape = trained.spec.input_shape
    here, there = count(network, shape), count(remove_channels(masked, groups, exact), shape)
    return Alignment(
        multiple=multiple,
        extra_channels=extra,
        extra_weights=here.weights - there.weights,
        extra_macs=here.macs - there.macs,
    )


def _exactly(group: ChannelGroup, sparsity: float) -> Tensor:
    """Keep the first so many of the kept channels; which ones does not matter to the counts."""
    mask = group.mask
    if bool(mask.all()):
        return mask  # nothing was pruned: a dense network, or one trained from scratch
    kept = torch.nonzero(mask).flatten()[: channels_to_keep(group.channels, sparsity)]
    return torch.zeros_like(mask).index_fill_(0, kept, True)
