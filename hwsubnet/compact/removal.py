"""Removes channels from a network, exactly.

A masked channel is 0 wherever a layer reads it, so the column of weights that multiplies it, the
filter that makes it and its share of the norm can all go, and no output changes but for the order
of floating-point sums. Quantizers keep their statistics: a weight's scale was found over all
input channels, and is not computed anew from those that are left.
"""

import copy
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from hwsubnet.models import fit_shapes
from hwsubnet.prune import ChannelGroup, Member
from hwsubnet.prune.importance import output_axis

Keeps = Mapping[str, Tensor]
"""Which channels stay, bool (channels,), by name of the group."""


def remove_channels(
    model: nn.Module, groups: Sequence[ChannelGroup], keeps: Keeps | None = None
) -> nn.Module:
    """Return a smaller copy of `model`, in evaluation mode.

    Parameters
    ----------
    model
        The masked network.
    groups
        Its channel groups, as ``find_groups(model)`` gives them.
    keeps
        The channels that stay; those that the masks keep, if not given.
    """
    if keeps is None:
        keeps = {group.name: group.mask for group in groups if group.prunable}
    state = reduced_state(model, groups, keeps)
    smaller = copy.deepcopy(model).eval()
    fit_shapes(smaller, state)
    smaller.load_state_dict(state)
    return smaller


def reduced_state(
    model: nn.Module, groups: Sequence[ChannelGroup], keeps: Keeps
) -> dict[str, Tensor]:
    """Return the state of `model` without the channels that do not stay."""
    state = dict(model.state_dict())
    outputs = _stay(groups, keeps, lambda group: group.producers)
    inputs = _stay(groups, keeps, lambda group: group.consumers)
    norms = _stay(groups, keeps, lambda group: group.norms)
    sites = _stay(groups, keeps, lambda group: group.sites)
    for name in outputs.keys() | inputs.keys():
        axis = output_axis(model.get_submodule(name))
        if name in outputs:
            _slice(
                state, name, outputs[name], axis, ("weight", "weight_quant.tensor_quant.maximum")
            )
            _slice(state, name, outputs[name], 0, ("bias",))
        if name in inputs:
            _slice(state, name, inputs[name], 1 - axis, ("weight",))
    for name, stay in norms.items():
        _slice(state, name, stay, 0, ("weight", "bias", "running_mean", "running_var"))
    for name, stay in sites.items():
        _slice(state, name, stay, 0, ("keep", "l1", "l0"))
    return state


def _stay(
    groups: Sequence[ChannelGroup],
    keeps: Keeps,
    members: Callable[[ChannelGroup], tuple[Member, ...]],
) -> dict[str, Tensor]:
    """Which channels stay, by module; a module may hold channels of several groups."""
    stay: dict[str, Tensor] = {}
    for group in groups:
        if group.name not in keeps:
            continue
        for member in members(group):
            picked = member.pick(keeps[group.name])
            stay[member.name] = stay[member.name] & picked if member.name in stay else picked
    return stay


def _slice(
    state: dict[str, Tensor], module: str, stay: Tensor, axis: int, parts: Sequence[str]
) -> None:
    for part in parts:
        key = f"{module}.{part}"
        tensor = state.get(key)
        if tensor is not None and tensor.dim() > 0:  # a scale per tensor has no axis
            state[key] = tensor.index_select(axis, torch.nonzero(stay).flatten().to(tensor.device))
