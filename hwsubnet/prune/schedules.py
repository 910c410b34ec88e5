"""When channels are measured and when they are masked, as objects like learning-rate schedulers.

A schedule is a tuple of windows of training steps. Any loop can drive it: call ``step()`` after
every optimizer step, and save ``state_dict()`` with the model. Steps are counted in integers from
the start of the pruning phase; what a group has measured and its mask lie in the model's buffers,
so the step is all the state there is.

Layerwise greedy pruning is Algorithm 1 of Zhang, Colbert & Das (Applied Sciences 12(15):7829,
2022); one-shot, stepwise, unstructured and from-scratch training are what they compare it with.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Protocol

import torch
from torch import Tensor, nn

from hwsubnet.config import PruningConfig, SweepConfig
from hwsubnet.errors import ConfigError
from hwsubnet.prune.elements import WeightElements, find_elements
from hwsubnet.prune.groups import find_groups
from hwsubnet.prune.importance import Measure
from hwsubnet.prune.masks import select


class Prunable(Protocol):
    """What is pruned as a whole, to the same sparsity as all others.

    Channels that live and die together, as `hwsubnet.prune.find_groups` finds them, or the single
    weights of a layer.
    """

    @property
    def name(self) -> str:
        """For messages."""

    @property
    def channels(self) -> int:
        """How many there are."""

    @property
    def prunable(self) -> bool:
        """False where every channel must stay."""

    @property
    def layers(self) -> Sequence[Tensor]:
        """Channels, int64 (n,), of each layer that must keep one at least."""

    def observe(self, on: bool) -> None:
        """Start measuring afresh, or stop."""

    def importance(self, measure: Measure) -> Tensor:
        """Return what has been measured, (channels,)."""

    def set_mask(self, keep: Tensor) -> None:
        """Choose the channels that stay, bool (channels,)."""


@dataclass(frozen=True)
class Window:
    """Consecutive steps in which some groups are measured and masked.

    Attributes
    ----------
    groups
        Indices of the groups.
    first, last
        Its first and its last step, both inclusive.
    refresh
        Steps between two computations of the masks; there is always one after the last step.
    sparsity
        Share of the channels that the masks take away, in [0, 1).
    """

    groups: tuple[int, ...]
    first: int
    last: int
    refresh: int
    sparsity: float

    def refreshes_after(self, step: int) -> bool:
        """Whether the masks are computed anew after this step."""
        passed = step - self.first
        return step == self.last or (self.first < step < self.last and passed % self.refresh == 0)


@dataclass(frozen=True)
class Timing:
    """The published schedules' three numbers, in whole steps."""

    start: int
    """Steps before the first window."""
    interval: int
    """A window spans interval + 1 steps."""
    refresh: int
    """Steps between two computations of a mask."""


