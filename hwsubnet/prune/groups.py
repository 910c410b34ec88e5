"""Channel groups: which channels of which layers live and die together.

A residual addition, a depthwise layer or a reused module ties the channels of several layers: a
channel can only be removed in all of them at once. The groups are found by following every single
channel through the traced network, so that any mixture of additions, concatenations and depthwise
layers is covered; layers between keep their own numbering of the group's channels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hwsubnet.errors import ConfigError, ModelError
from hwsubnet.prune.importance import Measure, filter_l1
from hwsubnet.prune.masks import ChannelMask
from hwsubnet.prune.tracing import Trace, trace


@dataclass(frozen=True, eq=False)
class Member:
    """One module's share in a group.

    Attributes
    ----------
    name
        Path of the module in the network.
    module
        The module itself.
    index
        int64, one entry for each of the module's channels (columns, for the input of a linear
        layer that reads a flattened image): its number in the group, -1 where it belongs to
        another group or to none.
    """

    name: str
    module: nn.Module
    index: Tensor

    def pick(self, keep: Tensor) -> Tensor:
        """Which of the module's channels stay if the group keeps `keep`; others' all stay."""
        keep = keep.to(self.index.device)
        return torch.where(self.index >= 0, keep[self.index.clamp(min=0)], True)

    def gather(self, values: Tensor, channels: int) -> Tensor:
        """Sum per-channel `values` of the module into the group's channels."""
        mine = self.index >= 0
        total = torch.zeros(channels, dtype=values.dtype)
        return total.index_add_(0, self.index[mine], values.cpu()[mine])


@dataclass(frozen=True, eq=False)
class ChannelGroup:
    """Channels that live and die together.

    Attributes
    ----------
    name
        Path of the first layer that produces the channels.
    channels
        How many there are.
    exempt
        Why all of them must stay, such as "reach the network's output" or that there is but one;
        None where they may go.
    sites
        Masks that the channels pass.
    producers
        Layers whose output channels they are, depthwise layers among them.
    norms
        Norms that they pass.
    consumers
        Layers whose input channels they are.
    """

    name: str
    channels: int
    exempt: str | None
    sites: tuple[Member, ...]
    producers: tuple[Member, ...]
    norms: tuple[Member, ...]
    consumers: tuple[Member, ...]

    @property
    def prunable(self) -> bool:
        """Whether channels may go."""
        return self.exempt is None

    @property
    def layers(self) -> tuple[Tensor, ...]:
        """The group's channels in each layer that produces some, int64 (n,); all must keep one."""
        return tuple(torch.unique(member.index[member.index >= 0]) for member in self.producers)

    @property
    def mask(self) -> Tensor:
        """Which channels stay: those that some site lets pass, bool (channels,)."""
        if not self.sites:
            return torch.ones(self.channels, dtype=torch.bool)
        passing = torch.zeros(self.channels)
        for member, mask in self._masks():
            passing += member.gather(mask.keep.float(), self.channels)
        return passing > 0

    def set_mask(self, keep: Tensor) -> None:
        """Choose the channels that stay, at every site of the group.

        Raises
        ------
        ModelError
            If the group is not prunable and `keep` leaves channels out.
        ConfigError
            If a layer would lose all its channels, as the short branch of a concatenation may.
        """
        if not self.prunable and not bool(keep.all()):
            raise ModelError(f"is exempt from pruning: its channels {self.exempt}", where=self.name)
        for producer in self.producers:
            if not bool(producer.pick(keep).any()):
                raise ConfigError(
                    f"would lose all {len(producer.index)} channels",
                    where=producer.name,
                    fix="choose a lower level or a wider layer",
                )
        for member, mask in self._masks():
            mine = member.index >= 0
            chosen = mask.keep.clone()
            chosen[mine.to(chosen.device)] = keep.to(chosen.device)[
                member.index[mine].to(chosen.device)
            ]
            mask.set(chosen)

    def observe(self, on: bool) -> None:
        """Start measuring the group's activations afresh, or stop."""
        for _, mask in self._masks():
            mask.observe(on)

    def importance(self, measure: Measure = "activation-l1") -> Tensor:
        """Return the importance of each channel, float32 (channels,).

        A channel with several sites (for weights: several producers) gets the sum over them. A
        site that lies after another one of the same group sees what the earlier mask leaves.
        """
        if measure == "weight-l1":
            parts = [(member, filter_l1(member.module)) for member in self.producers]
        else:
            parts = [
                (member, mask.l1 if measure == "activation-l1" else mask.l0)
                for member, mask in self._masks()
            ]
        total = torch.zeros(self.channels)
        for member, values in parts:
            total += member.gather(values.float(), self.channels)
        return total

    def _masks(self) -> Iterator[tuple[Member, ChannelMask]]:
        for member in self.sites:
            assert isinstance(member.module, ChannelMask)
            yield member, member.module


def find_groups(model: nn.Module) -> tuple[ChannelGroup, ...]:
    """Find the channel groups of a network, in forward order.

    Channels that go through an operation that is not understood are exempt from pruning, and
    their group's `exempt` names it.

    Parameters
    ----------
    model
        A network that ``torch.fx`` can trace, with a :class:`ChannelMask` after the norm of every
        layer that may be pruned.

    Raises
    ------
    ModelError
        If the network cannot be traced, naming the line of its code.
    """
    found = trace(model)
    numbers: dict[int, int] = {}
    members: dict[int, list[int]] = {}
    for atom in range(found.atoms):
        channel = found.tied(atom)
        group = found.together(atom)
        if channel not in numbers:
            numbers[channel] = len(members.setdefault(group, []))
            members[group].append(channel)
    return tuple(_group(found, group, numbers, len(members[group])) for group in members)


def _group(found: Trace, group: int, numbers: dict[int, int], channels: int) -> ChannelGroup:
    def share(role: str) -> tuple[Member, ...]:
        shares = []
        for name, atoms in found.roles[role].items():
            index = [
                numbers[found.tied(atom)] if atom >= 0 and found.together(atom) == group else -1
                for atom in atoms
            ]
            if max(index, default=-1) >= 0:
                module = found.modules[name]
                shares.append(Member(name, module, torch.tensor(index)))
        return tuple(shares)

    producers = share("producer")
    exempt = next((why for a, why in found.frozen.items() if found.together(a) == group), None)
    return ChannelGroup(
        name=producers[0].name,
        channels=channels,
        exempt=exempt or ("cannot be fewer than one" if channels == 1 else None),
        sites=share("site"),
        producers=producers,
        norms=share("norm"),
        consumers=share("consumer"),
    )
