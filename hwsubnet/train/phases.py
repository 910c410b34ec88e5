"""The phases of training: dense, pruning, quantization-aware training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import cos, pi
from typing import Literal, Protocol

from torch import nn

from hwsubnet.config import PhaseConfig, SweepConfig
from hwsubnet.prune.elements import find_elements
from hwsubnet.prune.schedules import find_parts, make_schedule
from hwsubnet.quant import set_quantization


class Schedule(Protocol):
    """What is told of every training step of a phase, and acts on some."""

    @property
    def done(self) -> bool:
        """Whether it has brought the network into its final form."""

    def step(self) -> None:
        """Note that a training step has been done."""

    def state_dict(self) -> dict[str, int]:
        """Return a state that JSON can hold."""

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from a state."""


class Unchanging:
    """The schedule of a phase in which the network only learns."""

    done = True

    def step(self) -> None:
        """Do nothing."""

    def state_dict(self) -> dict[str, int]:
        """Return nothing."""
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Take nothing."""


class Quantization:
    """Switches the quantizers on, activations and weights each after so many steps.

    Parameters
    ----------
    network
        Whose quantizers; their state is in its buffers.
    weights_after, activations_after
        Steps.
    """

    def __init__(self, network: nn.Module, *, weights_after: int, activations_after: int) -> None:
        self.network = network
        self.weights_after, self.activations_after = weights_after, activations_after
        self.steps_done = 0
        self._switch()

    @property
    def done(self) -> bool:
        """Whether all of it is on, and has been for a step."""
        return self.steps_done > max(self.weights_after, self.activations_after)

    def step(self) -> None:
        """Note that a training step has been done."""
        self.steps_done += 1
        self._switch()

    def state_dict(self) -> dict[str, int]:
        """Return the step."""
        return {"steps_done": self.steps_done}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from a step; the network's own state must be loaded as well."""
        self.steps_done = state["steps_done"]

    def _switch(self) -> None:
        if self.steps_done == self.weights_after:
            set_quantization(self.network, weights=True)
        if self.steps_done == self.activations_after:
            set_quantization(self.network, activations=True)


class Holding:
    """Runs another schedule, and keeps at 0 the single weights that were pruned before.

    Parameters
    ----------
    schedule
        The other one.
    network
        Whose weights.
    """

    def __init__(self, schedule: Schedule, network: nn.Module) -> None:
        self.schedule, self.layers = schedule, find_elements(network)

    @property
    def done(self) -> bool:
        """Whether the other one is."""
        return self.schedule.done

    def step(self) -> None:
        """Note that a training step has been done."""
        for layer in self.layers:
            layer.hold()
        self.schedule.step()

    def state_dict(self) -> dict[str, int]:
        """Return the other one's state; the zeros are in the network's."""
        return self.schedule.state_dict()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Give the other one its state; the network's own must have been loaded before."""
        self.schedule.load_state_dict(state)
        for layer in self.layers:
            layer.read_zeros()


@dataclass(frozen=True)
class Phase:
    """A phase, ready to be run.

    Attributes
    ----------
    name
        Which one.
    config
        Its length and learning rates.
    first_epoch
        Epochs of training before it, over all phases.
    schedule
        Makes the schedule for a network that the phase begins with, and its steps per epoch.
    """

    name: Literal["dense", "prune", "qat"]
    config: PhaseConfig
    first_epoch: int
    schedule: Callable[[nn.Module, int], Schedule]


def dense_phase(config: SweepConfig) -> Phase:
    """Train in floating point."""
    return Phase("dense", config.training.dense, 0, lambda network, steps: Unchanging())


def prune_phase(
    config: SweepConfig, sparsity: float, counts: Mapping[str, int] | None = None
) -> Phase:
    """Train on in floating point while channels are masked, `sparsity` of every group.

    Where `counts` names a group, so many of its channels stay at least.
    """

    def schedule(network: nn.Module, steps: int) -> Schedule:
        return make_schedule(config, find_parts(config.pruning, network), sparsity, steps, counts)

    return Phase("prune", config.training.prune, config.training.dense.epochs, schedule)


def qat_phase(config: SweepConfig) -> Phase:
    """Train on with weights and activations quantized."""
    training = config.training

    def schedule(network: nn.Module, steps: int) -> Schedule:
        quantization = Quantization(
            network,
            weights_after=round(training.quantize_weights_after * steps),
            activations_after=round(training.quantize_activations_after * steps),
        )
        unstructured = config.pruning.schedule == "unstructured"
        return Holding(quantization, network) if unstructured else quantization

    first_epoch = training.dense.epochs + training.prune.epochs
    return Phase("qat", training.qat, first_epoch, schedule)


def learning_rate(phase: PhaseConfig, share: float) -> float:
    """Learning rate when `share`, in [0, 1), of the phase has passed.

    ``cosine``: half a period of a cosine, from the phase's learning rate to 0. ``linear``: a
    straight line to 0, from the first milestone on. ``step``: multiplied by `decay` at every
    milestone.
    """
    if phase.schedule == "cosine":
        return phase.learning_rate * (1 + cos(pi * share)) / 2
    if phase.schedule == "linear":
        begin = phase.milestones[0] if phase.milestones else 0.0
        return phase.learning_rate * (1 - max(0.0, share - begin) / (1 - begin))
    passed = sum(share >= milestone for milestone in phase.milestones)
    return phase.learning_rate * phase.decay**passed