class PruningSchedule(ABC):
    """Measures and masks groups of channels as its windows say.

    Parameters
    ----------
    groups
        In forward order. Those that are not prunable are passed over.
    sparsity
        Share of every group's channels that goes, in [0, 1); counts are exact, with the rounding
        of :func:`hwsubnet.prune.masks.channels_to_keep`.
    timing
        In steps.
    measure
        Of a channel's importance.
    multiple
        Counts of channels that stay are rounded up to a multiple of this.
    counts
        How many channels of a group stay at least, by its name: what was chosen to fold well.

    Raises
    ------
    ConfigError
        If the sparsity would empty a group or a layer of it, or a group has fewer channels than
        `counts` says.
    """

    def __init__(
        self,
        groups: Sequence[Prunable],
        sparsity: float,
        timing: Timing,
        *,
        measure: Measure = "activation-l1",
        multiple: int = 1,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        self.groups = tuple(group for group in groups if group.prunable)
        self.measure, self.multiple, self.counts = measure, multiple, dict(counts or {})
        for group in self.groups:
            self._select(group, torch.zeros(group.channels), sparsity)  # raises here, if ever
        self.windows = self.plan(len(self.groups), sparsity, timing)
        self.steps_done = 0
        self._open_windows()

    @staticmethod
    @abstractmethod
    def plan(groups: int, sparsity: float, timing: Timing) -> tuple[Window, ...]:
        """Lay out the windows for so many groups."""

    @property
    def end(self) -> int:
        """Steps after which every mask is frozen."""
        return max((window.last + 1 for window in self.windows), default=0)

    @property
    def done(self) -> bool:
        """Whether every mask is frozen."""
        return self.steps_done >= self.end

    def step(self) -> None:
        """Note that a training step has been done."""
        now = self.steps_done
        for window in self.windows:
            if window.refreshes_after(now):
                for group in self._of(window):
                    importance = group.importance(self.measure)
                    group.set_mask(self._select(group, importance, window.sparsity))
            if now == window.last:
                for group in self._of(window):
                    group.observe(False)
        self.steps_done += 1
        self._open_windows()

    def state_dict(self) -> dict[str, int]:
        """Return the state, which JSON can hold; masks and measurements are in the model's."""
        return {"steps_done": self.steps_done}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from a state; the model's own must be loaded as well."""
        self.steps_done = state["steps_done"]

    def _open_windows(self) -> None:
        for window in self.windows:
            if window.first == self.steps_done:
                for group in self._of(window):
                    group.observe(True)

    def _select(self, group: Prunable, importance: Tensor, sparsity: float) -> Tensor:
        least = self.counts.get(group.name, 0)
        return select(importance, sparsity, self.multiple, group.name, group.layers, least)

    def _of(self, window: Window) -> list[Prunable]:
        return [self.groups[index] for index in window.groups]


class Layerwise(PruningSchedule):
    """Algorithm 1: one group after the other, from the input to the output.

    Group k is measured and masked, straight at the full sparsity, in the steps
    ``start + k (interval + 1)`` to ``start + k (interval + 1) + interval``. Every mask is computed
    from what its group does given the final masks before it, and anew every `refresh` steps, so a
    channel may come back; at the window's end it freezes.
    """

    @staticmethod
    def plan(groups: int, sparsity: float, timing: Timing) -> tuple[Window, ...]:
        """Lay out a window for each group."""
        firsts = [timing.start + k * (timing.interval + 1) for k in range(groups)]
        return tuple(
            Window((k,), first, first + timing.interval, timing.refresh, sparsity)
            for k, first in enumerate(firsts)
        )


class OneShot(PruningSchedule):
    """All groups measured in one window and masked at its end, when layerwise would have ended."""

    @staticmethod
    def plan(groups: int, sparsity: float, timing: Timing) -> tuple[Window, ...]:
        """Lay out the one window."""
        last = timing.start + groups * (timing.interval + 1) - 1
        first = last - timing.interval
        return (Window(tuple(range(groups)), first, last, timing.interval + 1, sparsity),)


class Stepwise(PruningSchedule):
    """All groups masked five times, ever more of them, after Zhu & Gupta (2018).

    After step ``start + i interval`` the sparsity is ``s (1 - (1 - (i + 1) / n)^3)``, n = 5. Each
    mask is computed from what was measured since the mask before it (the first: in the `interval`
    steps before it). The measure is the one that the other schedules use, not the weights of the
    original, so that schedules can be compared.
    """

    COUNT = 5

    @staticmethod
    def plan(groups: int, sparsity: float, timing: Timing) -> tuple[Window, ...]:
        """Lay out five windows, each over all groups."""
        n = Stepwise.COUNT
        windows = []
        for i in range(n):
            last = timing.start + i * timing.interval
            first = max(0, last - timing.interval + 1)
            share = sparsity * (1 - (1 - (i + 1) / n) ** 3)
            windows.append(Window(tuple(range(groups)), first, last, timing.interval + 1, share))
        return tuple(windows)


class Unstructured(Stepwise):
    """Single weights by their magnitude, at the steps of `Stepwise`, as Zhu & Gupta have it.

    Weights that went stay 0 through every step.
    """

    def step(self) -> None:
        """Note that a training step has been done."""
        for layer in self._layers():
            layer.hold()
        super().step()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from a state; the network's own must have been loaded before."""
        super().load_state_dict(state)
        for layer in self._layers():
            layer.read_zeros()

    def _layers(self) -> list[WeightElements]:
        return [group for group in self.groups if isinstance(group, WeightElements)]


class Scratch(PruningSchedule):
    """No masks: the baseline that trains a network built narrower in the first place."""

    @staticmethod
    def plan(groups: int, sparsity: float, timing: Timing) -> tuple[Window, ...]:
        """Lay out nothing."""
        return ()


SCHEDULES: dict[str, type[PruningSchedule]] = {
    "layerwise": Layerwise,
    "one-shot": OneShot,
    "stepwise": Stepwise,
    "unstructured": Unstructured,
    "scratch": Scratch,
}


def measure_of(config: PruningConfig) -> Measure:
    """Resolve ``published``: Zhang, Colbert & Das pair the stepwise schedule with the weights."""
    if config.importance != "published":
        return config.importance
    return "weight-l1" if config.schedule == "stepwise" else "activation-l1"


def find_parts(config: PruningConfig, network: nn.Module) -> tuple[Prunable, ...]:
    """Find what a config prunes in a network: its groups of channels, or its layers' weights."""
    return find_elements(network) if config.schedule == "unstructured" else find_groups(network)


def make_schedule(
    config: SweepConfig,
    groups: Sequence[Prunable],
    sparsity: float,
    steps_per_epoch: int,
    counts: Mapping[str, int] | None = None,
) -> PruningSchedule:
    """Build the schedule that a config asks for; epochs become steps here, once.

    Parameters
    ----------
    config
        Of the sweep.
    groups
        What is pruned, as `find_parts` finds it.
    sparsity
        Of each.
    steps_per_epoch
        Training steps.
    counts
        As of :class:`PruningSchedule`.

    Raises
    ------
    ConfigError
        If its windows do not fit into the pruning phase.
    """
    pruning, epochs = config.pruning, config.training.prune.epochs
    timing = Timing(
        start=round(pruning.start * steps_per_epoch),
        interval=max(1, round(pruning.interval * steps_per_epoch)),
        refresh=max(1, round(pruning.refresh * steps_per_epoch)),
    )
    if not any(group.prunable for group in groups):
        raise ConfigError("has no channels that could be pruned", where="model.name")
    schedule = SCHEDULES[pruning.schedule](
        groups,
        sparsity,
        timing,
        measure=measure_of(pruning),
        multiple=1 if pruning.schedule == "unstructured" else pruning.multiple,
        counts=counts,
    )
    if schedule.end > epochs * steps_per_epoch:
        needed = ceil(schedule.end / steps_per_epoch)
        raise ConfigError(
            f"pruning {len(schedule.groups)} groups of channels takes {schedule.end} steps, but "
            f"the phase has {epochs} epochs of {steps_per_epoch} steps",
            where="training.prune.epochs",
            fix=f"set it to {needed} or more, or shorten pruning.start or pruning.interval",
        )
    return schedule
